"""The facts of an account that its orders' parameters depend on: its position mode, its level."""

import logging
from collections.abc import Callable
from typing import ClassVar, Self, TypeVar

from exchanges.base.abilities import INSTEAD_OF_MODIFYING, WORDS
from exchanges.base.lists import Lists
from protocol.errors import ExchangeError, GatewayError, OrderNotFound, Unsupported, before_sending
from protocol.models import NewOrder, OrderId

T = TypeVar("T")

log = logging.getLogger("fmz-gateway")


class AccountFacts(Lists):
    """The part of an exchange's interface that is about the facts of an account."""

    no_modify: ClassVar[str] = f"has no {WORDS['modify']}"
    """The reason, in the words of an error text, why orders cannot be modified."""

    def cannot_modify(self) -> Unsupported:
        """Return the error for an order that is to be modified where that is not possible."""
        return Unsupported(f"{self.name} {self.no_modify}. {INSTEAD_OF_MODIFYING}")

    def cancelled_instead(self, order_id: str) -> OrderNotFound:
        """Return the error for an order that the exchange cancelled when it was to modify it."""
        return OrderNotFound(
            f"{self.name} cancelled order {order_id} instead of modifying it: the new amount was filled by then, or "
            "the order may only be a maker, and would have traded at once"
        )

    def account_fact(self, fact: str, ask: Callable[[Self], T], usual: T | None = None) -> T:
        """Return a fact of the account, as the exchange said within the last minute; ``ask`` asks for it.

        usual: the fact of most accounts, which is taken where the exchange refuses to say, if an order in words that
        do not fit the account is refused. Without it the refusal is raised.
        """
        try:
            return self.upstream.account_fact(self.account, fact, lambda: self.apart(ask), self._patience)
        except ExchangeError as error:
            if usual is None or type(error) is not ExchangeError:  # a key or a limit is what a trader must hear of
                raise
            if self.upstream.is_new(f"{fact} refused"):
                log.warning("%s does not say an account's %s, and %s is assumed: %s", self.name, fact, usual, error)
            return usual

    def order_facts(self, order: NewOrder) -> tuple[object, ...]:
        """Return the facts of the account that an order's parameters depend on; what is not kept is asked for."""
        return ()

    def place(self, order: NewOrder, send: Callable[[NewOrder], OrderId]) -> OrderId:
        """Send an order. Where it is refused because a fact of the account was changed meanwhile, send it once more in
        the words of the new one: nothing was done."""
        with before_sending():
            facts = self.order_facts(order)
        try:
            return send(order)
        except ExchangeError as error:
            is_account = self.entry(self.disproves, error.code) == "account"
            if not is_account or self._facts_now(order, instead=facts) == facts:
                raise
            return send(order)

    def _facts_now(self, order: NewOrder, *, instead: tuple[object, ...]) -> tuple[object, ...]:
        try:
            return self.order_facts(order)
        except GatewayError:  # which says nothing about the order
            return instead
