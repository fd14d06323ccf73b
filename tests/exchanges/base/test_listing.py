"""The list of markets: kept for an hour, and what it says of a refused order."""

from dataclasses import replace
from decimal import Decimal

import pytest

from exchanges.base import FuturesExchange
from protocol.errors import InvalidCall, InvalidOrder, NotSent, OutcomeUnknown
from protocol.models import Market, Side, Symbol
from tests.conftest import NOW, Clock
from tests.lent import Lent
from tests.tiny import BTC, ORDER, RULES, SWAP, Canned, Lister, ask, futures, order, tiny

STEP = b'{"code": 14, "message": "bad step"}'


def test_markets_are_asked_for_once_an_hour(lent: Lent) -> None:
    lister = Lister(RULES)
    exchange = tiny(lent, markets=lister)
    assert exchange.rules(BTC) is exchange.rules(BTC) is RULES
    assert lister.asked == 1


def test_a_failure_is_not_kept(lent: Lent) -> None:
    exchange = tiny(lent, markets=Lister(OutcomeUnknown("busy"), RULES))
    with pytest.raises(OutcomeUnknown):
        exchange.rules(BTC)
    assert exchange.rules(BTC) is RULES


def test_a_market_that_is_not_listed_is_an_invalid_call(lent: Lent) -> None:
    exchange = tiny(lent, markets=Lister(RULES))
    with pytest.raises(InvalidCall, match="Tiny lists no market ETH_USDT"):
        exchange.rules(Symbol.parse("ETH_USDT"))


def test_a_refusal_by_a_markets_rule_says_the_rule(lent: Lent) -> None:
    exchange = tiny(lent, Canned(400, STEP), markets=Lister(RULES))
    with pytest.raises(InvalidOrder) as refused:
        ask(exchange, "trade", **ORDER)
    assert str(refused.value) == (
        "INVALID_ORDER Tiny 14 bad step; BTC_USDT has price step 0.10, amount step 0.00000001, least amount 0, "
        "least value 5"
    )


def test_a_refusal_by_a_rule_that_cannot_be_had_stands_alone(lent: Lent) -> None:
    exchange = tiny(lent, Canned(400, STEP), markets=Lister(NotSent("no network")))
    with pytest.raises(InvalidOrder) as refused:
        ask(exchange, "trade", **ORDER)
    assert str(refused.value) == "INVALID_ORDER Tiny 14 bad step"


@pytest.mark.parametrize(
    ("value", "currency", "price", "amount", "words"),
    [
        ("0.001", "BTC", None, "0.015", "0.001 BTC; 0.015 BTC would be 15 contracts"),
        ("0.001", "BTC", "60000", "0.001", "0.001 BTC; 0.001 BTC would be 1 contract"),
        ("0.001", "BTC", None, "1.5", "0.001 BTC; 1.5 BTC would be 1500 contracts"),
        (
            "0.0010",
            "BTC",
            None,
            "0.0001",
            "0.001 BTC; 0.0001 BTC would be 0.1 contracts",
        ),
        ("0.003", "BTC", None, "0.1", "0.003 BTC; 0.1 BTC would be 33.333333 contracts"),
        (
            "100",
            "USDT",
            "60000",
            "0.01",
            "100 USDT; 0.01 BTC at 60000 would be 6 contracts",
        ),
        ("100", "USDT", None, "0.01", "100 USDT"),
        ("1", "BTC", None, "0.5", "1 BTC"),
        ("0.001", "BTC", None, "1" + "0" * 39, ""),
        ("0.001", "BTC", None, "15", ""),
        ("0", "BTC", None, "0.5", ""),
        ("1", "", None, "0.5", ""),
    ],
)
def test_what_is_no_whole_number_of_contracts_is_told_in_contracts(
    lent: Lent, value: str, currency: str, price: str | None, amount: str, words: str
) -> None:
    contract = replace(RULES, symbol=SWAP, contract_value=Decimal(value), contract_currency=currency)
    exchange = futures(lent, markets=Lister(contract))
    refused = replace(order(SWAP, price=None if price is None else Decimal(price)), amount=Decimal(amount))
    rules = "BTC_USDT.swap has price step 0.10, amount step 0.00000001, least amount 0, least value 5"
    assert exchange.explain(refused) == (f"{rules}; 1 contract of BTC_USDT.swap is {words}" if words else rules)


def test_the_amount_of_a_market_buy_is_told_to_be_quote_even_without_rules(lent: Lent) -> None:
    exchange = tiny(lent, markets=Lister(NotSent("no network")))
    assert exchange.explain(order()) == "the amount of a market buy is in USDT, the quote"
    assert exchange.explain(order(price=Decimal(1))) == ""
    assert exchange.explain(replace(order(), side=Side.SELL)) == ""
    assert exchange.explain(order(SWAP)) == ""


# What is not in the list, or not for long ---------------------------------------------------------------------------


def test_a_market_that_is_not_in_the_list_may_be_new(lent: Lent) -> None:
    new = replace(RULES, symbol=Symbol("NEW", "USDT"), id="NEW-T")
    lister = Lister(RULES, new)
    exchange = tiny(lent, markets=lister)
    assert exchange.rules(BTC) is RULES
    assert exchange.fresh().rules(new.symbol) is new
    assert lister.asked == 2


def test_a_miss_asks_again_once_in_a_few_seconds(lent: Lent, monkeypatch: pytest.MonkeyPatch) -> None:
    now = [1000.0]
    monkeypatch.setattr("transport.upstream.time.monotonic", lambda: now[0])
    lister = Lister(RULES)
    exchange = tiny(lent, markets=lister)
    for seconds, asked in ((0, 1), (1, 2), (1, 2), (2, 2), (4, 3)):
        now[0] += seconds
        with pytest.raises(InvalidCall, match="Tiny lists no market ETH_USDT"):
            exchange.fresh().rules(Symbol("ETH", "USDT"))
        assert lister.asked == asked


def test_an_empty_list_is_not_kept(lent: Lent) -> None:
    lists = [[], [RULES]]
    exchange = tiny(lent, markets=lambda _: lists.pop(0))
    assert exchange.listing() == {}
    assert exchange.listing() == {"BTC_USDT": RULES}


def quarters(*delivered: int) -> list[Market]:
    """Return two quarters, and their deliveries in ms."""
    return [
        replace(RULES, symbol=replace(SWAP, contract=code), id=f"BTC-{delivery}", delivery_ms=delivery)
        for code, delivery in zip(("quarter", "next_quarter"), delivered, strict=True)
    ]


def test_a_list_ends_with_the_first_delivery_in_it(lent: Lent, clock: Clock) -> None:
    first, second, third = NOW + 1000, NOW + 2000, NOW + 3000
    lists = [quarters(first, second), quarters(second, third)]
    exchange = futures(lent, markets=lambda _: lists.pop(0), contracts=frozenset({"quarter", "next_quarter"}))
    quarter = replace(SWAP, contract="quarter")
    assert exchange.rules(quarter).delivery_ms == first
    clock.ms = first - 1
    assert exchange.rules(quarter).delivery_ms == first
    clock.ms = first
    assert exchange.rules(quarter).delivery_ms == second


def test_an_empty_list_is_not_kept_at_a_delivery_either(lent: Lent, clock: Clock) -> None:
    lists = [quarters(NOW + 1000, NOW + 2000), [], quarters(NOW + 2000, NOW + 3000)]
    exchange = futures(lent, markets=lambda _: lists.pop(0), contracts=frozenset({"quarter", "next_quarter"}))
    assert len(exchange.listing()) == 2
    clock.ms = NOW + 1000
    assert exchange.listing() == {}
    assert len(exchange.listing()) == 2


def test_a_contract_that_was_delivered_has_its_own_name_only(lent: Lent) -> None:
    markets = quarters(NOW, NOW + 1000)
    exchange = futures(lent, markets=lambda _: markets)
    with pytest.raises(InvalidCall, match=r"lists no market BTC_USDT.quarter"):
        exchange.rules(replace(SWAP, contract="quarter"))
    delivered = exchange.rules(replace(SWAP, contract=f"BTC-{NOW}"))
    assert (str(delivered.symbol), delivered.tradable) == (f"BTC_USDT.BTC-{NOW}", False)
    assert exchange.symbol_of(f"BTC-{NOW}").contract == f"BTC-{NOW}"


def test_what_is_not_tradable_takes_no_new_orders_and_everything_else(lent: Lent) -> None:
    suspended = replace(RULES, symbol=SWAP, id="BTC-P", tradable=False)
    exchange = futures(lent, markets=lambda _: [suspended], market=FuturesExchange.market)
    assert exchange.market(SWAP) == "BTC-P"
    assert exchange.listing() == {}
    with pytest.raises(InvalidCall, match=r"FuturesTiny takes no new orders of BTC_USDT.swap now; nothing was sent"):
        exchange.prepare(order(SWAP))


def test_a_name_that_moves_on_is_looked_up_for_every_order_where_the_list_says_not_when(lent: Lent) -> None:
    lists = [quarters(0, 0), quarters(0, 0)]
    lists[1][0] = replace(lists[1][0], id="BTC-later")
    exchange = futures(lent, markets=lambda _: lists.pop(0), market=FuturesExchange.market)
    quarter = replace(SWAP, contract="quarter")
    assert exchange.market(quarter) == "BTC-0"
    exchange.prepare(order(quarter))
    assert exchange.market(quarter) == "BTC-later"


# What cannot be traded any more --------------------------------------------------------------------------------------

DELIVERED = Symbol.parse("BTC_USDT.BTCUSDT_240329")
SUSPENDED = replace(RULES, symbol=replace(SWAP, contract="BTC-OLD"), id="BTC-OLD", tradable=False)


def test_a_contract_that_is_listed_no_longer_is_asked_for_by_its_own_name(lent: Lent) -> None:
    lister = Lister(RULES)
    exchange = futures(lent, markets=lister, market=FuturesExchange.market)
    assert exchange.resolve(DELIVERED) == DELIVERED
    assert exchange.market(DELIVERED) == "BTCUSDT_240329"
    assert exchange.one(DELIVERED) == "BTCUSDT_240329"
    assert lister.asked == 1, "the exchange's own name needs no newer list"


def test_a_contracts_own_name_needs_no_list(lent: Lent) -> None:
    exchange = futures(lent, markets=Lister(NotSent("no network")), market=FuturesExchange.market)
    assert exchange.resolve(DELIVERED) == DELIVERED
    assert exchange.market(DELIVERED) == "BTCUSDT_240329"


@pytest.mark.parametrize("symbol", ["BTC_USDT.BTCUSDT_240329", "BTC_USDT.BTC-OLD"])
def test_a_contract_that_cannot_be_traded_takes_no_new_order(lent: Lent, symbol: str) -> None:
    exchange = futures(lent, markets=Lister(RULES, SUSPENDED))
    with pytest.raises(InvalidCall, match=r"FuturesTiny (lists no market|takes no new orders of) BTC_USDT\.BTC"):
        exchange.prepare(order(symbol=Symbol.parse(symbol)))


def test_a_contract_that_cannot_be_traded_may_be_chosen(lent: Lent) -> None:
    exchange = futures(lent, markets=Lister(SUSPENDED), market=FuturesExchange.market)
    assert exchange.set_contract("BTC-OLD") is True
    assert exchange.market(exchange.resolve(BTC)) == "BTC-OLD"


@pytest.mark.parametrize("contract", ["swapp", "this_year", "ETHUSDT_240329", "USDT"])
def test_a_name_without_the_markets_base_is_no_contract(lent: Lent, contract: str) -> None:
    exchange = futures(lent, markets=Lister(RULES))
    with pytest.raises(InvalidCall, match=f"has no contract '{contract}'; it has quarter, swap"):
        exchange.resolve(replace(DELIVERED, contract=contract))
