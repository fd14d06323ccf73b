"""The market of an order that is named by its id: where the journal knows it, the one that it was sent to."""

import logging

from sqlalchemy.exc import SQLAlchemyError

from orders.intents import Intent
from orders.journal import Journal
from orders.trader import Trader
from protocol.errors import InvalidCall, cause
from protocol.models import Symbol

log = logging.getLogger("fmz-gateway")


def market_of(exchange: Trader, journal: Journal, symbol: Symbol | None, order_id: str) -> Symbol:
    """Return the market of an order: where the journal knows it, the one that it was sent to, else the one that FMZ's
    name means now. symbol: None if FMZ named none. Raises InvalidCall if it is not known then."""
    if symbol and not exchange.has_contracts:
        return exchange.resolve(symbol)
    markets = {intent.sent_to for intent in known(exchange, journal, symbol, order_id)}
    if len(markets) == 1:
        return markets.pop()
    if symbol is None:
        raise InvalidCall(
            f"order {order_id} needs a symbol such as BTC_USDT: none was given, and the journal does not know its "
            "market; nothing was sent"
        )
    return exchange.resolve(symbol)


def known(exchange: Trader, journal: Journal, symbol: Symbol | None, order_id: str) -> list[Intent]:
    """Return what the journal has of an order, in the markets that FMZ's name may mean; nothing where it cannot be
    read."""
    try:
        found = journal.find_orders(exchange.name, exchange.account, order_id)
    except SQLAlchemyError as error:
        log.error("the journal could not be read for an order: %s", cause(error))
        return []
    return [one for one in found if symbol is None or symbol.may_mean(one.symbol, one.market_name)]
