"""An exchange that needs no network, and readers of the gateway's replies."""

import json
from decimal import Decimal
from typing import Any

from werkzeug.wrappers import Response

from exchanges.base.exchange import Exchange
from exchanges.bitgo import BitGo
from protocol.models import Symbol, Ticker
from tests.conftest import NOW

TICKER = {"method": "ticker", "params": {"symbol": "BTC_USDT"}}


class Probe(BitGo):
    """An exchange that needs no network for its ticker, and passes any resource through."""

    name = "Probe"
    url = "https://probe.test"
    raw = Exchange.raw

    def unwrap(self, payload: Any) -> Any:
        return payload

    def ticker(self, symbol: Symbol) -> Ticker:
        return Ticker(time=NOW, bid=1.0, ask=2.0, last=1.5, high=2.0, low=1.0, volume=7.0)


def answer_of(reply: Response, status: int = 200) -> dict[str, Any]:
    """Return the answer in a reply, which is JSON with either data or an error."""
    assert reply.status_code == status
    assert reply.mimetype == "application/json"
    answer: dict[str, Any] = json.loads(reply.get_data(), parse_float=Decimal)
    assert len(answer.keys() & {"data", "error"}) == 1
    return answer


def error_of(reply: Response, status: int = 200) -> str:
    """Return the error text in a reply."""
    text = answer_of(reply, status)["error"]
    assert isinstance(text, str)
    return text
