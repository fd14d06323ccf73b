"""Checks of an adapter's declarations against its conversations: each claim is shown, and nothing else is sent."""

import json
import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

from exchanges.base import PERPETUAL, FuturesExchange, Signer
from exchanges.base.abilities import can
from exchanges.checks import API, WrongAdapter, check
from exchanges.kit.conversations import Conversation, compare
from exchanges.kit.files import COMMON
from exchanges.kit.gateway import FIND, KEYS, NOW, Gateway
from exchanges.kit.subject import Failed, NotClaimed, Subject, number, with_reply
from transport.credentials import Credentials

_METHODS = {
    "ticker": "ticker", "depth": "depth", "records": "records", "trades": "trades", "accounts": "accounts",
    "trade": "trade", "order": "order", "orders": "orders", "cancel": "cancel", "markets": "markets",
    "tickers": "tickers", "historyorders": "history", "modify": "modify",
}  # fmt: skip
"""FMZ's methods → ours."""
_FUTURES = {"positions": "positions", "fundings": "fundings"}
_ALWAYS_ANSWERED = ("markets", "tickers", "accounts")
"""The methods that cannot fail where no exchange is asked."""


def declarations(subject: Subject) -> str:
    """Check the adapter's declarations, as they are when it is loaded."""
    kind = subject.kind
    declared = kind if hasattr(kind, "api") else type(kind.__name__, (kind,), {"api": API})  # it is built in
    try:
        check(declared, kind.name)
    except WrongAdapter as error:
        raise Failed(str(error)) from None
    return "well formed"


def conversations(subject: Subject) -> str:
    """Check that every conversation is as it says."""
    wrong = [said for case in subject.conversations if (said := conversation(subject, case))]
    if wrong:
        raise Failed("\n\n".join((f"{len(wrong)} of {len(subject.conversations)} are not as they say", *wrong)))
    if not subject.conversations:
        raise Failed("there are none: add cases that succeed and cases that fail, see fmz-gateway record")
    return f"{len(subject.conversations)}, to the byte"


def conversation(subject: Subject, case: Conversation) -> str:
    """Return how a conversation differs from what is sent and answered; empty where it does not."""
    try:
        played = subject.play(case)
        compare(case, played.sent, played.answer)
    except AssertionError as error:
        return str(error)
    return ""


def methods(subject: Subject) -> str:
    """Check that each method that the adapter has is shown to succeed and to fail, and that the others are refused."""
    futures = issubclass(subject.kind, FuturesExchange)
    names = _METHODS | (_FUTURES if futures else {})
    claimed = [name for name, ours in names.items() if can(subject.kind, ours)]
    lacking = [
        f"a case that {'succeeds' if outcome == 'data' else 'fails'} to {name}.json"
        for name in claimed
        for outcome in ("data", "error")
        if not subject.of(name, outcome)
        and not (outcome == "error" and not subject.kind.url and name in _ALWAYS_ANSWERED)
    ]
    if lacking:
        raise Failed(f"add {', '.join(lacking)}")
    with Gateway(subject.kind) as gateway:
        for name in names.keys() - set(claimed):
            symbol = f"BTC_USDT.{PERPETUAL}" if futures else "BTC_USDT"
            params = {"symbol": symbol, "id": "1", "period": 60, "type": "buy", "price": "1", "amount": "1"}
            answer = gateway.ask(subject.route, name, params)
            if not answer.get("error", "").startswith("UNSUPPORTED "):
                raise Failed(f"{name} is not there, and is answered {answer} instead of UNSUPPORTED")
    if wrong := set(claimed) & subject.facts.lacks.keys():
        raise Failed(f"{COMMON} says that it lacks {', '.join(sorted(wrong))}, which is there: take it out")
    return f"{len(claimed)} of {len(names)}: {', '.join(claimed)}"


def hosts(subject: Subject) -> str:
    """Check that requests go to the declared hosts only."""
    kind = subject.kind
    urls = (kind.url, kind.testnet, *kind.hosts.values(), *kind.testnet_hosts.values())
    declared = {urlsplit(url).netloc for url in urls if url}
    asked = {urlsplit(request.url).netloc for case in subject.conversations for request in case.sent}
    if asked - declared:
        raise Failed(f"a conversation is with {', '.join(sorted(asked - declared))}: declare it as url, or in hosts")
    if not asked:
        raise NotClaimed
    return ", ".join(sorted(asked))


def signature(subject: Subject) -> str:
    """Check that the source of the scheme is named, and that requests are signed as ``exchange.json`` says, by a signer
    that shares nothing with the adapter's."""
    kind, scheme = subject.kind, subject.facts.signature
    if kind.signer is Signer:
        raise NotClaimed
    if not kind.proof:
        raise Failed("proof is missing: write what its signatures were compared with")
    if scheme is None:
        raise Failed(f"add `signature` to {COMMON}, from the documentation: what is signed, and where it travels")
    shown = 0
    try:
        if wrong := scheme.wrong_example(kind.signer.signature):
            raise Failed(wrong)
        for one in subject.played:
            for wrong in scheme.mistakes(one.sent, one.signed, keys_of(one.case), NOW):
                raise Failed(f"{one.case}: {wrong}")
            shown += len(one.signed)
    except ValueError as error:
        raise Failed(str(error)) from None
    if not shown:
        raise Failed("no conversation has a signed request")
    examples = len(scheme.examples)
    published = f", and {examples} published example{'' if examples == 1 else 's'}" if examples else ""
    return f"{shown} requests as {COMMON} signs them{published}; by {kind.proof}"


def keys_of(case: Conversation) -> dict[str, str]:
    """Return the keys of a conversation, as FMZ sends them."""
    return KEYS | {name: case.asked[name] for name in KEYS if name in case.asked}


def order_states(subject: Subject) -> str:
    """Check that orders are shown in each state: without fills, partly filled, filled, cancelled."""
    if not can(subject.kind, "order"):
        raise NotClaimed
    wanted = {"open, without fills", "open, partly filled", "filled", "cancelled"}
    shown = {_state(row) for row in _shown_orders(subject)}
    if wanted - shown:
        raise Failed(f"add orders that are {'; '.join(sorted(wanted - shown))} to order.json or orders.json")
    return "; ".join(sorted(wanted))


def client_ids(subject: Subject) -> str:
    """Check that a new order carries its client id, and that it is found again by it, in every state."""
    if subject.kind.client_id is None or not can(subject.kind, "trade"):
        raise NotClaimed
    subject.observed.client_ids.clear()
    sent, _ = subject.ask(subject.success("trade"))
    [client_id] = subject.observed.client_ids
    if client_id not in sent[-1].url + sent[-1].body + json.dumps(sent[-1].headers):
        raise Failed(f"trade: the client order id {client_id} is not in the request")
    found = subject.of(FIND, "data")
    wanted = ("open", "filled", "cancelled", "none")
    lacking = [word for word in wanted if not any(word in case.title for case in found)]
    if lacking:
        raise Failed(f"add cases with {', '.join(lacking)} in their titles to {FIND}.json")
    for case in found:
        if (case.answered["data"] is None) is not ("none" in case.title):
            raise Failed(f"{FIND}.json: {case.title!r} has another answer than its title says")
        named = [request.url + request.body for request in case.sent] + [reply.text for reply in case.got]
        if case.answered["data"] is not None and not any(case.asked["params"]["client_id"] in text for text in named):
            raise Failed(f"{FIND}.json: {case.title!r} has the client id neither in a request nor in a list")
    return f"sent, and found {', '.join(wanted[:-1])}"


def secrets(subject: Subject) -> str:
    """Check that no answer and no line of the log has a part of a key in it, even where the exchange quotes the whole
    request."""
    cases = [case for method in ("accounts", "trade", "order") for case in subject.of(method, "data") if case.sent]
    if not cases:
        raise NotClaimed
    for case in cases:
        keys = keys_of(case)
        refused = replace(case.got[-1], status=400, body=f"{case.asked} {keys}")
        with _log() as lines:
            _, answer = subject.ask(with_reply(case, refused))
        credentials = Credentials.from_fields(*(keys[name] for name in KEYS))
        for text in (str(answer), *lines):
            if credentials.scrub(text, subject.kind.name) != text:
                raise Failed(f"{case}: a part of a key is in {credentials.scrub(text)!r}")
    return f"{len(cases)} requests that the exchange quotes whole"


@contextmanager
def _log() -> Iterator[list[str]]:
    """Yield the lines that are logged meanwhile, those of libraries too."""
    lines: list[str] = []

    class Kept(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            lines.append(record.getMessage())

    root, handler = logging.getLogger(), Kept()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    try:
        yield lines
    finally:
        root.removeHandler(handler)
        root.setLevel(level)


def withdrawals(subject: Subject) -> str:
    """Check that a strategy cannot withdraw, transfer or manage keys."""
    if not subject.kind.url:
        raise NotClaimed
    words = ("withdraw", *subject.kind.sensitive_words)
    with Gateway(subject.kind) as gateway:
        for word in words:
            answer = gateway.ask(subject.route, f"__api_{word}")
            if not answer.get("error", "").startswith("NOT_ALLOWED "):
                raise Failed(f"__api_{word} is answered {answer} instead of NOT_ALLOWED")
    return ", ".join(words)


def _shown_orders(subject: Subject) -> Iterator[Mapping[str, Any]]:
    for case in subject.of("order", "data"):
        yield case.answered["data"]
    for method in ("orders", "historyorders"):
        for case in subject.of(method, "data"):
            yield from case.answered["data"]


def _state(order: Mapping[str, Any]) -> str:
    filled = number(order["deal_amount"])
    if order["status"] == "open":
        return "open, partly filled" if filled else "open, without fills"
    return "filled" if order["status"] == "closed" else "cancelled"
