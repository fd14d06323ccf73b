"""An adapter and its conversations, as the kit's checks see them."""

from collections.abc import Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass, field, replace
from decimal import Decimal
from functools import cached_property
from typing import Any

from exchanges.base import Exchange
from exchanges.base.abilities import can
from exchanges.kit.conversations import Conversation, Reply, Request, perform
from exchanges.kit.facts import Facts
from exchanges.kit.gateway import FIT, Gateway
from exchanges.kit.models import Observed, observed

_UNHURRIED = 10.0  # seconds; an order's rules are asked for in a part of its time only

Path = tuple[str | int, ...]
"""The keys that lead to a value in a reply's JSON."""


class Failed(Exception):
    """The error for a check that does not hold: what is wrong, and what to write where."""


class NotClaimed(Exception):
    """The error for a check of what the adapter does not have."""


@dataclass(frozen=True, slots=True)
class Played:
    """A conversation that was played: the requests that were sent, the texts that were signed, and the answer."""

    case: Conversation
    sent: list[Request]
    signed: list[bytes]
    answer: dict[str, Any]


@dataclass
class Subject:
    """An adapter, its conversations and the facts beside them. observed: what its methods gave while they were
    played."""

    kind: type[Exchange]
    conversations: list[Conversation]
    facts: Facts = field(default_factory=Facts)
    observed: Observed = field(default_factory=Observed)
    _played: dict[str, Played] = field(default_factory=dict)

    @property
    def route(self) -> str:
        """Return the adapter's route."""
        return self.kind.name.lower()

    @cached_property
    def watched(self) -> type[Exchange]:
        """Return the adapter's class, whose methods note what they give in ``observed``."""
        return observed(self.kind, self.observed)

    @property
    def played(self) -> list[Played]:
        """Return all conversations, played."""
        return [self.play(case) for case in self.conversations]

    def play(self, case: Conversation) -> Played:
        """Return one of ``conversations``, played: once, for every check that looks at it."""
        if str(case) not in self._played:
            self.observed.signed.clear()
            sent, answer = self.ask(case)
            self._played[str(case)] = Played(case, sent, [text for text, _ in self.observed.signed], answer)
        return self._played[str(case)]

    def of(self, method: str, outcome: str) -> list[Conversation]:
        """Return the conversations of a method with an outcome, ``data`` or ``error``."""
        return [one for one in self.conversations if one.method == method and outcome in one.answered]

    def successes(self, method: str) -> list[Conversation]:
        """Return the conversations of a method that succeed, and are asked of the exchange without a call before."""
        return [one for one in self.of(method, "data") if one.sent and not one.before]

    def success(self, method: str) -> Conversation:
        """Return the first of ``successes``. Raises NotClaimed for a method that the adapter does not have, Failed
        without one."""
        if not can(self.kind, method):
            raise NotClaimed
        if not (found := self.successes(method)):
            raise Failed(f"add a case that succeeds to {method}.json")
        return found[0]

    def ask(self, conversation: Conversation, **options: Any) -> tuple[list[Request], dict[str, Any]]:
        """Ask what was asked in a conversation, in a gateway of its own; return what was sent, and the answer. options:
        of Gateway."""
        with Gateway(self.watched, **{**options_of(conversation), **options}) as gateway:
            return perform(conversation, gateway.ask)

    def answer(self, conversation: Conversation, body: Any) -> dict[str, Any]:
        """Return the answer to a conversation whose last reply has another body."""
        return self.ask(with_reply(conversation, replace(conversation.got[-1], body=body)))[1]


def options_of(conversation: Conversation) -> dict[str, Any]:
    """Return the options of the gateway that a conversation is played through."""
    return {"exact_orders": False, "deadline": _UNHURRIED} if conversation.method == FIT else {}


def with_reply(conversation: Conversation, reply: Reply) -> Conversation:
    """Return a conversation with another last reply."""
    return replace(conversation, got=[*conversation.got[:-1], reply])


def leaves(value: Any, path: Path = ()) -> Iterator[tuple[Path, Any]]:
    """Yield each number, text, true, false and null of a JSON document, and its path."""
    if isinstance(value, Mapping | list):
        for key, member in _members(value):
            yield from leaves(member, (*path, key))
    else:
        yield path, value


def containers(value: Any, path: Path = ()) -> Iterator[tuple[Path, Any]]:
    """Yield each list and object of a JSON document, the outermost first, and its path."""
    if isinstance(value, Mapping | list):
        yield path, value
        for key, member in _members(value):
            yield from containers(member, (*path, key))


def changed(document: Any, path: Path, value: Any) -> Any:
    """Return a copy of a JSON document with another value at a path."""
    if not path:
        return value
    copy = deepcopy(document)
    place = copy
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    return copy


def number(value: Any) -> Decimal | None:
    """Return a number or the text of one as Decimal, None for anything else."""
    try:
        return None if isinstance(value, bool) else Decimal(str(value))
    except ArithmeticError:
        return None


def _members(value: Any) -> Iterator[tuple[str | int, Any]]:
    yield from value.items() if isinstance(value, Mapping) else enumerate(value)
