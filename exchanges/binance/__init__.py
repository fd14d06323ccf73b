"""Binance, spot and USDⓈ-margined futures."""
