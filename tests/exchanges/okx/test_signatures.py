"""OKX's signatures against ccxt's, for the same bytes: OKX publishes none."""

import json
from functools import partial
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import ccxt
import pytest
import requests

from exchanges.okx.api import OKXApi
from exchanges.okx.futures import FuturesOKX
from exchanges.okx.spot import OKX
from protocol.models import Direction
from tests.conftest import NOW
from tests.exchanges.okx.conftest import Make
from tests.exchanges.okx.recorder import KEYS, QUARTER, SPOT, SWAP, Ask, Recorder, asks, body_of, placed


def test_signature_is_the_known_vector() -> None:
    """OKX publishes none; this is ccxt's."""
    prehash = b"2023-11-14T22:13:20.000ZGET/api/v5/account/balance?ccy=BTC"
    assert OKX.signer.signature(prehash, b"fmz-secret") == "TviUbmWhfjtuKP3U6lCKNfT5ulwCr6SrdupoBYvTQzg="
    url = "https://www.okx.com/api/v5/account/balance?ccy=BTC"
    request = requests.Request("GET", url, auth=OKX.signer(KEYS, lambda: NOW)).prepare()
    assert request.headers["OK-ACCESS-SIGN"] == "TviUbmWhfjtuKP3U6lCKNfT5ulwCr6SrdupoBYvTQzg="


CALLS: dict[str, tuple[type[OKXApi], Ask]] = {
    **{
        f"{kind.name} {name}": (kind, call)
        for kind, symbol in ((OKX, SPOT), (FuturesOKX, SWAP), (FuturesOKX, QUARTER))
        for name, call in {
            "accounts": asks("accounts"),
            f"order {symbol}": asks("order", symbol, "680800019749904384"),
            f"find {symbol}": asks("find", symbol, "b15"),
            f"cancel {symbol}": asks("cancel", symbol, "680800019749904384"),
            f"orders {symbol}": asks("orders", symbol),
            "orders": asks("orders", None),
            f"history {symbol}": asks("history", symbol, NOW, 10),
            "history": asks("history", None, None, None),
            "raw GET": asks("raw", "GET", "api/v5/account/bills", {"ccy": "BTC,ETH", "type": "1"}),
            "raw GET of nothing": asks("raw", "GET", "api/v5/account/config", {}),
            "raw POST": asks("raw", "POST", "api/v5/asset/transfer", {"ccy": "USDT é", "amt": "1"}),
        }.items()
    },
    **{
        f"{kind.name} {direction} {price or 'market'} {symbol}": (kind, placed(symbol, direction, price))
        for kind, symbol, directions in (
            (OKX, SPOT, (Direction.BUY, Direction.SELL)),
            (FuturesOKX, SWAP, tuple(Direction)),
            (FuturesOKX, QUARTER, tuple(Direction)),
        )
        for direction in directions
        for price in ("0.00000001", "12345678901234567890.5", None)
    },
    "Futures_OKX positions": (FuturesOKX, asks("positions", None)),
    "Futures_OKX positions of one": (FuturesOKX, asks("positions", SWAP)),
    "Futures_OKX leverage": (FuturesOKX, asks("set_leverage", 10, SWAP)),
}

# What we send otherwise than ccxt does, and why: its signature is then made over ours.
DIFFERENT = {"body": "ccxt writes JSON without spaces; what it says is the same"}
# The headers that ccxt does not send, and why.
BEYOND = {
    "expTime": "a new order is refused when it arrives late; headers are not signed",
    "Content-Length": "it comes from the body",
}


@pytest.fixture(scope="module")
def reference() -> Any:
    exchange = ccxt.okx({"apiKey": "fmz-key", "secret": "fmz-secret", "password": "fmz-pass"})
    exchange.milliseconds = lambda: NOW
    return exchange


@pytest.mark.parametrize("mode", ["net_mode", "long_short_mode"])
@pytest.mark.parametrize("call", CALLS)
def test_every_signed_call_is_as_ccxt_signs_it(
    call: str, mode: str, make: Make, recorder: Recorder, reference: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    kind, ask = CALLS[call]
    recorder.answers["/account/config"] = [{"acctLv": "1", "posMode": mode}]
    ask(make(kind))
    assert recorder.signed()
    for request in recorder.signed():
        ours = {"url": request.url, "method": request.method, "body": body_of(request) or None}
        parts = urlsplit(str(request.url))
        params = json.loads(body_of(request)) if request.body else dict(parse_qsl(parts.query))
        asked = (parts.path.removeprefix("/api/v5/"), ["private"], request.method, params)
        theirs = reference.sign(*asked)
        assert {name for name in ours if ours[name] != theirs[name]} <= DIFFERENT.keys()
        monkeypatch.setattr(reference, "json", partial(_ours, body_of(request)))
        headers = reference.sign(*asked)["headers"]
        monkeypatch.undo()
        assert headers.keys() >= {f"OK-ACCESS-{name}" for name in ("KEY", "SIGN", "TIMESTAMP", "PASSPHRASE")}
        assert {name: request.headers.get(name) for name in headers} == headers
        assert set(request.headers) - set(headers) <= BEYOND.keys()
        places = (request.method, parts.path) == ("POST", "/api/v5/trade/order")
        assert request.headers.get("expTime") == (str(NOW + 5000) if places else None)


def _ours(text: str, params: dict[str, Any]) -> str:
    assert json.loads(text) == params
    return text
