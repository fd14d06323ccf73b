"""Facts of an account that orders depend on: kept for each account, and asked for again when they are proved wrong."""

from typing import Any

import pytest

from protocol.errors import AuthenticationFailed, ExchangeError, NotSent, OutcomeUnknown, RateLimited
from protocol.models import NewOrder, OrderId
from tests.lent import Lent
from tests.tiny import KEYS, Tiny, order, tiny
from transport.credentials import Credentials


class Asked:
    """The answers of an exchange about an account: one answer after the other, the last one for ever. Raises errors."""

    def __init__(self, *answers: object) -> None:
        self.answers = answers
        self.count = 0

    def __call__(self, exchange: Tiny) -> Any:
        answer = self.answers[min(self.count, len(self.answers) - 1)]
        self.count += 1
        if isinstance(answer, Exception):
            raise answer
        return answer


def opened(lent: Lent, keys: Credentials = KEYS, /, **facts: Asked) -> Tiny:
    """Return an exchange whose orders depend on facts, and whose code 51 proves them wrong."""

    def order_facts(self: Any, order: NewOrder) -> tuple[object, ...]:
        return tuple(self.account_fact(name, ask) for name, ask in facts.items())

    return tiny(lent, keys=keys, order_facts=order_facts, disproves={"51": "account"})


def refuse(exchange: Tiny, code: str) -> ExchangeError:
    """Return a refusal, after what the pipeline does when one comes."""
    if exchange.entry(exchange.disproves, code) == "account":
        exchange.upstream.forget_account(exchange.account)
    return ExchangeError(f"Tiny {code} no", code=code)


def send_with(exchange: Tiny, *codes: str) -> int:
    """Place an order that is refused with these codes, and then accepted; return how often it was sent."""
    refusals, sent = list(codes), []

    def send(order: NewOrder) -> OrderId:
        sent.append(order)
        if refusals:
            raise refuse(exchange, refusals.pop(0))
        return 7

    try:
        exchange.place(order(), send)
    except ExchangeError:
        return -len(sent)
    return len(sent)


def test_every_fact_of_every_account_is_kept_apart(lent: Lent) -> None:
    mode, level = Asked("net"), Asked(3)
    exchange = opened(lent, mode=mode, level=level)
    for _ in range(2):
        exchange.prepare(order())
        assert exchange.order_facts(order()) == ("net", 3)
    assert (mode.count, level.count) == (1, 1)
    other = exchange.fresh()
    other.credentials = Credentials("other-key", "other-secret")
    assert other.order_facts(order()) == ("net", 3)
    assert (mode.count, level.count) == (2, 2)
    exchange.upstream.forget_account(exchange.account)
    assert other.order_facts(order()) == ("net", 3)
    assert (mode.count, level.count) == (2, 2), "what is proved of one account says nothing of another"


@pytest.mark.parametrize(
    ("answers", "codes", "sent"),
    [
        (["net"], [], 1),
        (["net", "hedge"], ["51"], 2),
        (["net"], ["51"], -1),  # the fact is as it was: the refusal is about something else
        (["net", "hedge"], ["52"], -1),
        (["net", "hedge", "net"], ["51", "51"], -2),
        (["net", OutcomeUnknown("no answer")], ["51"], -1),
    ],
)
def test_an_order_is_sent_again_once_and_only_in_other_words(
    lent: Lent, answers: list[Any], codes: list[str], sent: int
) -> None:
    assert send_with(opened(lent, mode=Asked(*answers), level=Asked(3)), *codes) == sent


def test_a_fact_that_cannot_be_asked_for_leaves_no_order_unclear(lent: Lent) -> None:
    exchange = opened(lent, mode=Asked(OutcomeUnknown("no answer")))
    with pytest.raises(NotSent, match="That was asked before the order, which was not sent"):
        exchange.place(order(), lambda order: pytest.fail("sent"))


def test_a_fact_that_the_exchange_refuses_to_say_is_taken_to_be_the_usual_one(lent: Lent) -> None:
    exchange = tiny(lent)
    level = Asked(ExchangeError("Tiny HTTP 404"), "cross")
    assert exchange.account_fact("level", level, usual="cash") == "cash"
    assert exchange.account_fact("level", level, usual="cash") == "cross", "what was taken is not kept"
    with pytest.raises(ExchangeError, match="404"):
        exchange.account_fact("mode", Asked(ExchangeError("Tiny HTTP 404")))


@pytest.mark.parametrize("kind", [AuthenticationFailed, RateLimited, OutcomeUnknown])
def test_a_fact_that_could_not_be_asked_for_is_not_guessed(lent: Lent, kind: type[Exception]) -> None:
    with pytest.raises(kind):
        tiny(lent).account_fact("level", Asked(kind("no")), usual="cash")
