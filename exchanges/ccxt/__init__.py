"""Every exchange of the ccxt library that the gateway does not have itself: https://docs.ccxt.com

ccxt computes requests and reads replies. The network, the clock, the nonces, the limits and the outcome of an order
stay the gateway's.
"""

from exchanges.ccxt.names import hint, sources

__all__ = ["hint", "sources"]
