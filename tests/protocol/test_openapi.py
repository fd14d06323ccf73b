"""The OpenAPI document: it is one, its examples are calls that work, and the answers are as it says."""

import re
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from click.testing import CliRunner
from flask.testing import FlaskClient

from cli import commands
from protocol import errors, forms, openapi, wire
from protocol.examples import EXAMPLES
from protocol.methods import METHODS
from settings import Settings
from tests.conftest import client_of
from tests.lent import Lent
from tests.protocol.validators import document_validator, validator

Json = dict[str, Any]
ROUTES = {False: "paper", True: "Futures_paper"}


@pytest.fixture(scope="module")
def document() -> Json:
    """Return the document as a program reads it."""
    return wire.read(wire.write(openapi.document()))


def check(document: Json, schema: Mapping[str, Any], value: object) -> list[str]:
    """Return what is wrong with a value by a schema of the document."""
    whole = {**schema, "components": document["components"]}
    return [error.message for error in validator(whole).iter_errors(value)]


def ref(name: str) -> Json:
    return {"$ref": f"#/components/schemas/{name}"}


def test_it_is_an_openapi_document(document: Json) -> None:
    assert [error.message for error in document_validator(document).iter_errors()] == []
    assert document["openapi"] == "3.1.0"


def test_it_is_served_and_printed(client: FlaskClient, document: Json) -> None:
    assert wire.read(client.get("/openapi.json").get_data()) == document
    assert wire.read(CliRunner().invoke(commands, ["openapi"]).stdout_bytes) == document


def test_every_method_has_an_example() -> None:
    shown = {example.method for example in EXAMPLES}
    assert METHODS.keys() <= shown
    codes = {example.params["code"] for example in EXAMPLES if example.method == "io"}
    assert codes == set(METHODS["io"].calls)  # type: ignore[union-attr]


def test_every_page_is_in_it(lent: Lent, document: Json) -> None:
    pages = {rule.rule for rule in lent.app().url_map.iter_rules() if "GET" in (rule.methods or ())}
    assert document["paths"].keys() == pages | {"/{exchange}"}


def test_every_label_of_an_error_is_in_it(document: Json) -> None:
    for kind in errors.kinds():
        assert check(document, ref("Error"), {"error": str(kind("it failed"))}) == []
    assert check(document, ref("Error"), {"error": "OOPS it failed"})


def test_the_examples_work_one_after_the_other(lent: Lent, document: Json) -> None:
    lent.deadline = 5.0
    client = client_of(lent.app())
    given = document["paths"]["/{exchange}"]["post"]["requestBody"]["content"]["application/json"]
    assert [shown["value"] for shown in given["examples"].values()] == [openapi.body_of(each) for each in EXAMPLES]
    for example in EXAMPLES:
        body = openapi.body_of(example)
        assert check(document, given["schema"], body) == [], example.name
        reply = client.post(f"/{ROUTES[example.futures]}", json=body, headers={"Http-Method": example.verb})
        answer = wire.read(reply.get_data())
        assert "data" in answer, (example.name, answer)
        assert check(document, ref(example.reply), as_json(answer["data"])) == [], example.name


def as_json(value: Any) -> Any:
    """Return a value with the numbers of which a validator knows the type."""
    if isinstance(value, dict):
        return {name: as_json(one) for name, one in value.items()}
    if isinstance(value, list):
        return [as_json(one) for one in value]
    return value if isinstance(value, str | int | None) else float(value)


@pytest.mark.parametrize("method", METHODS)
def test_no_parameters_are_null_where_none_is_needed(client: FlaskClient, document: Json, method: str) -> None:
    call = {"method": method, "params": None}
    reply = wire.read(client.post("/Futures_paper", json=call).get_data())
    is_refused = bool(re.search("must be|needs a symbol", reply.get("error", "")))
    assert is_refused == bool(check(document, ref(f"call_{method}"), call))


def _without(name: str) -> Callable[[Json], Json]:
    return lambda params: {key: value for key, value in params.items() if key != name}


@pytest.mark.parametrize(
    ("method", "change"),
    [
        ("ticker", _without("symbol")),
        ("ticker", lambda params: {**params, "symbol": 5}),
        ("trade", _without("price")),
        ("trade", lambda params: {**params, "type": None}),
        ("io", _without("code")),
        ("order", _without("id")),
    ],
)
def test_a_call_that_is_refused_is_wrong_by_it_too(
    client: FlaskClient, document: Json, method: str, change: Callable[[Json], Json]
) -> None:
    [example, *_] = [each for each in EXAMPLES if each.method == method]
    right = openapi.body_of(example)
    wrong = {**right, "params": change(right["params"])}
    assert check(document, ref(f"call_{method}"), right) == []
    assert check(document, ref(f"call_{method}"), wrong)
    reply = client.post(f"/{ROUTES[example.futures]}", json=wrong).get_json()
    assert reply["error"].startswith("INVALID_CALL ")


@pytest.mark.parametrize(
    ("name", "form"), [("symbol", forms.SYMBOL), ("price", forms.NUMBER), ("amount", forms.POSITIVE_NUMBER)]
)
def test_a_parameter_has_the_form_of_what_is_read(document: Json, name: str, form: forms.Form) -> None:
    said = dict(document["components"]["schemas"]["TradeParams"]["properties"][name])
    assert said.pop("description")
    assert said == wire.read(wire.write(form))


@pytest.mark.parametrize("page", ["/health/live", "/health/ready", "/metrics", "/openapi.json"])
def test_a_page_and_its_refusal_are_as_it_says(lent: Lent, document: Json, page: str) -> None:
    for token, status in (("", "200"), ("a-token-of-sixteen-characters", "403")):
        reply = client_of(lent.app(Settings(console=False, token=token))).get(page)
        said = document["paths"][page]["get"]["responses"][status]
        assert str(reply.status_code) == status
        [(media_type, content)] = said["content"].items()
        assert reply.mimetype == media_type
        if media_type == "application/json":
            assert check(document, content["schema"], wire.read(reply.get_data())) == []
        assert check(document, said["headers"]["X-Request-Id"]["schema"], reply.headers["X-Request-Id"]) == []


def test_any_request_id_may_be_sent(client: FlaskClient, document: Json) -> None:
    [its] = [each for each in document["paths"]["/{exchange}"]["post"]["parameters"] if each["name"] == "X-Request-Id"]
    for given in ("mine-1", "not one"):
        assert check(document, its["schema"], given) == []
        reply = client.post("/paper", json={"method": "markets"}, headers={"X-Request-Id": given})
        assert "error" not in wire.read(reply.get_data())
