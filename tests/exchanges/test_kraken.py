"""Kraken: signatures as published and as the ccxt library makes them, tables that are total, names, look-ups, pages."""

import json
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import ccxt
import pytest
import requests

from exchanges.kit.conversations import load
from exchanges.kraken.spot import Kraken
from protocol.deadline import Deadline
from protocol.errors import (
    AuthenticationFailed,
    ExchangeError,
    GatewayError,
    InsufficientFunds,
    InvalidOrder,
    Maintenance,
    OrderNotFound,
    OutcomeUnknown,
    RateLimited,
    Unsupported,
    WrongTime,
)
from protocol.models import NewOrder, Side, Status, Symbol
from tests.lent import Lent
from transport.credentials import Credentials
from transport.http import Http
from transport.reply import Reply
from transport.signing import HmacNonceForm

# https://docs.kraken.com/api/docs/guides/spot-rest-auth: the published example.
SECRET = "kQH5HW/8p1uGOVjbgWA7FunAmGO8lsSUXNsu3eow76sz84Q18fWxnyRzBHCd3pd5nE9qa99HAZtuZuj6F1huXg=="
KEYS = Credentials("fmz-key", SECRET)
WITH_PASSWORD = Credentials("fmz-key", SECRET, "second factor+é&=")
BTC_USD = Symbol("BTC", "USD")
ORDER_ID = "OUF4EM-FRGI2-MQMWZD"
CLIENT_ID = "da8e4ad59b78481c93e589746b0cf91f"


class Recorder(Http):
    """A client that records what would be sent, and answers from a list of results, the last of them for ever."""

    def __init__(self, *results: Any) -> None:
        super().__init__()
        self.results = list(results)
        self.sent: list[requests.PreparedRequest] = []

    def send(self, exchange: str, request: requests.Request, deadline: Deadline) -> Reply:
        self.sent.append(request.prepare())
        result = self.results.pop(0) if len(self.results) > 1 else self.results[0]
        errors = result if isinstance(result, list) else []
        body = json.dumps({"error": errors, "result": {} if errors else result}).encode()
        return Reply(exchange, 200, "application/json", body)

    def forms(self) -> list[dict[str, str]]:
        """The forms that were posted."""
        return [dict(parse_qsl(str(request.body))) for request in self.sent]


Connect = Callable[..., tuple[Kraken, Recorder]]


@pytest.fixture
def connect(lent: Lent) -> Connect:
    def connect(*results: Any, keys: Credentials = KEYS) -> tuple[Kraken, Recorder]:
        recorder = Recorder(*results)
        return replace(lent, http=recorder, deadline=60.0).open(Kraken, keys, "a request"), recorder

    return connect


def row(**changes: Any) -> dict[str, Any]:
    """An order as Kraken describes it."""
    asked = {"pair": "XBTUSD", "type": "buy", "ordertype": "limit", "price": "27500.0", "price2": "0"}
    numbers = {"vol": "1.25", "vol_exec": "0.0", "price": "0.0", "limitprice": "0.0"}
    return {"cl_ord_id": None, "status": "closed", "closetm": 1688148610.0482, "descr": asked, **numbers, **changes}


# Signatures -------------------------------------------------------------------------------------------------------


def test_the_signer_makes_the_published_signature() -> None:
    request = requests.Request(
        "POST",
        "https://api.kraken.com/0/private/AddOrder",
        data={"ordertype": "limit", "pair": "XBTUSD", "price": "37500", "type": "buy", "volume": "1.25"},
        auth=HmacNonceForm(KEYS, nonce=1616492376594),
    ).prepare()
    assert request.body == "nonce=1616492376594&ordertype=limit&pair=XBTUSD&price=37500&type=buy&volume=1.25"
    assert request.headers["API-Key"] == "fmz-key"
    assert request.headers["Content-Length"] == str(len(request.body))
    assert request.headers["API-Sign"] == (
        "4/dpxb3iT4tp/ZCVEwSnEsLxx0bqyhLpdfOpc6fn7OR8+UClSV5n9E6aSS8MPtnRfp32bAb0nmbRn6H8ndwLUQ=="
    )


def new_order(side: Side, price: str | None) -> NewOrder:
    limit = None if price is None else Decimal(price)
    return NewOrder(symbol=BTC_USD, side=side, price=limit, amount=Decimal("1.25"), client_id=CLIENT_ID)


SIGNED: dict[str, tuple[Callable[[Kraken], Any], Any]] = {
    "accounts": (lambda kraken: kraken.accounts(), {}),
    "limit buy": (lambda kraken: kraken.trade(new_order(Side.BUY, "37500")), {"txid": [ORDER_ID]}),
    "limit sell": (lambda kraken: kraken.trade(new_order(Side.SELL, "0.00000001")), {"txid": [ORDER_ID]}),
    "market buy": (lambda kraken: kraken.trade(new_order(Side.BUY, None)), {"txid": [ORDER_ID]}),
    "market sell": (lambda kraken: kraken.trade(new_order(Side.SELL, None)), {"txid": [ORDER_ID]}),
    "orders": (lambda kraken: kraken.orders(BTC_USD), {"open": {}}),
    "order": (lambda kraken: kraken.order(BTC_USD, ORDER_ID), {ORDER_ID: row()}),
    "cancel": (lambda kraken: kraken.cancel(BTC_USD, ORDER_ID), {"count": 1}),
    "find": (lambda kraken: kraken.find(BTC_USD, CLIENT_ID), {"open": {}, "closed": {}}),
    "history": (lambda kraken: kraken.history(BTC_USD, 1688148610048, 10), {"closed": {}}),
    "raw": (lambda kraken: kraken.raw("POST", "0/private/Ledgers", {"asset": "ZUSD,XXBT", "x": "+1% é&="}), {}),
}


# Where ccxt writes the form in other bytes, its own primitives sign ours.
WRITTEN_OTHERWISE = {"raw": "a space is + in our form and %20 in ccxt's, as in the password"}


@pytest.mark.parametrize("keys", [KEYS, WITH_PASSWORD], ids=["", "with a password"])
@pytest.mark.parametrize("call", SIGNED)
def test_what_is_sent_is_what_ccxt_would_send(call: str, keys: Credentials, connect: Connect) -> None:
    """The whole of it: address, headers and form, in which the password of a second factor is a parameter to ccxt."""
    ask, result = SIGNED[call]
    kraken, recorder = connect(result, keys=keys)
    ask(kraken)
    assert recorder.sent
    for request in recorder.sent:
        nonce, *params = parse_qsl(str(request.body))
        assert [value for name, value in params if name == "otp"] == ([keys.passphrase] if keys.passphrase else [])
        theirs = ccxt.kraken({"apiKey": KEYS.key, "secret": KEYS.secret})
        theirs.incrementing_nonce = lambda nonce=nonce: nonce[1]
        version, api, path = urlsplit(str(request.url)).path.strip("/").split("/")
        signed = theirs.sign(path, [api], "POST", dict(params))
        assert (nonce[0], version) == ("nonce", theirs.version)
        assert (request.method, request.url) == (signed["method"], signed["url"])
        assert parse_qsl(str(request.body)) == parse_qsl(signed["body"])
        headers = {name: request.headers[name] for name in signed["headers"]}
        if not (call in WRITTEN_OTHERWISE or keys.passphrase):
            assert (request.body, headers) == (signed["body"], signed["headers"])
        else:
            assert request.body != signed["body"]
            digest = theirs.hash(theirs.encode(nonce[1] + str(request.body)), "sha256", "binary")
            prehash = theirs.binary_concat(theirs.encode(f"/{version}/{api}/{path}"), digest)
            key = theirs.base64_to_binary(theirs.secret)
            assert headers["API-Sign"] == theirs.hmac(prehash, key, "sha512", "base64")


def test_nonces_grow_with_every_call_though_the_clock_stands_still(connect: Connect) -> None:
    kraken, recorder = connect({"open": {}})
    for _ in range(3):
        kraken.orders(None)
    assert [int(form["nonce"]) - 1_700_000_000_000_000 for form in recorder.forms()] == [0, 1, 2]


# Tables -----------------------------------------------------------------------------------------------------------

# https://docs.kraken.com/api/docs/guides/spot-errors, all of it, then the rest that is known.
ERRORS: dict[str, type[GatewayError]] = {
    "EGeneral:Invalid arguments": ExchangeError,
    "EGeneral:Invalid arguments:Index unavailable": ExchangeError,
    "EGeneral:Temporary lockout": RateLimited,
    "EService:Unavailable": OutcomeUnknown,
    "EService:Market in cancel_only mode": Maintenance,
    "EService:Market in post_only mode": Maintenance,
    "EService:Deadline elapsed": OutcomeUnknown,
    "EAPI:Invalid key": AuthenticationFailed,
    "EAPI:Invalid signature": AuthenticationFailed,
    "EAPI:Invalid nonce": AuthenticationFailed,
    "EGeneral:Permission denied": AuthenticationFailed,
    "EGeneral:Internal error": OutcomeUnknown,
    "EGeneral:Internal error:42": OutcomeUnknown,
    "EOrder:Cannot open opposing position": ExchangeError,
    "EOrder:Cannot open position": ExchangeError,
    "EOrder:Margin allowance exceeded": ExchangeError,
    "EOrder:Margin level too low": InsufficientFunds,
    "EOrder:Margin position size exceeded": ExchangeError,
    "EOrder:Insufficient margin": InsufficientFunds,
    "EOrder:Insufficient funds": InsufficientFunds,
    "EOrder:Order minimum not met": InvalidOrder,
    "EOrder:Cost minimum not met": InvalidOrder,
    "EOrder:Tick size check failed": InvalidOrder,
    "EOrder:Orders limit exceeded": RateLimited,
    "EOrder:Rate limit exceeded": RateLimited,
    "EOrder:Invalid price": InvalidOrder,
    "EOrder:Domain rate limit exceeded": RateLimited,
    "EOrder:Positions limit exceeded": ExchangeError,
    "EOrder:Reduce only:Non-PC": ExchangeError,
    "EOrder:Reduce only:No position exists": ExchangeError,
    "EOrder:Reduce only:Position is closed": ExchangeError,
    "EOrder:Scheduled orders limit exceeded": RateLimited,
    "EOrder:Unknown position": ExchangeError,
    "EAccount:Invalid permissions": AuthenticationFailed,
    "EAuth:Account temporary disabled": AuthenticationFailed,
    "EAuth:Account unconfirmed": AuthenticationFailed,
    "EAuth:Rate limit exceeded": RateLimited,
    "EAuth:Too many requests": RateLimited,
    "ETrade:Invalid request": ExchangeError,
    "EBM:limit exceeded:CAL": ExchangeError,
    "EFunding:Max fee exceeded": ExchangeError,
    # Elsewhere in its documentation, or met by others.
    "EAPI:Rate limit exceeded": RateLimited,
    "EGeneral:Too many requests": RateLimited,
    "EService:Throttled: 1700000060": RateLimited,
    "EService:Busy": OutcomeUnknown,
    "EService:Market in limit_only mode": Maintenance,
    "EDatabase:Internal error": OutcomeUnknown,
    "ESession:Invalid session": AuthenticationFailed,
    "ETrade:User Locked": AuthenticationFailed,
    "ETrade:Locked": AuthenticationFailed,
    "EGeneral:Invalid arguments:volume": InvalidOrder,
    "EGeneral:Invalid arguments:price": InvalidOrder,
    "EGeneral:Invalid arguments:viqc": InvalidOrder,
    "EGeneral:Invalid arguments:deadline": WrongTime,
    "EOrder:Invalid price:Invalid price argument": InvalidOrder,
    "EOrder:Invalid order": InvalidOrder,
    "EOrder:Unknown order": OrderNotFound,
    "EQuery:Unknown asset pair": ExchangeError,
    "EFunding:Insufficient funds": InsufficientFunds,
}


@pytest.mark.parametrize("error", ERRORS)
def test_an_error_is_of_its_kind(error: str, connect: Connect) -> None:
    kraken, _ = connect([error])
    with pytest.raises(GatewayError) as caught:
        kraken.accounts()
    assert type(caught.value) is ERRORS[error]


@pytest.mark.parametrize("error", [error for error, kind in ERRORS.items() if kind is not OutcomeUnknown])
def test_no_error_beside_it_makes_an_unclear_outcome_clear(error: str, connect: Connect) -> None:
    for errors in ([error, "EGeneral:Internal error"], ["EGeneral:Internal error", error]):
        kraken, _ = connect(errors)
        with pytest.raises(OutcomeUnknown):
            kraken.accounts()


def test_the_statuses_are_the_documented_ones() -> None:
    """https://docs.kraken.com/api/docs/rest-api/get-orders-info"""
    assert {status for status, ours in Kraken.statuses.items() if ours is Status.OPEN} == {"pending", "open"}
    assert {status for status, ours in Kraken.statuses.items() if ours is Status.CLOSED} == {"closed"}
    assert {status for status, ours in Kraken.statuses.items() if ours is Status.CANCELLED} == {"canceled", "expired"}


def test_the_intervals_are_the_documented_ones() -> None:
    """https://docs.kraken.com/api/docs/rest-api/get-ohlc-data"""
    assert [int(interval) for interval in Kraken.periods.values()] == [1, 5, 15, 30, 60, 240, 1440, 10080, 21600]
    assert all(interval == str(minutes) for minutes, interval in Kraken.periods.items())


@pytest.mark.parametrize("number", [0, 1, 15, 2**64, 2**124 - 1, 2**127, 2**128 - 1])
def test_a_client_id_is_always_32_digits_long(number: int) -> None:
    """31 of them would be neither of the documented forms: https://docs.kraken.com/api/docs/rest-api/add-order"""
    assert Kraken.client_id is not None
    assert len(Kraken.client_id.render(number)) == 32
    assert int(Kraken.client_id.render(number)[::-1], 16) == number


# Names ------------------------------------------------------------------------------------------------------------


def test_our_name_of_a_market_gives_its_own_name_and_back(connect: Connect) -> None:
    cases = load(Path(__file__).parent / "cases" / "kraken")
    listed = json.loads(next(case for case in cases if case.method == "markets").got[0].text)["result"]
    kraken, _ = connect(listed)
    markets = [market for market in kraken.markets() if market.tradable]
    assert [str(market.symbol) for market in markets] == ["BTC_USD", "BTC_USDT", "DOGE_USD", "ETH_BTC"]
    for market in markets:
        assert kraken.market(market.symbol) == listed[market.id]["altname"]
        assert "XBT" not in str(market.symbol)


@pytest.mark.parametrize(("status", "limit_only"), [("online", False), ("limit_only", True), ("post_only", True)])
def test_a_market_says_if_it_takes_limit_orders_only(status: str, limit_only: bool, connect: Connect) -> None:
    rules = {"wsname": "XBT/USD", "tick_size": "0.1", "lot_decimals": 8, "ordermin": "0.0001", "costmin": "0.5"}
    kraken, _ = connect({"XXBTZUSD": {**rules, "status": status}})
    [market] = kraken.markets()
    assert (market.tradable, market.limit_only) == (True, limit_only)


def test_every_asset_renamed_is_renamed_back() -> None:
    assert all(Kraken.currencies[theirs] == ours for ours, theirs in Kraken.assets.items())
    assert all(theirs[1:] in (ours, Kraken.assets.get(ours)) for theirs, ours in Kraken.currencies.items()
               if theirs not in Kraken.assets.values())  # fmt: skip


# Look-ups ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("written", [CLIENT_ID, "da8e4ad5-9b78-481c-93e5-89746b0cf91f"])
def test_an_open_order_is_found_by_our_id(written: str, connect: Connect) -> None:
    kraken, recorder = connect({"open": {ORDER_ID: row(status="open", cl_ord_id=written)}})
    assert kraken.find(BTC_USD, CLIENT_ID) == ORDER_ID
    assert [form["cl_ord_id"] for form in recorder.forms()] == [CLIENT_ID]


@pytest.mark.parametrize("status", ["closed", "canceled", "expired", "something new"])
def test_a_past_order_is_found_by_our_id(status: str, connect: Connect) -> None:
    kraken, recorder = connect({"open": {}}, {"closed": {ORDER_ID: row(status=status, cl_ord_id=CLIENT_ID)}})
    assert kraken.find(BTC_USD, CLIENT_ID) == ORDER_ID
    assert [form["cl_ord_id"] for form in recorder.forms()] == [CLIENT_ID, CLIENT_ID]


def test_an_order_with_another_id_is_not_ours(connect: Connect) -> None:
    others = {"A-1": row(), "B-2": row(cl_ord_id="arb-20240509-00010"), "C-3": row(cl_ord_id=CLIENT_ID[::-1])}
    kraken, _ = connect({"open": others}, {"closed": others})
    assert kraken.find(BTC_USD, CLIENT_ID) is None


@pytest.mark.parametrize("results", [(["EAPI:Rate limit exceeded"],), ({"open": {}}, ["EAPI:Rate limit exceeded"])])
def test_a_look_up_that_fails_is_not_an_order_that_does_not_exist(results: Any, connect: Connect) -> None:
    kraken, _ = connect(*results)
    with pytest.raises(RateLimited):
        kraken.find(BTC_USD, CLIENT_ID)


# Pages of past orders ---------------------------------------------------------------------------------------------


def page(start: int, length: int = 50, **changes: Any) -> dict[str, Any]:
    """Past orders, the latest first; their numbers are the seconds before 1700000000 that they were closed at."""
    numbers = range(start, start + length)
    return {"closed": {f"O-{n}": row(closetm=1_700_000_000 - n, **changes) for n in numbers}, "count": 1000}


def numbers(kraken: Kraken, since: int | None, limit: int | None, symbol: Symbol | None = None) -> list[int]:
    return [int(str(order.id)[2:]) for order in kraken.history(symbol, since, limit)]


def test_the_latest_page_is_enough_when_nothing_more_is_asked_for(connect: Connect) -> None:
    kraken, recorder = connect(page(0))
    assert numbers(kraken, None, None) == list(range(49, -1, -1))
    assert [form["ofs"] for form in recorder.forms()] == ["0"]


def test_pages_are_turned_until_there_are_enough(connect: Connect) -> None:
    kraken, recorder = connect(page(0), page(50), page(100))
    assert numbers(kraken, None, 60) == list(range(59, -1, -1))
    assert [form["ofs"] for form in recorder.forms()] == ["0", "50"]
    assert len(kraken.replies) == 2, "raw is both pages"


def test_pages_are_turned_past_other_markets(connect: Connect) -> None:
    other = row()["descr"] | {"pair": "XBTUSDT"}
    kraken, recorder = connect(page(0, descr=other), page(50, length=3))
    assert numbers(kraken, None, 2, BTC_USD) == [51, 50]
    assert [form["ofs"] for form in recorder.forms()] == ["0", "50"]


def test_from_a_time_on_the_first_ones_are_given(connect: Connect) -> None:
    kraken, recorder = connect(page(0), page(50, length=10))
    assert numbers(kraken, 1_699_999_945_000, 2) == [55, 54]
    assert [form["start"] for form in recorder.forms()] == ["1699999944", "1699999944"]


def test_more_than_can_be_asked_for_is_not_silently_cut(connect: Connect) -> None:
    kraken, _ = connect(*(page(start) for start in range(0, 300, 50)))
    with pytest.raises(Unsupported, match="Kraken lists over 250 orders there: name a market, or a later time"):
        kraken.history(None, 1, None)
    kraken, recorder = connect(*(page(start) for start in range(0, 300, 50)))
    assert len(kraken.history(None, None, 1000)) == 250
    assert len(recorder.sent) == 5


def test_coins_that_earn_count_with_their_coin_and_nothing_is_below_zero(connect: Connect) -> None:
    kraken, _ = connect(
        {"XXBT": {"balance": "0.1", "hold_trade": "0.6"}, "XBT.F": {"balance": "1.5", "hold_trade": "0"},
         "XETH": {"balance": "0.1", "hold_trade": "0.6"}, "ETH.S": {"balance": "2", "hold_trade": "0"}}
    )  # fmt: skip
    balances = {each.currency: (each.free, each.frozen) for each in kraken.accounts()}
    assert balances["BTC"] == (Decimal("1.0"), Decimal("0.6"))
    assert balances["ETH"][0] == 0
    assert balances["ETH.S"] == (Decimal(2), Decimal(0))


@pytest.mark.parametrize("kind", ["stop-loss-limit", "take-profit-limit"])
def test_an_order_that_is_not_triggered_has_the_price_it_will_have(kind: str, connect: Connect) -> None:
    asked = {"pair": "XBTUSD", "type": "sell", "ordertype": kind, "price": "26000.0", "price2": "25900.0"}
    kraken, _ = connect({ORDER_ID: row(status="open", descr=asked, limitprice="0.0")})
    assert kraken.order(BTC_USD, ORDER_ID).price == Decimal("25900.0")
