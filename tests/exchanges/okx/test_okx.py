"""OKX: names, lists over many pages, and what is asked beforehand."""

import json
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from exchanges.okx.api import OKXApi
from exchanges.okx.futures import FuturesOKX
from exchanges.okx.spot import OKX
from protocol.deadline import Deadline
from protocol.errors import AuthenticationFailed, ExchangeError, NotSent, OutcomeUnknown, RateLimited, Unsupported
from protocol.models import Direction, NewOrder, Symbol
from settings import Settings
from tests.conftest import NOW
from tests.exchanges.okx.conftest import Make
from tests.exchanges.okx.recorder import KEYS, ORDER, SPOT, SWAP, Ask, Recorder, asks, body_of, listed, placed
from transport.credentials import Credentials


@pytest.mark.parametrize(
    ("text", "market"), [("BTC_USDT", "BTC-USDT"), ("1inch_usdt", "1INCH-USDT"), ("ETH", "ETH-USDT")]
)
def test_spot_markets_are_named_without_asking(text: str, market: str, make: Make, recorder: Recorder) -> None:
    exchange = make(OKX)
    symbol = exchange.resolve(Symbol.parse(text))
    assert exchange.market(symbol) == market
    assert exchange.symbol_of(market) == symbol
    assert not recorder.sent


@pytest.mark.parametrize(
    ("instrument", "alias", "name"),
    [
        ("BTC-USDT-SWAP", "", "BTC_USDT.swap"),
        ("BTC-USD-SWAP", "", "BTC_USD.swap"),
        ("1INCH-USDT-SWAP", "", "1INCH_USDT.swap"),
        ("BTC-USD-231229", "quarter", "BTC_USD.quarter"),
        ("BTC-USD-231229", "third_quarter", "BTC_USD.third_quarter"),
        ("BTC-USD-231229", "", "BTC_USD.BTC-USD-231229"),
        ("BTC-USD-231229", "some_day", "BTC_USD.BTC-USD-231229"),
        ("BTC-USD_UM-SWAP", "", "BTC_USD.BTC-USD_UM-SWAP"),
        ("ETH-USD_UM_XPERP-310404", "quarter", "ETH_USD.ETH-USD_UM_XPERP-310404"),
    ],
)
def test_contracts_have_one_name_and_it_can_be_asked_for(
    instrument: str, alias: str, name: str, make: Make, recorder: Recorder
) -> None:
    row = {**listed("SWAP"), "instId": instrument, "alias": alias}
    recorder.answers["/public/instruments"] = lambda query: [row] if query["instType"] == "SWAP" else []
    exchange = make(FuturesOKX)
    assert [str(market.symbol) for market in exchange.markets()] == [name]
    assert exchange.market(exchange.resolve(Symbol.parse(name))) == instrument
    assert exchange.symbol_of(instrument) == Symbol.parse(name)


def paged(count: int) -> Callable[[dict[str, str]], list[dict[str, str]]]:
    """So many orders, newest first, a hundred a page."""

    def rows(query: dict[str, str]) -> list[dict[str, str]]:
        last = int(query.get("after", count + 1))
        return [
            {**ORDER, "ordId": str(n), "cTime": str(NOW + n), "state": "filled"} for n in range(last - 1, 0, -1)[:100]
        ]

    return rows


@pytest.mark.parametrize(("count", "pages"), [(0, 1), (1, 1), (99, 1), (100, 2), (250, 3)])
def test_open_orders_are_read_to_the_last_page(count: int, pages: int, make: Make, recorder: Recorder) -> None:
    recorder.answers["/trade/orders-pending"] = paged(count)
    assert [order.id for order in make(OKX).orders(None)] == [str(n) for n in range(count, 0, -1)]
    assert len(recorder.sent) == pages


@pytest.mark.parametrize(
    ("since", "limit", "found", "pages"),
    [
        (None, None, range(151, 251), 1),  # the latest page
        (None, 3, range(248, 251), 1),
        (None, 150, range(101, 251), 2),
        (NOW, None, range(1, 251), 3),
        (NOW, 3, range(1, 4), 3),  # the first three since then are on the last page
    ],
)
def test_past_orders_come_oldest_first(
    since: int | None, limit: int | None, found: range, pages: int, make: Make, recorder: Recorder
) -> None:
    recorder.answers["/trade/orders-history"] = paged(250)
    assert [order.id for order in make(OKX).history(SPOT, since, limit)] == [str(n) for n in found]
    assert len(recorder.sent) == pages


def test_a_list_without_end_is_given_up(make: Make, recorder: Recorder) -> None:
    recorder.answers["/trade/orders-history"] = paged(10_000)
    with pytest.raises(Unsupported, match="over 5000 orders"):
        make(OKX).history(SPOT, NOW, 1)


@pytest.mark.parametrize(("code", "found"), [("51603", None), ("50011", RateLimited), ("50004", OutcomeUnknown)])
def test_an_order_is_found_by_client_id_or_surely_not_there(
    code: str, found: type[Exception] | None, make: Make, recorder: Recorder
) -> None:
    exchange = make(OKX)
    assert exchange.find(SPOT, "b15") == "680800019749904384"
    assert str(recorder.sent[-1].url).endswith("/api/v5/trade/order?instId=BTC-USDT&clOrdId=b15")
    recorder.answers["/trade/order"] = {"code": code, "msg": "no", "data": []}
    if found is None:
        assert exchange.find(SPOT, "b15") is None
    else:
        with pytest.raises(found):
            exchange.find(SPOT, "b15")


def opening(exchange: FuturesOKX, direction: Direction = Direction.BUY) -> NewOrder:
    order = exchange.new_order(SWAP, direction, Decimal(1), Decimal(1))
    exchange.prepare(order)
    exchange.trade(order)
    return order


def test_the_position_mode_is_asked_once_a_minute_for_each_account(make: Make, recorder: Recorder) -> None:
    for keys in (KEYS, KEYS, Credentials("other", "fmz-secret", "fmz-pass")):
        opening(make(FuturesOKX, keys=keys))
    assert recorder.paths() == [
        "GET /api/v5/account/config",
        "GET /api/v5/public/instruments",
        "GET /api/v5/public/instruments",
        "POST /api/v5/trade/order",
        "POST /api/v5/trade/order",
        "GET /api/v5/account/config",
        "POST /api/v5/trade/order",
    ]


def bought(exchange: OKX) -> str:
    """Buy, and return what paid for it."""
    placed(SPOT, Direction.BUY, "1")(exchange)
    recorder = exchange.upstream.services.http
    assert isinstance(recorder, Recorder)
    mode: str = json.loads(body_of(recorder.sent[-1]))["tdMode"]
    return mode


def test_an_accounts_level_is_asked_once_a_minute_for_each_account(
    make: Make, recorder: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [1000.0]
    monkeypatch.setattr("transport.upstream.time.monotonic", lambda: now[0])
    config = "GET /api/v5/account/config"
    for keys, asked in ((KEYS, 1), (KEYS, 1), (Credentials("other", "fmz-secret", "fmz-pass"), 2)):
        assert bought(make(OKX, keys=keys)) == "cash"
        assert recorder.paths().count(config) == asked
    recorder.answers["/account/config"] = [{"acctLv": "4"}]
    now[0] += 59
    assert bought(make(OKX)) == "cash"
    now[0] += 2
    assert bought(make(OKX)) == "cross"
    assert recorder.paths().count(config) == 3


def test_a_level_that_cannot_be_asked_after_a_refusal_leaves_the_refusal(make: Make, recorder: Recorder) -> None:
    assert bought(make(OKX)) == "cash"
    recorder.answers["/trade/order"] = {"code": "51010", "msg": "Request unsupported under current account mode"}
    recorder.answers["/account/config"] = {"code": "50011", "msg": "Too Many Requests"}
    with pytest.raises(ExchangeError, match="51010 Request unsupported under current account mode"):
        bought(make(OKX))
    assert recorder.paths()[-2:] == ["POST /api/v5/trade/order", "GET /api/v5/account/config"]


def test_a_level_that_cannot_be_asked_beforehand_is_no_unclear_order(make: Make, recorder: Recorder) -> None:
    recorder.answers["/account/config"] = {"code": "50004", "msg": "API endpoint request timeout"}
    with pytest.raises(NotSent, match="asked before the order, which was not sent"):
        make(OKX).trade(make(OKX).new_order(SPOT, Direction.BUY, Decimal(1), Decimal(1)))
    assert recorder.paths() == ["GET /api/v5/account/config"]


@pytest.mark.parametrize("mode", ["net_mode", "long_short_mode"])
@pytest.mark.parametrize(
    ("direction", "paid"),
    [(Direction.CLOSE_BUY, "isolated"), (Direction.CLOSE_SELL, "cross"), (Direction.BUY, "cross")],
)
def test_only_an_order_that_closes_an_isolated_position_is_isolated(
    mode: str, direction: Direction, paid: str, make: Make, recorder: Recorder
) -> None:
    recorder.answers["/account/config"] = [{"posMode": mode}]
    side = "net" if mode == "net_mode" else "long"
    held = {"instType": "SWAP", "instId": "BTC-USDT-SWAP", "mgnMode": "isolated", "posSide": side, "pos": "3"}
    recorder.answers["/account/positions"] = [held]
    for _ in range(2):
        opening(make(FuturesOKX), direction)
        assert json.loads(body_of(recorder.sent[-1]))["tdMode"] == paid
    assert recorder.paths().count("GET /api/v5/account/positions") == direction.closes


# Regional hosts ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("host", ["my.okx.com", "us.okx.com", "eea.okx.com"])
@pytest.mark.parametrize("kind", [OKX, FuturesOKX])
def test_a_regional_host_takes_every_call(
    host: str, kind: type[OKXApi], make: Make, recorder: Recorder, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)  # where there is no .env
    monkeypatch.setenv(f"{kind.name.upper()}_URL", f"https://{host}")
    monkeypatch.setenv(f"{kind.name.upper()}_TESTNET", "1")
    settings = Settings.load()
    assert settings.urls == {kind.name: f"https://{host}"}
    exchange = make(kind, urls=settings.urls, testnets=settings.testnets)
    exchange.accounts()
    exchange.markets()
    assert len(recorder.sent) > 1
    for request in recorder.sent:
        assert str(request.url).startswith(f"https://{host}/api/v5/")
        assert request.headers["x-simulated-trading"] == "1"


def test_a_regional_hosts_limits_are_its_own(make: Make, recorder: Recorder) -> None:
    """Five in two seconds, of which one goes at once."""
    urls = {"OKX": "https://my.okx.com", "Futures_OKX": "https://my.okx.com"}

    def ask_config(kind: type[OKXApi], **options: Any) -> None:
        exchange = make(kind, **options)
        exchange.fresh(Deadline.after(0.01)).raw("GET", "api/v5/account/config", {})

    ask_config(OKX, urls={})
    ask_config(OKX, urls=urls)
    for kind, host in ((OKX, {}), (OKX, urls), (FuturesOKX, urls)):
        with pytest.raises(RateLimited, match="its limit of GET account/config is used up"):
            ask_config(kind, urls=host)
    assert [str(request.url).split("/")[2] for request in recorder.sent] == ["www.okx.com", "my.okx.com"]


def test_leverage_for_all_is_set_before_a_markets_first_order(make: Make, recorder: Recorder) -> None:
    make(FuturesOKX).set_leverage(20, None)
    assert not recorder.sent
    opening(make(FuturesOKX), Direction.CLOSE_BUY)
    opening(make(FuturesOKX))
    opening(make(FuturesOKX))
    posts = [request for request in recorder.sent if request.method == "POST"]
    assert [str(request.url).rpartition("/")[2] for request in posts] == ["order", "set-leverage", "order", "order"]
    assert json.loads(body_of(posts[1])) == {"instId": "BTC-USDT-SWAP", "lever": "20", "mgnMode": "cross"}


@pytest.mark.parametrize("kind", [OKX, FuturesOKX])
def test_test_money_is_asked_for_in_every_head(kind: type[OKXApi], make: Make, recorder: Recorder) -> None:
    make(kind).accounts()
    make(kind).listing()
    assert all("x-simulated-trading" not in request.headers for request in recorder.sent)
    recorder.sent.clear()
    testing = make(kind, testnets=frozenset({kind.name}))
    testing.accounts()
    testing.markets()
    assert len(recorder.sent) > 1
    assert all(request.headers["x-simulated-trading"] == "1" for request in recorder.sent)
    assert all(str(request.url).startswith("https://www.okx.com/") for request in recorder.sent)


@pytest.mark.parametrize("ask", [asks("accounts"), placed(SWAP, Direction.BUY, "1")])
def test_without_a_passphrase_nothing_is_sent(ask: Ask, make: Make, recorder: Recorder) -> None:
    with pytest.raises(AuthenticationFailed, match="behind the secret key, after a comma"):
        ask(make(FuturesOKX, keys=Credentials("fmz-key", "fmz-secret")))
    assert not recorder.sent
