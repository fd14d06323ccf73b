"""Binance's signatures: as it publishes them, and as the ccxt library makes them."""

import hashlib
from dataclasses import replace
from urllib.parse import parse_qsl, urlsplit

import ccxt
import pytest

from exchanges.binance.api import BinanceApi
from exchanges.binance.futures import FuturesBinance
from exchanges.binance.spot import Binance
from tests.conftest import Clock
from tests.exchanges.binance.recorder import BTC, KEYS, SWAP, Call, Recorder, place
from tests.lent import Lent
from transport.credentials import Credentials

DOCS_KEYS = Credentials(
    "vmPUZE6mv9SD5VNHk4HlWFsOr6aKE2zvsw0MuIgwCIPy6utIco14y7Ju91duEh8A",
    "NhqPtmdSJYdKjVHjA7PZj4Mge3R5YNiP1e3UZjInClVN65XAbvqqM6A7H5fATj0j",
)
FUTURES_DOCS_KEYS = Credentials(
    "dbefbc809e3e83c283a984c3a1459732ea7db1360ca80c5c2c8867408d28cc83",
    "2b5eb11e18796d12d88f13dc27dbbd02c2cc51ff7059765ed9821957d82bb4d9",
)
ORDER = {"side": "BUY", "type": "LIMIT"}
PUBLISHED = {
    # https://developers.binance.com/docs/binance-spot-api-docs/rest-api/request-security
    "spot": (
        Binance,
        DOCS_KEYS,
        1499827319559,
        "api/v3/order",
        {"symbol": "LTCBTC", **ORDER, "timeInForce": "GTC", "quantity": "1", "price": "0.1"},
        "symbol=LTCBTC&side=BUY&type=LIMIT&timeInForce=GTC&quantity=1&price=0.1&recvWindow=5000"
        "&timestamp=1499827319559&signature=c8db56825ae71d6d79447849e617115f4a920fa2acdcab2b053c4b2838bd6b71",
    ),
    "spot, not ASCII": (
        Binance,
        DOCS_KEYS,
        1499827319559,
        "api/v3/order",
        {"symbol": "１２３４５６", **ORDER, "timeInForce": "GTC", "quantity": "1", "price": "0.1"},
        "symbol=%EF%BC%91%EF%BC%92%EF%BC%93%EF%BC%94%EF%BC%95%EF%BC%96&side=BUY&type=LIMIT&timeInForce=GTC"
        "&quantity=1&price=0.1&recvWindow=5000&timestamp=1499827319559"
        "&signature=e1353ec6b14d888f1164ae9af8228a3dbd508bc82eb867db8ab6046442f33ef3",
    ),
    # https://developers.binance.com/docs/derivatives/usds-margined-futures/general-info
    "futures": (
        FuturesBinance,
        FUTURES_DOCS_KEYS,
        1591702613943,
        "fapi/v1/order",
        {"symbol": "BTCUSDT", **ORDER, "quantity": "1", "price": "9000", "timeInForce": "GTC"},
        "symbol=BTCUSDT&side=BUY&type=LIMIT&quantity=1&price=9000&timeInForce=GTC&recvWindow=5000"
        "&timestamp=1591702613943&signature=3c661234138461fcc7a7d8746c6558c9842d4e10870d2ecbedf7777cad694af9",
    ),
}


@pytest.mark.parametrize(("kind", "keys", "now", "path", "params", "query"), PUBLISHED.values(), ids=PUBLISHED)
def test_published_examples_go_out_as_published(
    kind: type[BinanceApi],
    keys: Credentials,
    now: int,
    path: str,
    params: dict[str, str],
    query: str,
    lent: Lent,
) -> None:
    http = Recorder()
    replace(lent, http=http, now=Clock(now), deadline=10.0).open(kind, keys).raw("POST", path, params)
    [request] = http.sent
    assert request.url == f"{kind.url}/{path}?{query}"
    assert request.headers["X-MBX-APIKEY"] == keys.key
    assert not request.body


SPOT_CALLS: dict[str, Call] = {
    "accounts": lambda it: it.accounts(),
    "limit buy": place("BTC_USDT", "buy", "64000.10", "0.00100"),
    "limit sell": place("1INCH_USDT", "sell", "0.3", "1e-8"),
    "market buy": place("BTC_USDT", "buy", None, "100.5"),
    "market sell": place("BTC_USDT", "sell", None, "0.5"),
    "not ASCII": place("币安人生_USDT", "buy", "0.1", "1"),
    "orders": lambda it: it.orders(BTC),
    "all orders": lambda it: it.orders(None),
    "order": lambda it: it.order(BTC, "9007199254740993"),
    "find": lambda it: it.find(BTC, "abc_-XYZ019"),
    "cancel": lambda it: it.cancel(BTC, "28"),
    "history": lambda it: it.history(BTC, None, None),
    "history since": lambda it: it.history(BTC, 1499827319559, 10),
}
FUTURES_CALLS: dict[str, Call] = {
    "accounts": lambda it: it.accounts(),
    **{
        f"{direction} at {price or 'the market'}": place("BTC_USDT.swap", direction, price, "0.010")
        for direction in ("buy", "sell", "closebuy", "closesell")
        for price in ("9000.10", None)
    },
    "quarter": place("BTC_USDT.quarter", "buy", "9000", "1"),
    "digits": place("1000SHIB_USDT.swap", "sell", None, "1000"),
    "orders": lambda it: it.orders(SWAP),
    "all orders": lambda it: it.orders(None),
    "order": lambda it: it.order(SWAP, "9007199254740993"),
    "find": lambda it: it.find(SWAP, "abc_-XYZ019"),
    "cancel": lambda it: it.cancel(SWAP, "28"),
    "history": lambda it: it.history(SWAP, 1499827319559, 10),
    "positions": lambda it: it.positions(None),
    "positions of one": lambda it: it.positions(SWAP),
    "leverage": lambda it: it.apply_leverage(SWAP, 20),
}
CALLS = [
    *(pytest.param(Binance, False, call, id=f"spot: {name}") for name, call in SPOT_CALLS.items()),
    *(
        pytest.param(FuturesBinance, hedged, call, id=f"{'hedge' if hedged else 'one-way'}: {name}")
        for hedged in (False, True)
        for name, call in FUTURES_CALLS.items()
    ),
]

# ccxt's names for the hosts and versions that we call.
SECTIONS = {"/api/v3/": "private", "/fapi/v1/": "fapiPrivate", "/fapi/v3/": "fapiPrivateV3"}
# Where ccxt writes the same thing differently, so that the signatures cannot be equal as they stand. The exchange
# takes either; each side's signature is made anew by the other over its exact bytes instead.
DIFFERENCES = {
    "order": "timestamp is the first parameter and recvWindow the last; ours end with both, as in the documentation",
    "body": "a POST's parameters travel in a form; ours are in the query, where all others are",
}


@pytest.mark.parametrize(("kind", "hedged", "call"), CALLS)
def test_signatures_agree_with_ccxt(kind: type[BinanceApi], hedged: bool, call: Call, lent: Lent, clock: Clock) -> None:
    reference = ccxt.binance({"apiKey": KEYS.key, "secret": KEYS.secret, "options": {"recvWindow": 5000}})
    reference.nonce = clock
    http = Recorder(hedged=hedged)
    call(replace(lent, http=http, deadline=10.0).open(kind, KEYS))
    assert http.signed()
    for request in http.signed():
        address, _, query = str(request.url).partition("?")
        prehash, _, signature = query.rpartition("&signature=")
        params = parse_qsl(prehash, strict_parsing=True)
        assert [name for name, _ in params[-2:]] == ["recvWindow", "timestamp"]
        assert len(dict(params)) == len(params)

        path = urlsplit(address).path
        [(root, section)] = [found for found in SECTIONS.items() if path.startswith(found[0])]
        theirs = reference.sign(path.removeprefix(root), [section], str(request.method), dict(params[:-2]))
        their_address, _, their_query = theirs["url"].partition("?")
        if theirs["body"]:  # DIFFERENCES["body"]
            assert request.method == "POST"
            their_query = theirs["body"]
        their_prehash, _, their_signature = their_query.rpartition("&signature=")
        assert their_address == address
        assert theirs["headers"]["X-MBX-APIKEY"] == request.headers["X-MBX-APIKEY"]
        assert sorted(parse_qsl(their_prehash)) == sorted(params)  # DIFFERENCES["order"]

        assert reference.hmac(prehash.encode(), KEYS.secret.encode(), hashlib.sha256) == signature
        assert kind.signer.signature(their_prehash.encode(), KEYS.secret.encode()) == their_signature
