"""Replies that cannot be read, and those that are shown: of this call, all of them, and no others."""

from dataclasses import replace
from typing import Any

import orjson
import pytest

from protocol.deadline import Deadline
from protocol.errors import (
    ExchangeError,
    GatewayError,
    InsufficientFunds,
    OrderStateUnknown,
    OutcomeUnknown,
    RateLimited,
)
from protocol.models import Market, Order, Symbol
from tests.lent import Lent
from tests.tiny import (
    FINE,
    FUNDS,
    HTML,
    KEYS,
    MAYBE,
    ORDER,
    RULES,
    STRANGE,
    SWAP,
    Canned,
    FuturesTiny,
    ask,
    order,
    tiny,
)


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b'{"ok": [{"name": "btc"}]}', "it lacks 'free'"), (b'{"ok": [1]}', "it has another form"),
        (b'{"ok": 5}', "it has another form"),
        (b'{"ok": {"name": 1}}', "it has another form"),
    ],
)  # fmt: skip
def test_an_undocumented_reply_has_no_definite_answer(lent: Lent, body: bytes, why: str) -> None:
    with pytest.raises(OutcomeUnknown) as refused:
        ask(tiny(lent, Canned(body=body)), "accounts")
    assert type(refused.value) is OutcomeUnknown
    assert refused.value.message == f"Tiny: the reply is not as its documentation says ({why})"


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (200, b'{"ok": {}}'), (200, b'{"ok": 1}'), (200, b'{"ok": null}'), (200, HTML), (200, b""), (200, MAYBE),
        (408, b""), (500, STRANGE), (502, HTML),
    ],
)  # fmt: skip
def test_an_order_without_a_definite_answer_says_so(lent: Lent, status: int, body: bytes) -> None:
    http = Canned(status, body)
    with pytest.raises(OrderStateUnknown, match="Tiny cannot be asked for it: look at your orders there") as refused:
        ask(tiny(lent, http), "trade", **ORDER)
    assert str(refused.value).startswith("ORDER_STATE_UNKNOWN ")
    assert len(http.sent) == 1


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (200, FUNDS, InsufficientFunds),
        (400, STRANGE, ExchangeError),
        (404, HTML, ExchangeError),
        (429, b"", RateLimited),
    ],
)
def test_an_order_that_was_refused_says_that(lent: Lent, status: int, body: bytes, kind: type[GatewayError]) -> None:
    with pytest.raises(GatewayError) as refused:
        ask(tiny(lent, Canned(status, body)), "trade", **ORDER)
    assert type(refused.value) is kind


def test_our_own_mistake_before_any_reply_stays_one(lent: Lent) -> None:
    mistake = KeyError("ours")
    exchange = tiny(lent)
    assert exchange.unreadable(mistake) is mistake
    mistaken = tiny(lent, accounts=lambda self: dict[str, object]()["ours"])
    with pytest.raises(KeyError, match="ours"):
        ask(mistaken, "accounts")


def test_an_order_is_answered_with_its_id_and_the_exchanges_reply(lent: Lent) -> None:
    http = Canned(body=b'{"ok": {"id": 7}}')
    reply = ask(tiny(lent, http), "trade", **ORDER)
    assert reply["data"] == {"id": 7}
    assert reply["raw"] is not None
    assert http.sent[0].params == {"amount": "2"}


# Which replies are shown ------------------------------------------------------------------------------------------


def pages_of_orders(exchange: Any, symbol: Symbol | None) -> list[Order]:
    """Read two pages of orders, each of them by a call of its own."""
    for number in (1, 2):
        exchange.signed("GET", f"orders/{number}")
    return []


def test_a_lists_replies_are_all_shown(lent: Lent) -> None:
    bodies = {"orders/1": b'{"ok": [0.10]}', "orders/2": b'{"ok": []}'}
    exchange = tiny(lent, Canned(bodies=bodies), orders=pages_of_orders)
    reply = ask(exchange, "orders")
    assert exchange.replies == list(bodies.values())
    assert orjson.dumps(reply["raw"]) == b'[{"ok": [0.10]},{"ok": []}]'


def test_the_only_reply_is_shown_as_it_came(lent: Lent) -> None:
    exchange = tiny(lent, Canned(body=b' {"ok": [ ], "more": 1.50}'))
    assert orjson.dumps(ask(exchange, "accounts")["raw"]) == b'{"ok": [ ], "more": 1.50}'


def test_a_refusal_is_no_reply_of_the_call(lent: Lent) -> None:
    for status, body in ((400, FUNDS), (200, FUNDS), (502, HTML), (200, b"{}")):
        exchange = tiny(lent, Canned(status, body))
        with pytest.raises(GatewayError):
            exchange.accounts()
        assert exchange.replies == []


class Asking(FuturesTiny):
    """Has to ask for everything beforehand."""

    def time(self) -> int:
        moment: int = self.get("time")
        return moment

    def markets(self) -> list[Market]:
        self.get("markets")
        return [replace(RULES, symbol=SWAP)]

    def position_mode(self) -> bool:
        return bool(self.signed("GET", "mode"))

    def apply_leverage(self, symbol: Symbol, leverage: int) -> None:
        self.signed("POST", "leverage", leverage=leverage)


def test_what_is_asked_beforehand_is_never_shown(lent: Lent) -> None:
    http = Canned(body=b'{"ok": {"id": 7}}', bodies={"time": b'{"ok": 1700000000500}', "mode": b'{"ok": 1}'})
    lent = replace(lent, http=http, deadline=10.0, measure_clocks=True)
    exchange = lent.open(Asking, KEYS)
    assert exchange.set_leverage(20, None) is True
    exchange.prepare(order(SWAP))
    assert exchange.rules(SWAP).symbol == SWAP
    assert exchange.hedged() is True
    assert exchange.clock_offset() == 500
    assert [str(request.url).rpartition("/")[2] for request in http.sent] == ["time", "markets", "leverage", "mode"]
    assert exchange.replies == []
    assert exchange.trade(order(SWAP)) == 7
    assert exchange.replies == [b'{"ok": {"id": 7}}']
    again = lent.open(Asking, KEYS)
    assert again.hedged() is True
    assert (again.rules(SWAP).symbol, again.clock_offset(), again.replies) == (SWAP, 500, [])
    assert len(http.sent) == 5


# Questions apart --------------------------------------------------------------------------------------------------


def test_what_is_asked_apart_leaves_the_calls_replies_alone(lent: Lent) -> None:
    exchange = tiny(lent, Canned(bodies={"mode": b'{"ok": "hedge"}'}))
    exchange.call("GET", "/x")
    assert exchange.apart(lambda other: other.get("mode")) == "hedge"
    assert exchange.replies == [FINE]


def test_a_question_apart_that_cannot_be_read_has_no_definite_answer(lent: Lent) -> None:
    exchange = tiny(lent)
    with pytest.raises(OutcomeUnknown, match=r"^NO_DEFINITE_ANSWER Tiny: the reply is not as .* \(it lacks 'no'\)$"):
        exchange.apart(lambda other: other.get("mode")["no"])
    with pytest.raises(OutcomeUnknown, match="it has another form"):
        exchange.apart(lambda other: other.get("mode") + 1)
    assert exchange.replies == []


def test_our_own_mistake_in_a_question_apart_stays_one(lent: Lent) -> None:
    mistakes: dict[str, object] = {}
    with pytest.raises(KeyError, match="ours"):
        tiny(lent).apart(lambda other: mistakes["ours"])


def test_a_refusal_of_a_question_apart_stays_what_it_is(lent: Lent) -> None:
    with pytest.raises(InsufficientFunds):
        tiny(lent, Canned(400, FUNDS)).apart(lambda other: other.get("mode"))


def test_a_fresh_exchange_is_the_same_accounts_with_no_replies(lent: Lent) -> None:
    exchange = tiny(lent)
    exchange.call("GET", "/x")
    fresh, hurried = exchange.fresh(), exchange.fresh(Deadline(5.0))
    assert type(fresh) is type(exchange)
    assert (fresh.credentials, fresh.upstream) == (exchange.credentials, exchange.upstream)
    assert (fresh.deadline, fresh.request, fresh.replies) == (exchange.deadline, exchange.request, [])
    assert (hurried.deadline, exchange.replies) == (Deadline(5.0), [FINE])
