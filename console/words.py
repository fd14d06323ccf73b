"""The words that pages show and that are written elsewhere, here for the catalogues of translations."""


def marked(text: str) -> str:
    """Return a text, which the catalogues have because this is called with it."""
    return text


FACTS = (
    marked("documentation"),
    marked("trades"),
    marked("can"),
    marked("cannot"),
    marked("keys"),
    marked("client order ids"),
    marked("market orders"),
    marked("testnet"),
    marked("signature proved by"),
    marked("address"),
    marked("yes"),
    marked("no"),
)
"""The titles of what is known of an exchange, and two answers."""

HINTS = (
    marked("a market such as BTC_USDT, btc or BTC_USDT.swap"),
    marked("a market such as BTC_USDT"),
    marked("a market such as BTC_USDT.swap"),
    marked("a time in ms"),
    marked("a positive whole number of orders"),
    marked("a positive whole number of minutes"),
    marked("a positive whole number of bars"),
    marked("an order's id, as a string or number"),
    marked("a plain decimal number; -1 means market"),
    marked("a plain decimal number above zero"),
    marked("a plain decimal number above zero, or -1 to leave it as it is"),
    marked("a contract code such as swap"),
    marked("a positive whole number"),
    marked("a string"),
    marked("a JSON object"),
)
"""The schemas' own words for what a parameter must be."""

STATES = (
    marked("sending"),
    marked("unknown"),
    marked("accepted"),
    marked("refused"),
    marked("not sent"),
    marked("absent"),
    marked("buy"),
    marked("sell"),
)
"""The states of an order, and its sides."""
