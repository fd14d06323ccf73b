"""OKX, spot and futures, which are one API."""
