"""Contracts, directions and leverage that FMZ sets beforehand, and the markets that a range covers."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from database import open_state
from exchanges import EXCHANGES
from exchanges.base import FuturesExchange, covers
from protocol.errors import InvalidCall, NotSent
from protocol.models import CONTRACT_CODES, Direction, Side, Symbol
from tests.lent import Lent
from tests.tiny import BTC, ORDER, RULES, SWAP, Lister, ask, futures, io
from transport.credentials import Credentials


def test_what_fmz_sets_is_remembered_by_exchange_and_account_and_across_a_restart(lent: Lent) -> None:
    set_up = futures(lent)
    assert set_up.set_contract("quarter") is True
    assert set_up.set_direction(Direction.CLOSE_BUY) is True
    assert set_up.set_leverage(7, None) is True
    again = open_state(str(lent.state.url))
    for exchange in (futures(lent), futures(replace(lent, state=again))):
        assert exchange.resolve(Symbol.parse("btc")) == Symbol("BTC", "USDT", "quarter")
        assert exchange.new_order(BTC, Direction.SELL, None, Decimal(1)).closes
        assert exchange.leverage(Symbol.parse("BTC_USDT.quarter")) == 7
    again.dispose()
    for stranger in (futures(lent, keys=Credentials("other", "secret")), futures(lent, name="OtherTiny")):
        with pytest.raises(InvalidCall, match="no contract is chosen"):
            stranger.resolve(Symbol.parse("btc"))
        assert not stranger.new_order(Symbol.parse("BTC_USDT.swap"), Direction.SELL, None, Decimal(1)).closes
        assert stranger.leverage(Symbol.parse("BTC_USDT.swap")) is None


def test_without_a_contract_the_way_to_one_is_told(lent: Lent) -> None:
    with pytest.raises(InvalidCall) as refused:
        futures(lent).resolve(Symbol.parse("BTC_USDT"))
    assert refused.value.message == (
        'no contract is chosen on FuturesTiny: call exchange.SetContractType("swap") first, '
        "or name one, as in BTC_USDT.swap"
    )


def test_a_contract_in_the_market_wins_over_the_one_set(lent: Lent) -> None:
    exchange = futures(lent)
    exchange.set_contract("quarter")
    assert exchange.resolve(Symbol.parse("BTC_USD.swap")) == Symbol("BTC", "USD", "swap")


@pytest.mark.parametrize("contract", ["", "this_week", "swap ", "swap\n", "' OR 1=1 --"])
def test_a_contract_that_it_has_not_is_refused_and_not_remembered(lent: Lent, contract: str) -> None:
    exchange = futures(lent)
    with pytest.raises(InvalidCall, match=r"has no contract .*; it has quarter, swap") as refused:
        exchange.set_contract(contract)
    assert refused.value.message.isprintable()
    assert exchange.settings.get("contract") is None


# A choice that was refused: strategies do not look at the result of SetContractType ------------------------------


@pytest.mark.parametrize(
    ("args", "given"),
    [
        (["this_week"], "this_week"), ([], ""), ([7], "7"), (["swap", "quarter"], "swap, quarter"),
        ([None], "None"), (["x" * 1000], "x" * 40), (["\0\ud800"], "??"), ([["swap"]], "['swap']"),
    ],
)  # fmt: skip
def test_a_contract_that_was_refused_leaves_none_in_force(lent: Lent, args: list[Any], given: str) -> None:
    exchange = futures(lent)
    assert io(exchange, 2, "swap")["data"] is True
    with pytest.raises(InvalidCall):
        io(exchange, 2, *args)
    for method in ("trade", "records"):
        with pytest.raises(InvalidCall) as refused:
            ask(exchange, method, **ORDER, period="1")
        assert refused.value.message == (
            f"no contract is chosen on FuturesTiny: SetContractType({given!r}) was refused; it has quarter, swap. call "
            'exchange.SetContractType("swap") first, or name one, as in BTC_USDT.swap'
        )
    assert exchange.resolve(SWAP) == SWAP, "a market with its contract needs no choice"
    io(exchange, 2, "quarter")
    assert exchange.resolve(BTC).contract == "quarter"


def test_a_contract_that_cannot_be_checked_leaves_none_in_force(lent: Lent) -> None:
    exchange = futures(lent, markets=Lister(NotSent("no network")))
    io(exchange, 2, "swap")
    with pytest.raises(NotSent):
        io(exchange, 2, "BTC-270326")
    with pytest.raises(InvalidCall, match=r"SetContractType\('BTC-270326'\) was refused"):
        exchange.resolve(BTC)


@pytest.mark.parametrize("args", [["long"], [], [1], ["buy", "sell"], [None]])
def test_a_direction_that_was_refused_leaves_none_in_force(lent: Lent, args: list[Any]) -> None:
    exchange = futures(lent)
    io(exchange, 1, "buy")
    with pytest.raises(InvalidCall):
        io(exchange, 1, *args)
    for word in (Direction.BUY, Direction.SELL):
        with pytest.raises(InvalidCall) as refused:
            exchange.new_order(SWAP, word, None, Decimal(1))
        assert refused.value.message == (
            f"no direction is chosen on FuturesTiny: SetDirection({', '.join(map(str, args))!r}) was refused. Call it "
            "again with one of buy, sell, closebuy, closesell"
        )
    assert exchange.new_order(SWAP, Direction.CLOSE_BUY, None, Decimal(1)).closes, "a closing word needs no choice"
    io(exchange, 1, "sell")
    assert exchange.new_order(SWAP, Direction.SELL, None, Decimal(1)).side is Side.SELL


def test_leverage_is_one_markets_or_all_markets(lent: Lent) -> None:
    exchange = futures(lent)
    exchange.set_leverage(20, Symbol.parse("btc_usdt.swap"))
    assert exchange.leverage(Symbol.parse("ETH_USDT.swap")) is None
    exchange.set_leverage(5, None)
    assert exchange.leverage(Symbol.parse("BTC_USDT.swap")) == 5, "what is set later counts"
    exchange.set_leverage(20, Symbol.parse("btc_usdt.swap"))
    assert exchange.leverage(Symbol.parse("BTC_USDT.swap")) == 20
    assert exchange.leverage(Symbol.parse("ETH_USDT.swap")) == 5


def test_leverage_has_a_limit(lent: Lent) -> None:
    exchange = futures(lent)
    exchange.set_leverage(50, None)
    with pytest.raises(InvalidCall, match="leverage 51 is above FuturesTiny's greatest, 50"):
        exchange.set_leverage(51, None)
    assert exchange.leverage(BTC) == 50


@pytest.mark.parametrize(
    ("remembered", "word", "side", "closes"),
    [
        (None, "buy", Side.BUY, False), (None, "sell", Side.SELL, False), ("buy", "buy", Side.BUY, False),
        ("sell", "sell", Side.SELL, False), ("closesell", "buy", Side.BUY, True), ("closebuy", "sell", Side.SELL, True),
        # FMZ's newer calls name the closing words themselves, whatever was set.
        *((remembered, "closebuy", Side.SELL, True) for remembered in (None, "buy", "sell", "closebuy", "closesell")),
        *((remembered, "closesell", Side.BUY, True) for remembered in (None, "buy", "sell", "closebuy", "closesell")),
    ],
)  # fmt: skip
def test_what_an_order_means_on_futures(
    lent: Lent, remembered: str | None, word: str, side: Side, closes: bool
) -> None:
    exchange = futures(lent)
    if remembered:
        exchange.set_direction(Direction(remembered))
    order = exchange.new_order(Symbol.parse("BTC_USDT.swap"), Direction(word), None, Decimal(3))
    assert (order.side, order.closes, order.symbol.contract, order.amount) == (side, closes, "swap", Decimal(3))


@pytest.mark.parametrize(
    ("remembered", "word"), [("buy", "sell"), ("closesell", "sell"), ("sell", "buy"), ("closebuy", "buy")]
)
def test_a_direction_that_does_not_fit_is_refused_in_fmzs_words(lent: Lent, remembered: str, word: str) -> None:
    exchange = futures(lent)
    exchange.set_direction(Direction(remembered))
    with pytest.raises(InvalidCall, match=f"direction is {remembered}, invalid order type {word}"):
        exchange.new_order(Symbol.parse("BTC_USDT.swap"), Direction(word), None, Decimal(3))


@pytest.mark.parametrize(
    ("asked", "scope"),
    [
        ("swap", Symbol("", contract="swap")),
        ("SWAP", Symbol("", contract="swap")),
        ("this_week", Symbol("", contract="this_week")),
        ("Next_Quarter", Symbol("", contract="next_quarter")),
        ("USDT.swap", Symbol("USDT", contract="swap")),
        ("usdt.SWAP", Symbol("USDT", contract="swap")),
        ("BTC_USDT", BTC),
        ("BTC_USDT.swap", SWAP),
        ("btc", BTC),
    ],
)
def test_the_scope_of_a_list(lent: Lent, asked: str, scope: Symbol) -> None:
    for exchange in (futures(lent), futures(lent, markets=Lister(replace(RULES, symbol=SWAP)))):
        assert exchange.scope(Symbol.parse(asked)) == scope
        assert exchange.scope(None) is None


@pytest.mark.parametrize("asked", ["swapp", "quartr", "ETH", "btc_usd", "this_weak"])
def test_a_word_that_is_neither_contract_nor_coin_is_refused_and_what_was_expected_told(lent: Lent, asked: str) -> None:
    exchange = futures(lent, markets=Lister(replace(RULES, symbol=SWAP)))
    with pytest.raises(InvalidCall) as refused:
        exchange.scope(Symbol.parse(asked))
    assert refused.value.message == (
        f"FuturesTiny lists no market of {asked}: expected a contract code (quarter, swap), a coin such as BTC, "
        "a market such as BTC_USDT.swap, or a range such as USDT.swap"
    )


def test_a_coin_that_is_not_in_the_list_may_be_new(lent: Lent) -> None:
    new = replace(RULES, symbol=Symbol("NEW", "USDT", "swap"), id="NEW-T")
    exchange = futures(lent, markets=Lister(replace(RULES, symbol=SWAP), new))
    assert exchange.scope(Symbol.parse("btc")) == BTC
    assert exchange.fresh().scope(Symbol.parse("new")) == Symbol("NEW", "USDT")


def test_all_contract_codes_are_fmzs() -> None:
    for exchange in EXCHANGES.values():
        if issubclass(exchange, FuturesExchange):
            assert exchange.contracts <= CONTRACT_CODES, f"add {exchange.name}'s to CONTRACT_CODES"


MARKETS = ("BTC_USDT.swap", "BTC_USDT.quarter", "ETH_USDT.swap", "BTC_USD.swap")


@pytest.mark.parametrize(
    ("wanted", "covered"),
    [
        (None, MARKETS),
        ("swap", ("BTC_USDT.swap", "ETH_USDT.swap", "BTC_USD.swap")),
        ("quarter", ("BTC_USDT.quarter",)),
        ("USDT.swap", ("BTC_USDT.swap", "ETH_USDT.swap")),
        ("USD.swap", ("BTC_USD.swap",)),
        ("BTC.swap", ("BTC_USDT.swap", "BTC_USD.swap")),
        ("BTC_USDT", ("BTC_USDT.swap", "BTC_USDT.quarter")),
        ("BTC_USDT.swap", ("BTC_USDT.swap",)),
        ("btc_usdt.swap", ("BTC_USDT.swap",)),
        ("BTC_USDT.next_week", ()),
        ("SWAP", ("BTC_USDT.swap", "ETH_USDT.swap", "BTC_USD.swap")),
        ("next_quarter", ()),
        ("futures", ("BTC_USDT.quarter",)),
        ("DOGE", ()),
        ("usdt.SWAP", ("BTC_USDT.swap", "ETH_USDT.swap")),
        ("USDT.quarter", ("BTC_USDT.quarter",)),
        ("USDT.futures", ("BTC_USDT.quarter",)),
        ("USD.futures", ()),
    ],
)
def test_what_a_range_covers(lent: Lent, wanted: str | None, covered: tuple[str, ...]) -> None:
    symbol = futures(lent).scope(Symbol.parse(wanted) if wanted else None)
    assert tuple(market for market in MARKETS if covers(symbol, Symbol.parse(market))) == covered
