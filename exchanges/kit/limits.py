"""Checks of rate limits and bans: every call is counted and costs what is published, and a ban is heeded."""

import re
from urllib.parse import parse_qsl, urlsplit

from exchanges.base.abilities import can
from exchanges.kit.conversations import Request, perform
from exchanges.kit.facts import Refusal
from exchanges.kit.files import COMMON
from exchanges.kit.gateway import Gateway
from exchanges.kit.subject import Failed, NotClaimed, Subject, with_reply
from transport.limit import Calls, Weights

_DEADLINE = 0.5  # seconds of a call, less than any ban
_BANNED = re.compile(r"refuses calls for now, retry_after=(\d+\.\d) seconds; nothing was sent$")


def counted(subject: Subject) -> str:
    """Check that each call of the conversations is counted by a limit, or named there with the cost 0."""
    calls = _calls(subject)
    weights = _weights(subject).values()
    free = sorted(call for call in calls if not any(one.counts(call) for one in weights))
    if free:
        raise Failed(f"no limit counts {', '.join(free)}: add its cost, 0 if it has none")
    return f"{len(calls)} calls counted"


def costs(subject: Subject) -> str:
    """Check that calls cost what ``exchange.json`` says, and that it shows each limit that the conversations use."""
    weights = _weights(subject)
    shown: set[str] = set()
    for line, expected in subject.facts.costs.items():
        verb, _, target = line.partition(" ")
        params = dict(parse_qsl(urlsplit(target).query, keep_blank_values=True))
        found = {name: one.of(f"{verb} {urlsplit(target).path}", params) for name, one in weights.items()}
        if (found := {name: weight for name, weight in found.items() if weight}) != expected:
            raise Failed(f"{line} costs {found}, and {dict(expected)} by {COMMON}")
        shown |= found.keys()
    for call, params in _calls(subject).items():
        if lacking := [name for name, one in weights.items() if name not in shown and one.of(call, params)]:
            raise Failed(
                f"add what {call} costs to `costs` of {COMMON}, as its documentation says: it counts towards "
                f"{', '.join(lacking)}"
            )
    return f"{len(subject.facts.costs)} calls, as published"


def cancels(subject: Subject) -> str:
    """Check that cancels are declared as such, so that they may use the part of the limits that is kept for them, and
    that new orders are not."""
    if not subject.kind.limits or not can(subject.kind, "cancel"):
        raise NotClaimed
    declared = Calls(subject.kind.cancels, subject.kind.path)
    for case in subject.successes("cancel"):
        calls = [_call(request) for request in case.sent]
        if not any(call in declared for call in calls):
            raise Failed(f"{case}: no call of {', '.join(calls)} is in `cancels`: add the one that cancels")
    for call in subject.facts.cancels:
        if call not in declared:
            raise Failed(f"{call} is in `cancels` of {COMMON}, and not in those of the adapter: add it there")
    for case in subject.successes("trade"):
        if _call(case.sent[-1]) in declared:
            raise Failed(f"{case}: {_call(case.sent[-1])} is in `cancels`, and places an order: take it out")
    return ", ".join(subject.kind.cancels)


def bans(subject: Subject) -> str:
    """Check that nothing is sent for as long as a refusal says, that others stop nothing, and that each code in
    ``bans`` is shown."""
    if not subject.kind.bans and not subject.facts.bans:
        raise NotClaimed
    for refusal in subject.facts.bans:
        if (seconds := _seconds_after(subject, refusal)) != refusal.seconds:
            said = f"nothing is sent for {seconds} s, and for {refusal.seconds} by {COMMON}"
            raise Failed(f"after {refusal.title!r} {said}")
    shown = " ".join(refusal.reply.text for refusal in subject.facts.bans if refusal.seconds)
    if lacking := [code for code in subject.kind.bans if code not in shown]:
        raise Failed(f"add refusals with {', '.join(lacking)}, and their seconds, to `bans` of {COMMON}")
    return f"{len(subject.facts.bans)} refusals, heeded as they say"


def _seconds_after(subject: Subject, refusal: Refusal) -> float:
    """Return for how many seconds nothing is sent after a refusal; 0 if the next call is sent."""
    case = subject.success("ticker")
    with Gateway(subject.watched, deadline=_DEADLINE) as gateway:
        perform(with_reply(case, refusal.reply), gateway.ask)
        sent, answer = perform(case, gateway.ask)
    banned = None if sent else _BANNED.search(answer.get("error", ""))
    return float(banned[1]) if banned else 0.0


def _weights(subject: Subject) -> dict[str, Weights]:
    """Return the costs of each limit, by its name. Raises NotClaimed without limits."""
    if not subject.kind.limits:
        raise NotClaimed
    return {limit.name: Weights(limit, subject.kind.path) for limit in subject.kind.limits}


def _calls(subject: Subject) -> dict[str, dict[str, str]]:
    """Return the calls that the conversations of FMZ's methods show, as ``VERB /path``, with the parameters of one."""
    requests = [request for case in subject.conversations if case.method != "__api_" for request in case.sent]
    return {_call(request): dict(parse_qsl(urlsplit(request.url).query)) for request in requests}


def _call(request: Request) -> str:
    return f"{request.method} {urlsplit(request.url).path}"
