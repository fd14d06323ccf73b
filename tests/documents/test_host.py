"""The FMZ host of the documents' robots: what it sends and returns is what FMZ's article and manual say."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.documents.gateway import NOW
from tests.documents.plugin import Plugin
from tests.documents.robots import KEY, SECRET, Run, run_robot

Ask = Callable[..., Run]


@pytest.fixture
def host(plugin: Plugin) -> Ask:
    """Return a function that runs the body of a robot's main on the host."""

    def run(main: str, **options: Any) -> Run:
        return run_robot(f"function main() {{ {main} }}", [(plugin.address, "mine")], **options)

    return run


def test_a_call_is_written_as_fmz_writes_it(host: Ask, plugin: Plugin) -> None:
    host('exchange.IO("api", "GET", "path", "a=1&b=two")')
    assert plugin.bodies == [
        f'{{"access_key":"{KEY}","method":"__api_path","nonce":{NOW + 20}000000,'
        f'"params":{{"a":"1","b":"two"}},"secret_key":"{SECRET}"}}'
    ]
    [headers] = plugin.headers
    assert (headers["Http-Method"], headers["X-Clock-Ms"]) == ("GET", str(NOW + 20))
    assert int(headers["Content-Length"]) == len(plugin.bodies[0])


ASKED: dict[str, tuple[str, dict[str, Any]]] = {
    "GetTicker()": ("ticker", {"symbol": "BTC_USDT"}),
    'GetTicker("LTC_USDT")': ("ticker", {"symbol": "LTC_USDT"}),
    "GetDepth()": ("depth", {"symbol": "BTC_USDT"}),
    "GetTrades()": ("trades", {"symbol": "BTC_USDT"}),
    "GetRecords(PERIOD_D1)": ("records", {"symbol": "BTC_USDT", "period": "1440"}),
    'GetRecords("X_Y", PERIOD_M1, 5)': ("records", {"symbol": "X_Y", "period": "1", "limit": "5"}),
    "GetAccount()": ("accounts", {}),
    "Buy(100.5, 0.1)": ("trade", {"symbol": "BTC_USDT", "type": "buy", "price": "100.5", "amount": "0.1"}),
    "Sell(-1, 2)": ("trade", {"symbol": "BTC_USDT", "type": "sell", "price": "-1", "amount": "2"}),
    'CreateOrder("X_Y.swap", "closebuy", -1, 1)': (
        "trade",
        {"symbol": "X_Y.swap", "type": "closebuy", "price": "-1", "amount": "1"},
    ),
    "GetOrder(7)": ("order", {"symbol": "BTC_USDT", "id": "7"}),
    "GetOrders()": ("orders", {"symbol": "BTC_USDT"}),
    "CancelOrder(7)": ("cancel", {"symbol": "BTC_USDT", "id": "7"}),
    "SetMarginLevel(12)": ("io", {"code": 0, "args": [12]}),
    'SetDirection("closesell")': ("io", {"code": 1, "args": ["closesell"]}),
    'SetContractType("quarter")': ("io", {"code": 2, "args": ["quarter"]}),
    "GetPositions()": ("io", {"code": 3, "args": []}),
}


def test_a_function_is_a_call_of_the_protocol(host: Ask, plugin: Plugin) -> None:
    plugin.answers = {method: ['{"error":"REFUSED"}'] for method, _ in ASKED.values()}
    host("\n".join(f"exchange.{call}" for call in ASKED))
    assert dict(zip(ASKED, plugin.asked, strict=True)) == ASKED


RETURNED: dict[str, tuple[str, Any, Any]] = {
    "GetDepth()": (
        "depth",
        {"time": 1, "asks": [[3, 4]], "bids": [[1, 2]]},
        {"Time": 1, "Asks": [{"Price": 3, "Amount": 4}], "Bids": [{"Price": 1, "Amount": 2}]},
    ),
    "GetRecords()": (
        "records",
        [[60, 1, 2, 3, 4, 5]],
        [{"Time": 60_000, "Open": 1, "High": 2, "Low": 3, "Close": 4, "Volume": 5}],
    ),
    "GetTrades()": (
        "trades",
        [{"id": 1, "time": 2, "price": 3, "amount": 4, "type": "sell"}],
        [{"Id": 1, "Time": 2, "Price": 3, "Amount": 4, "Type": 1}],
    ),
    "GetAssets()": (
        "accounts",
        [{"currency": "btc", "free": 1, "frozen": 2}],
        [{"Currency": "btc", "Amount": 1, "FrozenAmount": 2}],
    ),
    "Buy(1, 2)": ("trade", {"id": "x7"}, "x7"),
    "CancelOrder(1)": ("cancel", False, False),
    "GetPosition()": ("io", [{"Type": 1, "Amount": 2, "type": 1}], [{"Type": 1, "Amount": 2}]),
}


def test_an_answer_is_a_structure_of_fmz(host: Ask, plugin: Plugin) -> None:
    plugin.answers = {method: [json.dumps({"data": data})] for method, data, _ in RETURNED.values()}
    log = host("\n".join(f"Log(JSON.stringify(exchange.{call}))" for call in RETURNED)).log
    assert dict(zip(RETURNED, map(json.loads, log), strict=True)) == {
        call: returned for call, (_, _, returned) in RETURNED.items()
    }


def test_a_call_may_be_waited_for(host: Ask, plugin: Plugin) -> None:
    plugin.answers = {"trade": ['{"data":{"id":5}}']}
    assert host('Log(exchange.Go("Buy", 1, 2).wait())').log == ["5"]


def test_an_account_is_that_of_the_pair(host: Ask, plugin: Plugin) -> None:
    rows = [{"currency": "usdt", "free": 1, "frozen": 2}, {"currency": "btc", "free": 3, "frozen": 4}]
    plugin.answers = {"accounts": [json.dumps({"data": rows})]}
    line = "var a = exchange.GetAccount(); Log(a.Balance, a.FrozenBalance, a.Stocks, a.FrozenStocks)"
    assert host(f'{line}; exchange.SetCurrency("X_BTC"); {line}').log == ["1 2 3 4", "3 4 0 0"]


def test_an_error_is_null_and_told_once(host: Ask, plugin: Plugin) -> None:
    plugin.answers = {
        "ticker": ['{"error":"REFUSED why"}'],
        "cancel": ['{"error":"ORDER_FILLED"}'],
        "depth": ["<html>"],
    }
    run = host(
        'SetErrorFilter("ORDER_"); Log(exchange.GetTicker(), GetLastError(), GetLastError());'
        "Log(exchange.CancelOrder(1), exchange.GetDepth())"
    )
    assert run.log == [
        "GetTicker: REFUSED why",
        "null GetTicker: REFUSED why null",
        "GetDepth: unexpected answer <html>",
        "false null",
    ]


def test_a_direction_that_does_not_fit_is_refused_by_the_host(host: Ask, plugin: Plugin) -> None:
    run = host('exchange.SetDirection("sell"); Log(exchange.Buy(1, 2))')
    assert run.log == ["Buy: direction is sell, invalid order type Buy", "null"]
    assert [method for method, _ in plugin.asked] == ["io"]


def test_numbers_are_cut_to_the_precision_that_is_set(host: Ask, plugin: Plugin) -> None:
    plugin.answers = {"trade": ['{"data":{"id":1}}']}
    host("exchange.SetPrecision(2, 3); exchange.Buy(1.239, 0.12345); exchange.Buy(-1, 100)")
    assert [(params["price"], params["amount"]) for _, params in plugin.asked] == [("1.23", "0.123"), ("-1", "100")]


def test_a_retry_waits_three_seconds_on_the_robots_own_clock(host: Ask, plugin: Plugin) -> None:
    run = host(
        "var n = 0; Log(_C(function () { n += 1; return n > 2 ? n : n > 1 ? false : null }), Date.now());"
        "Log(new Date().getTime(), Unix(), _D())"
    )
    assert run.log == [f"3 {NOW + 6000}", f"{NOW + 6000} {(NOW + 6000) // 1000} 2026-11-22 13:12:52"]


def test_numbers_are_cut(host: Ask) -> None:
    assert host("Log(_N(3.14159), _N(3.149, 2), _N(-3.149, 1), _N(1e-7, 8), _N(1234, -2))").log == [
        "3.1415 3.14 -3.1 1e-7 1200"
    ]


def test_a_robot_that_never_ends_is_stopped(host: Ask, plugin: Plugin) -> None:
    run = host("while (true) { try { Sleep(1) } catch (error) { Log(error) } }", steps=10)
    assert (run.ended, run.log) == ("out of steps", [])
    assert host("while (true) { exchange.GetName(); exchange.SetDirection('buy') }", steps=10).ended == "out of steps"
    assert len(plugin.bodies) == 10


def test_a_robot_that_has_traded_is_stopped(host: Ask, plugin: Plugin) -> None:
    plugin.answers = {"trade": ['{"data":{"id":5}}']}
    run = host("while (true) { exchange.Buy(1, 1); Sleep(1) }", orders=2)
    assert (run.ended, [order["id"] for order in run.ids]) == ("traded", [5, 5])


def test_a_robot_that_breaks_says_where(host: Ask) -> None:
    run = host("Log(exchange.GetLabel());\n nothing()")
    assert run.ended == "error"
    assert run.log[0] == "mine"
    assert "nothing is not defined" in run.log[1]
    assert "robot.js:2" in run.log[1]


def test_no_gateway_is_an_error_of_a_call() -> None:
    run = run_robot("function main() { Log(exchange.GetTicker()) }", [("http://127.0.0.1:1/x", "")])
    assert (run.ended, run.log[-1]) == ("main returned", "null")
    assert "ECONNREFUSED" in run.log[0]
