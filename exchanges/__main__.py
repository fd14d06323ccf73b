"""``python -m exchanges [FILE …]``: print the tables of the exchanges, or write them into Markdown files: that of what
each can do between the lines ``<!-- exchanges -->`` and ``<!-- /exchanges -->``, that of what each needs and how orders
are sent between ``<!-- orders -->`` and ``<!-- /orders -->``."""

import re
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from exchanges import EXCHANGES
from exchanges.base import Exchange, FuturesExchange
from exchanges.base.abilities import can
from exchanges.listing import calls_of

_USUAL = ("ticker", "depth", "records", "trades", "accounts", "orders")  # one column, as hardly any exchange lacks one
_SOME = {
    "markets": "markets",
    "tickers": "tickers",
    "past orders": "history",
    "modifying orders": "modify",
    "order by client id": "find",
}
_MARKED = re.compile(r"(<!-- (exchanges|orders) -->\n).*?(?=<!-- /\2 -->)", re.DOTALL)


def abilities() -> str:
    """Return the table of what each exchange can do, in Markdown."""
    columns = ["exchange", "address", "trades", ", ".join(_USUAL), *_SOME, "fundings", "testnet", "signature proved by"]
    return _table(columns, _abilities)


def orders() -> str:
    """Return the table of what each exchange needs, and how its orders are sent, in Markdown."""
    return _table(
        ["address", "FMZ's key fields", "client order ids", "a market buy is in", "cannot", "testnet"], _orders
    )


def _abilities(exchange: type[Exchange]) -> list[str]:
    lacking = [call for call in _USUAL if not can(exchange, call)]
    return [
        exchange.name,
        f"`/{exchange.name}`",
        ", ".join(sorted(exchange.contracts)) if issubclass(exchange, FuturesExchange) else "spot",
        f"without {', '.join(lacking)}" if lacking else "✓",
        *("✓" if can(exchange, method) else "" for method in _SOME.values()),
        "✓" if can(exchange, "fundings") else "",
        "✓" if exchange.testnet else "",
        exchange.proof,
    ]


def _orders(exchange: type[Exchange]) -> list[str]:
    """Return the row of an exchange. What FMZ's market buys are in is the rule of ``NewOrder.spends``."""
    client_id = exchange.client_id
    money = "contracts" if issubclass(exchange, FuturesExchange) else "quote currency"
    return [
        f"`/{exchange.name}`",
        exchange.keys_needed if exchange.url else "anything: each access key is an account of its own",
        f"{len(client_id.render(0))} characters" if client_id else "none",
        "no market orders" if exchange.limit_only else money,
        calls_of(exchange, there=False),
        f"`{exchange.name.upper()}_TESTNET=1`: {exchange.testnet}" if exchange.testnet else "",
    ]


def _table(columns: list[str], row: Callable[[type[Exchange]], list[str]]) -> str:
    rows = [columns, ["---"] * len(columns), *map(row, EXCHANGES.values())]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in rows)


TABLES: Mapping[str, Callable[[], str]] = {"exchanges": abilities, "orders": orders}
"""The tables, by the names of their marks."""


def main() -> None:
    """Print the tables, or write them into the files that are named."""
    for name in sys.argv[1:]:
        path = Path(name)
        path.write_text(_MARKED.sub(lambda found: found[1] + TABLES[found[2]](), path.read_text()))
    if not sys.argv[1:]:
        sys.stdout.write("\n".join(table() for table in TABLES.values()))


if __name__ == "__main__":
    main()
