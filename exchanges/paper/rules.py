"""The treatment of a new order by its market: refused by the rules, or given what it takes from the book."""

from collections.abc import Iterator
from decimal import Decimal

from exchanges.paper.listings import Listing
from exchanges.paper.money import shown
from protocol.errors import InvalidOrder
from protocol.models import NewOrder, Side


def reaches(side: Side, limit: Decimal, price: Decimal) -> bool:
    """Return True if a trade at a price reaches an order's limit."""
    return limit >= price if side is Side.BUY else limit <= price


def check(exchange: str, listing: Listing, new: NewOrder, price: Decimal) -> None:
    """Raise InvalidOrder if an order breaks the market's rules."""
    rules = listing.market

    def refused(what: str, number: Decimal, rule: str, limit: Decimal) -> InvalidOrder:
        return InvalidOrder(f"{exchange}: {what} {shown(number)} is {rule} {shown(limit)}")

    if new.price is not None and listing.ticks(new.price).denominator != 1:
        raise refused("price", new.price, "not a multiple of the price step", rules.tick_size)
    if not new.spends:
        if listing.lots(new.amount).denominator != 1:
            raise refused("amount", new.amount, "not a multiple of the amount step", rules.lot_size)
        if new.amount < rules.min_amount:
            raise refused("amount", new.amount, "below the least amount", rules.min_amount)
    value = new.amount if new.spends else listing.notional(price if new.price is None else new.price, new.amount)
    if value < rules.min_notional:
        raise refused(f"a value in {rules.symbol.quote} of", value, "below the least value", rules.min_notional)


def crossing(listing: Listing, new: NewOrder, levels: tuple[tuple[int, int], ...]) -> Iterator[tuple[Decimal, Decimal]]:
    """Yield the prices and amounts that a new order takes from the levels of a book."""
    left = new.amount
    for ticks, lots in levels:
        price, amount = listing.price(ticks), listing.amount(lots)
        if new.price is not None and not reaches(new.side, new.price, price):
            return
        if not new.spends:
            amount = min(amount, left)
            left -= amount
        else:
            if price * amount > left:
                amount = left // (price * listing.market.lot_size) * listing.market.lot_size
            left -= price * amount
        if not amount:
            return
        yield price, amount
