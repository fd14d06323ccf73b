"""The fake exchanges, asked without the gateway: their clocks and windows, and the transport that spoils replies."""

import json
import re
import socket
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests

from exchanges import find
from exchanges.base import Exchange
from tests.fakes import KEY, PASSPHRASE, SECRET, FakeExchange
from tests.fakes.broken import BEFORE, FAULTS, Broken, Plan
from tests.fakes.exchanges import FAKES
from transport.credentials import Credentials

PATIENCE = 10.0  # seconds
LITTLE = 0.2  # of one who is not answered

BINANCE = {"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "quantity": "1", "price": "100"}
OKX = {"instId": "BTC-USDT", "tdMode": "cash", "side": "buy", "ordType": "limit", "sz": "1", "px": "100"}
COINPARK = {"pair": "BTC_USDT", "account_type": 0, "order_type": 2, "order_side": 1, "price": "100", "amount": "1"}
NEW_ORDERS: dict[str, tuple[str, dict[str, str]]] = {
    "BitGo": ("/appApi.html", {"action": "trade", "symbol": "1", "type": "0", "price": "100", "amount": "1"}),
    "CoinPark": ("/v1/orderpending", {"cmds": json.dumps([{"cmd": "orderpending/trade", "body": COINPARK}])}),
    "Binance": ("/api/v3/order", BINANCE),
    "Futures_Binance": ("/fapi/v1/order", BINANCE),
    "OKX": ("/api/v5/trade/order", OKX),
    "Futures_OKX": ("/api/v5/trade/order", {**OKX, "instId": "BTC-USDT-SWAP", "tdMode": "cross"}),
    "Futures_Bitunix": (
        "/api/v1/futures/trade/place_order",
        {"symbol": "BTCUSDT", "qty": "1", "price": "100", "side": "BUY", "orderType": "LIMIT"},
    ),
    "Kraken": (
        "/0/private/AddOrder",
        {"pair": "XBTUSDT", "type": "buy", "ordertype": "limit", "volume": "1", "price": "100"},
    ),
    "Indodax": ("/api/v2/order", {"symbol": "BTCIDR", "side": "BUY", "type": "LIMIT", "quantity": "1", "price": "100"}),
    "Hotcoin": (
        "/v1/order/place",
        {"symbol": "btc_usdt", "type": "buy", "tradeAmount": "1", "tradePrice": "100", "matchType": "0"},
    ),
}
CLOCKS: dict[str, tuple[str, Callable[[Any], float]]] = {
    "Binance": ("/api/v3/time", lambda reply: reply["serverTime"] / 1000),
    "Futures_Binance": ("/fapi/v1/time", lambda reply: reply["serverTime"] / 1000),
    "OKX": ("/api/v5/public/time", lambda reply: int(reply["data"][0]["ts"]) / 1000),
    "Futures_OKX": ("/api/v5/public/time", lambda reply: int(reply["data"][0]["ts"]) / 1000),
    "Kraken": ("/0/public/Time", lambda reply: reply["result"]["unixtime"]),
    "Indodax": ("/api/server_time", lambda reply: reply["server_time"] / 1000),
    "Hotcoin": ("/v1/trade", lambda reply: reply["time"] / 1000),
}
HEAD = rb"HTTP/1.1 200 OK\r\n.*\r\n\r\n"
PAGE = rb".*Content-Type: text/html.*<html>.*</html>"
SEEN: dict[str, tuple[bytes, str]] = {  # fault → what a client receives, as a pattern, and how that ends
    "reset before send": (rb"", "reset"),
    "reset after headers": (HEAD, "reset"),
    "reset after body": (HEAD + rb"\{.*[^}]", "reset"),
    "close": (rb"", "closed"),
    "hang": (rb"", "unfinished"),
    "502 html": (rb"HTTP/1.1 502 Bad Gateway" + PAGE, "closed"),
    "503": (rb"HTTP/1.1 503 Service Unavailable.*\}", "closed"),
    "200 html": (rb"HTTP/1.1 200 OK" + PAGE, "closed"),
    "truncated json": (HEAD + rb"\{.*[^}]", "closed"),
    "307": (rb"HTTP/1.1 307 Temporary Redirect.*Location: http://127.0.0.1:\d+/.*", "closed"),
    "slow drip": (HEAD + rb"   +", "unfinished"),
    "gzip bomb": (HEAD + rb"\x1f\x8b.{60000,}", "closed"),
}


@pytest.fixture(params=FAKES)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def server(name: str) -> Iterator[Broken]:
    with Broken(FAKES[name]()) as broken:
        yield broken


@pytest.fixture
def fake(server: Broken) -> FakeExchange:
    return server.fake


def new_order(
    name: str, server: Broken, key: str = KEY, *, secret: str = SECRET, **more: str
) -> requests.PreparedRequest:
    """Return a signed request for a new order; ``expTime`` is a header."""
    exchange = find(name)
    assert name in NEW_ORDERS, f"add a new order of {name}, as its documentation has it, to NEW_ORDERS"
    path, params = NEW_ORDERS[name]
    headers = {"expTime": more.pop("expTime")} if "expTime" in more else {}
    way = {"query": "params", "form": "data", "json": "json"}[exchange.sends]
    signer = exchange.signer(Credentials(key, secret, PASSPHRASE), nonce=time.time_ns())
    asked: dict[str, Any] = {way: params | more, "auth": signer, "headers": headers}
    return requests.Request("POST", server.url + path, **asked).prepare()


def answer(request: requests.PreparedRequest) -> str:
    """Return the text of the answer to a request."""
    with requests.Session() as session:
        return session.send(request, allow_redirects=False, timeout=5).text


def talk(request: requests.PreparedRequest, patience: float, enough: bytes | None = None) -> tuple[bytes, str]:
    """Return all bytes of the reply to a request, and how it ends: closed, reset or unfinished, which is also when
    there is enough."""
    address = urlsplit(str(request.url))
    lines = [f"{request.method} {request.path_url} HTTP/1.1", f"Host: {address.netloc}"]
    lines += [f"{name}: {text if isinstance(text, str) else text.decode()}" for name, text in request.headers.items()]
    body = request.body or b""
    assert isinstance(body, bytes | str)
    received = b""
    until = time.monotonic() + patience
    with socket.create_connection((str(address.hostname), int(address.port or 0))) as sock:
        sock.sendall("\r\n".join([*lines, "", ""]).encode() + (body if isinstance(body, bytes) else body.encode()))
        try:
            while (left := until - time.monotonic()) > 0 and not (enough and enough in received):
                sock.settimeout(left)
                if not (data := sock.recv(65536)):
                    return received, "closed"
                received += data
        except TimeoutError:
            pass
        except ConnectionResetError:
            return received, "reset"
    return received, "unfinished"


def wait_until(is_so: Callable[[], bool]) -> None:
    """Return when something is so."""
    until = time.monotonic() + PATIENCE
    while not is_so():
        assert time.monotonic() < until
        time.sleep(0.005)


# Clocks and windows -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [name for name in FAKES if find(name).time is not Exchange.time])
@pytest.mark.parametrize("ahead", [0.0, -7.5, 3600.0])
def test_the_clock_can_be_read(name: str, ahead: float, server: Broken, fake: FakeExchange) -> None:
    assert name in CLOCKS, f"add how {name} tells its time to CLOCKS"
    path, read = CLOCKS[name]
    fake.clock_ahead = ahead
    begun = time.time()
    reply = read(requests.get(server.url + path, timeout=5).json())
    assert begun - 1 < reply - ahead < time.time() + 0.01  # one tells whole seconds


@pytest.mark.parametrize(
    ("name", "ahead", "more", "refusal"),
    [
        ("Binance", 0, {}, ""),
        ("Binance", 4, {}, ""),
        ("Binance", 6, {}, "-1021"),
        ("Binance", 4, {"recvWindow": "3000"}, "-1021"),
        ("Binance", 6, {"recvWindow": "9000"}, ""),
        ("Binance", -0.5, {}, ""),
        ("Binance", -2, {}, "-1021"),
        ("Indodax", 4, {}, ""),
        ("Indodax", 6, {}, "-1021"),
        ("Indodax", -2, {}, "-1021"),
        ("Futures_Binance", 4, {}, ""),
        ("Futures_Binance", 6, {}, "-1021"),
        ("OKX", 25, {}, ""),
        ("OKX", 31, {}, "50102"),
        ("OKX", -31, {}, "50102"),
        ("OKX", 0, {"expTime": "+5"}, ""),
        ("OKX", 0, {"expTime": "-1"}, "50036"),
        ("OKX", 6, {"expTime": "+5"}, "50036"),
        ("Futures_OKX", 6, {"expTime": "+5"}, "50036"),
        ("Kraken", 3600, {}, ""),
        ("Kraken", 0, {"deadline": "+5"}, ""),
        ("Kraken", 6, {"deadline": "+5"}, "EService:Deadline elapsed"),
        ("Hotcoin", 58, {}, ""),
        ("Hotcoin", 92, {}, "Timestamp out of range"),
        ("Hotcoin", -92, {}, "Timestamp out of range"),
    ],
)
def test_a_request_that_comes_too_late_or_too_early_is_refused(
    name: str, ahead: float, more: dict[str, str], refusal: str, server: Broken, fake: FakeExchange
) -> None:
    fake.clock_ahead = ahead
    reply = answer(new_order(name, server, **limits(more)))
    assert refusal in reply
    assert len(fake.orders) == (0 if refusal else 1), reply


def limits(more: dict[str, str]) -> dict[str, str]:
    """Return the parameters that limit a request in time, seconds from now turned into an exchange's way to write a
    time."""
    write: dict[str, Callable[[float], str]] = {
        "expTime": lambda moment: str(int(moment * 1000)),
        "deadline": lambda moment: datetime.fromtimestamp(moment, UTC).isoformat(),
    }
    return {word: write[word](time.time() + float(value)) if word in write else value for word, value in more.items()}


@pytest.mark.parametrize("name", ["Kraken"])
def test_every_key_has_nonces_of_its_own(name: str, server: Broken, fake: FakeExchange) -> None:
    first, second = new_order(name, server), new_order(name, server, f"{KEY}-2")
    assert "txid" in answer(second)
    assert "txid" in answer(first)
    assert "EAPI:Invalid nonce" in answer(first)
    assert len(fake.orders) == 2


# The transport ----------------------------------------------------------------------------------------------------


def test_what_is_not_planned_is_answered_on_one_connection(name: str, server: Broken, fake: FakeExchange) -> None:
    with requests.Session() as session:
        for _ in range(3):
            reply = session.send(new_order(name, server), timeout=5)
            assert (reply.status_code, reply.headers["Content-Type"]) == (200, "application/json")
            assert isinstance(reply.json(), dict)
        assert session.send(requests.Request("GET", f"{server.url}/unknown").prepare(), timeout=5).status_code == 404
    assert server.connections == 1
    assert len(fake.orders) == server.placements[KEY] == 3


def test_every_fault_with_and_without_an_order(name: str, server: Broken, fake: FakeExchange) -> None:
    cells = {f"{KEY} {fault} {created}": Plan(fault, created) for fault in FAULTS for created in (True, False)}
    server.plan = lambda account, attempt: cells[account]

    def seen(account: str) -> tuple[bytes, str]:
        request, fault = new_order(name, server, account), cells[account].fault
        return talk(request, LITTLE if fault == "hang" else PATIENCE, b"\r\n\r\n   " if fault == "slow drip" else None)

    with ThreadPoolExecutor(len(cells)) as pool:
        replies = dict(zip(cells, pool.map(seen, cells), strict=True))
    wait_until(lambda: server.placements.total() == len(cells) and len(fake.orders) == len(FAULTS) - 1)
    created = Counter(order.account for order in fake.orders)
    for account, plan in cells.items():
        text, end = SEEN[str(plan.fault)]
        assert re.fullmatch(text, replies[account][0], re.DOTALL), (account, replies[account])
        assert replies[account][1] == end, account
        assert created[account] == (plan.created and plan.fault != BEFORE), account
        assert server.placements[account] == 1
    assert server.redirect_target.connections == 0


@pytest.mark.parametrize("name", ["Binance"])
def test_the_spoiled_reply_is_that_of_the_order(name: str, server: Broken, fake: FakeExchange) -> None:
    server.plan = lambda account, attempt: Plan("truncated json", created=True)
    reply = answer(new_order(name, server))
    assert f'"orderId": {fake.orders[0].id}' in reply
    with pytest.raises(ValueError, match=r"Unterminated|Expecting"):
        json.loads(reply)


def test_the_plan_is_chosen_by_attempt_and_reads_are_left_alone(name: str, server: Broken, fake: FakeExchange) -> None:
    server.plan = lambda account, attempt: Plan("502 html", created=attempt == 1) if attempt < 2 else None
    replies = [answer(new_order(name, server)) for _ in range(3)]
    assert ["<html>" in reply for reply in replies] == [True, True, False]
    assert len(fake.orders) == 2
    assert server.placements == {KEY: 3}
    if name in CLOCKS:
        assert requests.get(server.url + CLOCKS[name][0], timeout=5).ok


def test_a_refused_order_is_not_created_behind_a_fault(name: str, server: Broken, fake: FakeExchange) -> None:
    server.plan = lambda account, attempt: Plan("502 html", created=True)
    assert "<html>" in answer(new_order(name, server, secret=SECRET[4:]))
    assert fake.orders == []
    assert server.placements[KEY] == 1


def test_an_order_can_come_into_being_late(name: str, server: Broken, fake: FakeExchange) -> None:
    server.plan = lambda account, attempt: Plan("502 html", created=True, delay=0.1)
    begun = time.monotonic()
    assert "<html>" in answer(new_order(name, server))
    wait_until(lambda: len(fake.orders) == 1)
    assert fake.orders[0].made - begun >= 0.1


@pytest.mark.parametrize(
    ("name", "more"),
    [
        ("Binance", {"recvWindow": "50"}),
        ("Futures_Binance", {"recvWindow": "50"}),
        ("OKX", {"expTime": "+0.05"}),
        ("Futures_OKX", {"expTime": "+0.05"}),
        ("Kraken", {"deadline": "+0.05"}),
    ],
)
def test_an_order_never_comes_into_being_after_its_window(
    name: str, more: dict[str, str], server: Broken, fake: FakeExchange
) -> None:
    server.plan = lambda account, attempt: Plan("502 html", created=True, delay=0.1)
    answer(new_order(name, server, **limits(more)))
    answer(new_order(name, server, f"{KEY}-2"))
    wait_until(lambda: len(fake.orders) == 1)
    assert [order.account for order in fake.orders] == [f"{KEY}-2"]


@pytest.mark.parametrize("name", ["Binance"])
def test_clients_that_wait_are_let_go_at_the_end(name: str) -> None:
    with ThreadPoolExecutor(2) as pool:
        with Broken(FAKES[name]()) as server:
            server.plan = lambda account, attempt: Plan("hang" if account == KEY else "slow drip", created=True)
            waiting = [pool.submit(talk, new_order(name, server, key), 30) for key in (KEY, f"{KEY}-2")]
            wait_until(lambda: len(server.fake.orders) == 2)
        assert [client.result()[1] for client in waiting] == ["closed", "closed"]
