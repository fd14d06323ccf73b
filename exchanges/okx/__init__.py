"""OKX, spot and futures, which share one API."""
