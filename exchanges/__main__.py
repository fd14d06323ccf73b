"""``python -m exchanges [FILE …]``: print the table of what each exchange can do, or write it into Markdown files,
between the lines ``<!-- exchanges -->`` and ``<!-- /exchanges -->``."""

import re
import sys
from pathlib import Path

from exchanges import EXCHANGES
from exchanges.base import FuturesExchange
from exchanges.listing import can

_USUAL = ("ticker", "depth", "records", "trades", "accounts", "orders")  # one column, as hardly any exchange lacks one
_SOME = {"markets": "markets", "tickers": "tickers", "past orders": "history", "order by client id": "find"}
_MARKED = re.compile(r"(?<=<!-- exchanges -->\n).*?(?=<!-- /exchanges -->)", re.DOTALL)


def table() -> str:
    """Return the table, in Markdown."""
    columns = ["exchange", "address", "trades", ", ".join(_USUAL), *_SOME, "fundings", "testnet", "signature proved by"]
    rows = [columns, ["---"] * len(columns)]
    for exchange in EXCHANGES.values():
        lacking = [call for call in _USUAL if not can(exchange, call)]
        rows.append(
            [
                exchange.name,
                f"`/{exchange.name}`",
                ", ".join(sorted(exchange.contracts)) if issubclass(exchange, FuturesExchange) else "spot",
                f"without {', '.join(lacking)}" if lacking else "✓",
                *("✓" if can(exchange, method) else "" for method in _SOME.values()),
                "✓" if can(exchange, "fundings") else "",
                "✓" if exchange.testnet else "",
                exchange.proof,
            ]
        )
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


def main() -> None:
    """Print the table, or write it into the files that are named."""
    for name in sys.argv[1:]:
        path = Path(name)
        path.write_text(_MARKED.sub(table().replace("\\", r"\\"), path.read_text()))
    if not sys.argv[1:]:
        sys.stdout.write(table())


if __name__ == "__main__":
    main()
