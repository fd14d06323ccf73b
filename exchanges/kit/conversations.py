"""Conversations: FMZ's call, our requests, the exchange's replies, and our answer to FMZ.

A folder holds the conversations of one exchange, a file for each method of FMZ's protocol, and ``exchange.json`` with
what they have in common::

    {
      "host": "https://api.smallex.example",
      "call": {"access_key": "fmz-key", "secret_key": "fmz-secret"},
      "requests": {
        "every": {"headers": {"X-Test": false}},
        "POST": {"headers": {"Content-Type": "application/json"}},
        "signed": {"headers": {"SX-KEY": "fmz-key", "SX-SIGN": "{signature}"}, "query": {"time": "1700000000000"}},
        "unsigned": {"headers": {"SX-KEY": false}}
      },
      "steps": {
        "the markets": {"sent": "GET /v1/markets", "got": [{"like": "a market"}, {"like": "a market", "id": "X-USDT"}]}
      },
      "parts": {"a market": {"id": "BTC-USDT", "step": "0.1", "state": "live"}}
    }

``call`` is what FMZ sends beside method and parameters. ``requests`` is what requests carry: every one, those with this
HTTP method, those with and those without a signature. Parameters are added after a step's own, ``false`` marks a
header that must not be sent, and ``host`` is for requests that go to another one. ``steps`` are requests with their
replies that many conversations need, by name. ``parts`` are objects that recur in replies and answers: wherever an
object is ``like`` a part or a step, it has that one's members except where it has its own; objects in objects are
merged in the same way, lists replaced. ``signature``, ``costs``, ``cancels``, ``bans`` and ``lacks`` are facts that no
conversation shows; docs/ADAPTERS.md explains them.

A file, here ``trade.json``::

    {
      "source": "https://docs.smallex.example/api#orders",
      "a limit order": {
        "asked": {"symbol": "BTC_USDT", "type": "buy", "price": "60000.1", "amount": "3"},
        "steps": [
          "the markets",
          {"sent": "POST /v1/orders", "json": {"px": "60000.1", "qty": "3"}, "signature": "5d3f", "got": {"id": 7}}
        ],
        "answered": {"data": {"id": "7"}, "raw": {"same as": "steps.1.got"}}
      },
      "a price too far away": {
        "like": "a limit order",
        "but": {"steps.1.status": 400, "steps.1.got": {"code": 3001, "message": "price too far away"}},
        "answered": {"error": "INVALID_ORDER Smallex 3001 price too far away"}
      }
    }

Beside the file's ``source`` there are the cases by their titles. A case has

- ``source``, the address of the documentation of this behaviour; without it, the file's source applies;
- ``asked``, FMZ's parameters; ``call``, what else FMZ says in this case, such as another ``method`` than the file's
  name; ``before``, whole calls that come first and succeed;
- ``steps``, in order: names of common steps, or objects. ``sent`` is the HTTP method and the path, behind scheme and
  host where those are not the ones of ``exchange.json``; ``query`` more
  parameters; ``form``, ``json`` or ``body`` what is in the body: parameters (those that are no text as JSON), JSON as
  ``json.dumps`` writes it, or text; ``headers`` and ``signature`` complete the request, which is compared to the byte.
  ``got`` is the reply, JSON or text, ``status`` its HTTP status if that is not 200;
- ``answered``, the keys of our answer that are compared: ``data`` or ``error``, and ``raw`` where it matters. What an
  answer repeats of a reply is ``{"same as": "steps.1.got"}``;
- ``like``, the title of another case of the file, or ``"<method>: <title>"`` of another file. What a case does not say
  is as there, what it says replaces it. ``but`` changes single values, named by their path; lists count from 0, and the
  number behind the last adds one. ``without`` takes away what paths lead to, before that.

Texts too long for a line are written in pieces, ``{"+": ["the first ", "and the second"]}``; see layout.py.
"""

import difflib
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import responses

from exchanges.kit import layout
from exchanges.kit.cases import Conversation, Reply, Request, load
from exchanges.kit.files import CaseError, canonical_text
from exchanges.kit.gateway import SENDER, Ask, steady_nonces

__all__ = ["Ask", "CaseError", "Conversation", "Reply", "Request", "canonical_text", "compare", "load", "perform"]


def compare(conversation: Conversation, sent: list[Request], answer: dict[str, Any]) -> None:
    """Compare what was sent and answered with the conversation. Raises AssertionError, with the differences, unless it
    is exactly the expected."""
    compared_headers = [request.headers for request in conversation.sent]
    compared_headers += [{}] * (len(sent) - len(compared_headers))
    seen = [_with_headers(request, names) for request, names in zip(sent, compared_headers, strict=False)]
    compared = conversation.answered.keys() | (answer.keys() & {"error"})
    answered = {key: answer[key] for key in answer if key in compared}
    if (seen, answered) != (conversation.sent, conversation.answered):
        raise AssertionError(_differences(conversation, seen, answered))


def perform(conversation: Conversation, ask: Ask) -> tuple[list[Request], dict[str, Any]]:
    """Ask what was asked, with the conversation's replies; return the requests that were sent, with all headers, their
    names in lower case, and the answer."""
    for call in conversation.before:
        answer = ask(conversation.route, **call)
        assert "data" in answer, f"{conversation}: {call} came before, and was answered {answer}"
    with responses.RequestsMock(assert_all_requests_are_fired=False, target=SENDER) as exchange, steady_nonces():
        for request, reply in zip(conversation.sent, conversation.got, strict=True):
            headers = {"Retry-After": reply.retry_after} if reply.retry_after else {}
            address = request.url.partition("?")[0]
            exchange.add(request.method, address, body=reply.text, status=reply.status, headers=headers)
        answer = ask(conversation.route, **conversation.asked)
        return [request_of(call.request) for call in exchange.calls], answer


def request_of(sent: Any) -> Request:
    """Return a request that was sent, with the names of its headers in lower case."""
    headers = {name.lower(): value for name, value in sent.headers.items()}
    body = sent.body.decode() if isinstance(sent.body, bytes) else sent.body or ""
    return Request(sent.method, sent.url, headers, body)


def _with_headers(request: Request, names: Iterable[str]) -> Request:
    return replace(request, headers={name: request.headers.get(name.lower()) for name in names})


def _differences(conversation: Conversation, sent: list[Request], answered: dict[str, Any]) -> str:
    def lines(requests: list[Request], answer: dict[str, Any]) -> list[str]:
        members = {key: answer[key] for key in sorted(answer)}
        return layout.write({"sent": [vars(request) for request in requests], "answered": members}, 4).splitlines()

    expected = lines(conversation.sent, conversation.answered)
    differences = "\n".join(difflib.ndiff(expected, lines(sent, answered)))
    return f"{conversation}\nasked {layout.inline(conversation.asked)}\n(- the case, + what happened)\n{differences}"
