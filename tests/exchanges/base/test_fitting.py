"""Orders with more digits than their market has, as strategies compute them."""

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exchanges.base.fitting import fitted
from protocol import wire
from protocol.errors import InvalidOrder, NotSent, RateLimited, Unsupported
from protocol.models import Market, NewOrder, OrderId, Side
from tests.lent import Lent
from tests.tiny import BTC, ORDER, RULES, SWAP, Lister, Tiny, ask, futures, tiny

MARKET = replace(RULES, tick_size=Decimal("0.1"), lot_size=Decimal("0.001"), min_amount=Decimal("0.002"))
Sent = tuple[str, str, str]
"""The price and amount of an order that was sent, and the answer to it."""


def order(price: str | None, amount: str, side: Side = Side.BUY, **changes: object) -> NewOrder:
    made = NewOrder(symbol=BTC, side=side, price=None if price is None else Decimal(price), amount=Decimal(amount))
    return replace(made, **changes)  # type: ignore[arg-type] # fields of several types


@pytest.mark.parametrize(
    ("side", "price", "sent"),
    [
        (Side.BUY, "68442.09999999999", "68442.1"), (Side.SELL, "68442.09999999999", "68442.1"),
        (Side.BUY, "68442.10000000001", "68442.1"), (Side.SELL, "68442.10000000001", "68442.1"),
        (Side.BUY, "68442.19", "68442.1"), (Side.SELL, "68442.11", "68442.2"), (Side.BUY, "68442.1000", "68442.1000"),
        (Side.SELL, "0.01", "0.1"), (Side.BUY, "1E+3", "1E+3"),
    ],
)  # fmt: skip
def test_a_price_is_moved_away_from_the_market(side: Side, price: str, sent: str) -> None:
    assert str(fitted(order(price, "1", side), MARKET).price) == sent


@pytest.mark.parametrize(
    ("amount", "sent"),
    [
        ("0.0029999999999", "0.003"), ("0.0030000000001", "0.003"), ("0.0029", "0.002"), ("0.0150", "0.0150"),
        ("0.3333333333333333", "0.333"), ("12345678901234567890.1239", "12345678901234567890.123"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("side", Side)
def test_an_amount_is_cut_down(side: Side, amount: str, sent: str) -> None:
    assert str(fitted(order("1", amount, side), MARKET).amount) == sent


@given(
    number=st.decimals(min_value="0.000001", max_value="1000000", allow_nan=False),
    step=st.sampled_from(("0.01", "0.5", "0.001", "25", "0.00000001")),
    side=st.sampled_from(Side),
)
def test_what_is_sent_is_on_the_step_and_never_on_the_wrong_side(number: Decimal, step: str, side: Side) -> None:
    market = replace(MARKET, tick_size=Decimal(step), lot_size=Decimal(step), min_amount=Decimal(0))
    noise = number / 10**9
    try:
        sent = fitted(order(str(number), str(number), side), market)
    except InvalidOrder:
        assert number < Decimal(step)
        return
    assert sent.price is not None
    assert sent.price % Decimal(step) == sent.amount % Decimal(step) == 0
    assert number - Decimal(step) < sent.amount <= number + noise
    assert (sent.price <= number + noise) if side is Side.BUY else (sent.price >= number - noise)
    assert abs(sent.price - number) < Decimal(step)


def test_the_quote_of_a_market_buy_stays_as_it_is() -> None:
    spends = order(None, "100.123456789")
    assert fitted(spends, MARKET) == spends
    assert fitted(order(None, "1.2345", Side.SELL), MARKET).amount == Decimal("1.234")
    assert fitted(order(None, "1.2345", symbol=SWAP), MARKET).amount == Decimal("1.234")


def test_a_market_without_steps_takes_everything() -> None:
    free = Market(symbol=BTC, tick_size=Decimal(0), lot_size=Decimal(0))
    made = order("1.23456789", "9.87654321")
    assert fitted(made, free) == made


@pytest.mark.parametrize(
    ("price", "amount", "why"),
    [
        ("0.05", "1", "the price 0.05 is less than one price step"),
        ("1", "0.0009", "the amount 0.0009 is less than one amount step"),
        ("1", "0.0029", "the amount 0.0029 is 0.002 in whole steps"),
    ],
)
def test_what_becomes_nothing_or_too_little_is_refused(price: str, amount: str, why: str) -> None:
    least = replace(MARKET, min_amount=Decimal("0.0025"))
    with pytest.raises(InvalidOrder, match=why):
        fitted(order(price, amount), least)


def test_an_amount_that_was_too_small_already_is_the_exchanges_to_refuse() -> None:
    assert fitted(order("1", "0.0015"), MARKET).amount == Decimal("0.001")


# Through the whole of it ------------------------------------------------------------------------------------------


def trade(lent: Lent, price: str, amount: str, rules: Market | Exception = MARKET, *, exact: bool = False) -> Sent:
    """Buy; return what was sent, and the answer."""
    sent: list[NewOrder] = []

    def place(_: Tiny, order: NewOrder) -> OrderId:
        sent.append(order)
        return 7

    exchange = tiny(replace(lent, exact_orders=exact), trade=place, markets=Lister(rules))
    answer = ask(exchange, "trade", symbol="BTC_USDT", type="buy", price=price, amount=amount)
    [order] = sent
    return str(order.price), str(order.amount), wire.write(answer).decode()


def test_an_order_goes_out_on_the_steps_and_raw_tells_what_was_sent(lent: Lent) -> None:
    assert trade(lent, "68442.09999999999", "0.0039") == (
        "68442.1", "0.003", '{"data":{"id":7},"raw":{"sent":{"price":68442.1,"amount":0.003}}}',
    )  # fmt: skip


def test_an_order_that_fits_is_sent_as_it_is_and_nothing_is_said(lent: Lent) -> None:
    assert trade(lent, "68442.10", "0.0030") == ("68442.10", "0.0030", '{"data":{"id":7}}')


def test_with_exact_orders_every_digit_goes_out(lent: Lent) -> None:
    assert trade(lent, "68442.09999999999", "0.0039", exact=True)[:2] == ("68442.09999999999", "0.0039")


@pytest.mark.parametrize("error", [NotSent("no network"), Unsupported("no list"), RateLimited("later")])
def test_without_rules_every_digit_goes_out(lent: Lent, error: Exception) -> None:
    assert trade(lent, "68442.09999999999", "0.0039", error)[:2] == ("68442.09999999999", "0.0039")


def test_what_is_refused_is_not_sent_and_says_the_rule(lent: Lent) -> None:
    with pytest.raises(InvalidOrder) as refused:
        trade(lent, "1", "0.0009")
    assert str(refused.value) == (
        "INVALID_ORDER Tiny: the amount 0.0009 is less than one amount step, and nothing was sent; BTC_USDT has price "
        "step 0.1, amount step 0.001, least amount 0.002, least value 5"
    )


# Markets that take limit orders only --------------------------------------------------------------------------------

LIMIT_ONLY = replace(MARKET, limit_only=True)


def test_a_market_order_where_there_are_none_is_not_supported_and_not_sent(lent: Lent) -> None:
    with pytest.raises(Unsupported) as refused:
        trade(lent, "-1", "100", LIMIT_ONLY)
    assert str(refused.value) == (
        "UNSUPPORTED not supported: Tiny takes no market orders in BTC_USDT now. Give a price; nothing was sent"
    )
    assert trade(lent, "1.0", "0.002", LIMIT_ONLY)[:2] == ("1.0", "0.002"), "a limit order is taken"


def test_a_market_that_takes_market_orders_again_is_looked_at_anew(lent: Lent) -> None:
    lister = Lister(LIMIT_ONLY, MARKET)
    exchange = tiny(replace(lent, exact_orders=False), trade=lambda *_: 7, markets=lister)
    exchange.apart(lambda one: one.rules(BTC))
    later = exchange.fresh()
    assert ask(later, "trade", symbol="BTC_USDT", type="buy", price="-1", amount="100")["data"] == {"id": 7}
    assert lister.asked == 2


def test_a_list_of_this_very_call_is_not_asked_for_twice(lent: Lent) -> None:
    lister = Lister(LIMIT_ONLY)
    with pytest.raises(Unsupported):
        ask(tiny(replace(lent, exact_orders=False), markets=lister), "trade", **ORDER | {"price": "-1"})
    assert lister.asked == 1


def test_a_contract_that_takes_no_market_orders_refuses_them_to_the_digit_too(lent: Lent) -> None:
    lister = Lister(replace(LIMIT_ONLY, symbol=SWAP))
    exchange = futures(replace(lent, exact_orders=True), markets=lister, trade=lambda *_: 7)
    with pytest.raises(Unsupported, match=r"takes no market orders in BTC_USDT\.swap now"):
        ask(exchange, "trade", **ORDER | {"symbol": "BTC_USDT.swap", "price": "-1"})


def test_no_step_is_not_whole_coins(lent: Lent) -> None:
    free = replace(MARKET, lot_size=Decimal(0))
    assert trade(lent, "1.0", "0.1234567890123", free)[1] == "0.1234567890123"
    exchange = tiny(lent, markets=Lister(free))
    listed = ask(exchange, "markets")["data"]["BTC_USDT"]
    assert (listed["AmountSize"], listed["AmountPrecision"]) == (Decimal("1E-8"), 8)
    assert "price step 0.1, no amount step, least amount" in exchange.explain(order("1", "1"))
