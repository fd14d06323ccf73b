"""The dated contracts: which there are at a time, their names, and when they are delivered.

They are delivered on Fridays at 08:00 UTC. A week's contract is the ``this_week`` of its last seven days, and a
quarter's ends on the last Friday of March, June, September or December. ``quarter`` is the nearest of these that is not
``this_week`` or ``next_week``: two weeks before its delivery the quarter's contract becomes ``next_week``, and the
quarter after it ``quarter``. An order and a position stay with their contract, by its own name: ``BTC-USDT-240329``.
"""

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import lru_cache

from exchanges.paper.listings import SWAPS, Listing
from protocol.models import Market, Symbol

ALIASES = ("this_week", "next_week", "quarter", "next_quarter")

_DATED = ("BTC_USDT.swap", "ETH_USDT.swap", "BTC_USD.swap", "ETH_USD.swap")
"""The swaps beside which there are dated contracts, with the same size."""
_WEEK = timedelta(weeks=1)
_FRIDAY, _HOUR = 4, 8
_ENDS = (3, 6, 9, 12)  # months in which quarters end
_NAME = re.compile(r"([A-Z]+)-([A-Z]+)-([0-9]{6})")


def markets(now: int) -> list[Market]:
    """Return the dated contracts that there are at a time, in ms, by FMZ's names."""
    return list(_markets(deliveries(now)))


def deliveries(now: int) -> tuple[int, ...]:
    """Return when the contracts of ALIASES are delivered, as they are called at a time; ms."""
    time = datetime.fromtimestamp(now // 1000, UTC)
    friday = time.replace(hour=_HOUR, minute=0, second=0) + timedelta(days=(_FRIDAY - time.weekday()) % 7)
    this_week = friday if friday > time else friday + _WEEK
    quarter = _quarter_after(this_week + _WEEK)
    return tuple(map(_ms, (this_week, this_week + _WEEK, quarter, _quarter_after(quarter))))


def listing(name: str) -> Listing | None:
    """Return the contract with a name of its own, whenever it is or was traded; None where it can be no name."""
    found = _NAME.fullmatch(name)
    return _listing(*found.groups()) if found else None


def symbol_of(name: str) -> Symbol:
    """Return FMZ's name of a contract that is not listed: its own."""
    found = listing(name)
    return found.market.symbol if found else Symbol.parse(name)


@lru_cache(maxsize=1024)
def _listing(base: str, quote: str, day: str) -> Listing | None:
    swap = SWAPS.get(f"{base}_{quote}.swap")
    try:
        delivery = datetime.strptime(day, "%y%m%d").replace(hour=_HOUR, tzinfo=UTC)
    except ValueError:
        return None
    if swap is None or str(swap.market.symbol) not in _DATED or delivery.weekday() != _FRIDAY:
        return None
    name = f"{base}-{quote}-{day}"
    symbol = replace(swap.market.symbol, contract=name)
    market = replace(swap.market, symbol=symbol, id=name, delivery_ms=_ms(delivery))
    return Listing(market, swap.anchor, swap.turnover, underlying=swap)


@lru_cache(maxsize=4)
def _markets(times: tuple[int, ...]) -> tuple[Market, ...]:
    found = []
    for swap in _DATED:
        pair = SWAPS[swap].market.symbol
        for alias, time in zip(ALIASES, times, strict=True):
            contract = _listing(pair.base, pair.quote, f"{datetime.fromtimestamp(time // 1000, UTC):%y%m%d}")
            assert contract, "every delivery is on a Friday"
            found.append(replace(contract.market, symbol=replace(pair, contract=alias)))
    return tuple(found)


def _quarter_after(friday: datetime) -> datetime:
    """Return the first end of a quarter later than a Friday."""
    friday += _WEEK
    while friday.month not in _ENDS or (friday + _WEEK).month == friday.month:
        friday += _WEEK
    return friday


def _ms(time: datetime) -> int:
    return int(time.timestamp()) * 1000
