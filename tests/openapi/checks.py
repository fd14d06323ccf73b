"""The checks of ``make openapi`` that schemathesis cannot have: what the body of an answer says with HTTP 200.

It runs beside schemathesis, without what the gateway needs: of the product it has what imports nothing.
"""

import json
import os
import re
from typing import Any

import jsonschema_rs
import schemathesis
from hypothesis import strategies
from schemathesis.core.parameters import ParameterLocation

from protocol.examples import EXAMPLES
from protocol.names import ONE_MARKET, PASS_THROUGH

Json = dict[str, Any]

EXCHANGE = os.environ["EXCHANGE"]
PLAIN = "text/plain"
REPLIES = {(each.method, each.params.get("code")): each.reply for each in EXAMPLES if each.method[:6] != PASS_THROUGH}
"""Method and code of io → the name of the reply's schema."""
UNREAD = re.compile(r"INVALID_CALL .*\b(must be|is missing|the body)\b")
"""Errors for a call that is not as the document says; what else may be wrong with one depends on the account."""
BODIES = [json.dumps({"method": each.method, "params": dict(each.params)}).encode() for each in EXAMPLES]


def broken(body: bytes) -> strategies.SearchStrategy[bytes]:
    """Return this body, beginnings of it, and what it is with other bytes in between."""
    place = strategies.integers(0, len(body) - 1)
    between = strategies.tuples(place, strategies.binary(min_size=1, max_size=4))
    return strategies.one_of(
        strategies.just(body),
        place.map(lambda end: body[:end]),
        between.map(lambda more: body[: more[0]] + more[1] + body[more[0] :]),
    )


def before_load_schema(context: Any, raw_schema: Json) -> None:
    """Ask the exchange of this run, and with any bytes under another content type than JSON's too."""
    call = raw_schema["paths"]["/{exchange}"]["post"]
    [exchange] = [each for each in call["parameters"] if each["name"] == "exchange"]
    exchange["schema"] = {"enum": [EXCHANGE]}
    call["requestBody"]["content"][PLAIN] = {"schema": {"type": "string"}}


def answer_of(response: Any) -> Json:
    """Return the answer to a call, empty for a page."""
    is_call = response.request.method == "POST" and response.status_code == 200
    answer: Json = json.loads(response.content) if is_call else {}
    assert not is_call or len(answer.keys() & {"data", "error"}) == 1, "an answer has data or an error"
    return answer


def body_of(response: Any) -> Any:
    """Return what the request said, None for what is no JSON."""
    try:
        return json.loads((response.request.body or b"").decode())
    except ValueError:
        return None


def nothing_is_a_bug(context: Any, response: Any, case: Any) -> None:
    """Fail where the gateway met an exception that nobody thought of, which it answers with HTTP 200 too."""
    error = answer_of(response).get("error", "")
    assert not error.startswith("INTERNAL_ERROR"), error


def wrong_calls_are_refused(context: Any, response: Any, case: Any) -> None:
    """Fail where a call that is not as the document says is taken."""
    answer = answer_of(response)
    if not answer or not case.meta or not case.meta.is_negative_at(ParameterLocation.BODY):
        return
    if "data" in answer:
        call = body_of(response) or {}
        # A read without a market is of the one that was named last, so that it depends on the calls before it.
        names_none = call.get("method") in ONE_MARKET and not (call.get("params") or {}).get("symbol")
        assert names_none, f"taken: {call}"


def right_calls_are_read(context: Any, response: Any, case: Any) -> None:
    """Fail where a call that is as the document says cannot be read."""
    answer, call = answer_of(response), body_of(response)
    if not answer or not case.meta or case.media_type == PLAIN or not case.meta.generation.mode.is_positive:
        return
    if call["method"] == "io":  # what its arguments must be depends on its code, and the document does not say it
        return
    if not json.dumps(call, ensure_ascii=False).isascii():  # which characters beyond it are letters no schema says
        return
    values = [*call.values(), *(call.get("params") or {}).values()]
    if any(isinstance(value, float) and value.is_integer() for value in values):  # JSON Schema has 1.0 for an integer
        return
    assert not UNREAD.match(answer.get("error", "")), answer["error"]


def any_bytes_are_answered(context: Any, response: Any, case: Any) -> None:
    """Fail where a body that is no call is not told so, or one that is a call is refused for its content type."""
    answer, call = answer_of(response), body_of(response)
    if not answer or case.media_type != PLAIN:
        return
    error = answer.get("error", "")
    if not isinstance(call, dict):
        assert error.startswith("INVALID_CALL the body "), f"{response.request.body!r}: {answer}"
    elif response.request.body in BODIES:
        assert not UNREAD.match(error), error


def data_are_of_their_method(context: Any, response: Any, case: Any) -> None:
    """Fail where the data are not what the examples say that the method's are: the document tells any of them."""
    answer, call = answer_of(response), body_of(response)
    if "data" not in answer or not isinstance(call, dict):
        return
    name = REPLIES.get((str(call.get("method")), (call.get("params") or {}).get("code")))
    if name:
        components = case.operation.schema.raw_schema["components"]
        whole = {"$ref": f"#/components/schemas/{name}", "components": components}
        wrong = [error.message for error in jsonschema_rs.validator_for(whole).iter_errors(answer["data"])]
        assert not wrong, f"{call['method']}: {wrong[0]}"


class every_method_is_asked:  # noqa: N801 - schemathesis shows it beside the functions
    """Fail where no call of a method could be read: all other checks of it would be idle."""

    def __init__(self) -> None:
        self.asked: set[str] = set()

    def after_response(self, context: Any, response: Any, case: Any) -> None:
        """Note a method whose parameters were read."""
        answer, call = answer_of(response), body_of(response)
        if answer and isinstance(call, dict) and not UNREAD.match(answer.get("error", "")):
            self.asked.add(str(call.get("method")))

    def after_run(self, context: Any) -> None:
        """Compare them with the examples' methods."""
        assert {each.method for each in EXAMPLES} <= self.asked, sorted(self.asked)


schemathesis.hook(before_load_schema)
schemathesis.openapi.media_type(PLAIN, strategies.sampled_from(BODIES).flatmap(broken) | strategies.binary(max_size=40))
for check in (
    nothing_is_a_bug,
    wrong_calls_are_refused,
    right_calls_are_read,
    any_bytes_are_answered,
    data_are_of_their_method,
    every_method_is_asked,
):
    schemathesis.check(check)
