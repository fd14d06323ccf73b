"""Routes: the path names an exchange, or the default one; other verbs and paths are refused."""

import re
from collections.abc import Callable

import pytest
from flask.testing import FlaskClient
from werkzeug.routing import Map
from werkzeug.routing import Rule as WerkzeugRule

from routes import Rule
from tests.app.conftest import Serve
from tests.app.probe import TICKER, answer_of, error_of


@pytest.mark.parametrize(
    "path",
    [
        "/probe", "/Probe", "/PROBE", "/probe/", "/probe?x=1", "/", "/?x=1", "/exchange", "/Exchange/", "/DigitalAsset",
        "/digitalasset/", "/DIGITALASSET",
    ],
)  # fmt: skip
def test_a_route_names_an_exchange_or_the_default_one(client: FlaskClient, path: str) -> None:
    assert answer_of(client.post(path, json=TICKER))["data"]["vol"] == 7


def test_the_default_exchange_is_a_setting(serve: Serve) -> None:
    client = serve(default_exchange="BitGo")
    params = {"symbol": "BTC_USDT.swap"}
    for path in ("/", "/exchange", "/DigitalAsset"):
        assert error_of(client.post(path, json={**TICKER, "params": params})).startswith(
            "UNSUPPORTED not supported: BitGo "
        )


@pytest.mark.parametrize(
    "path", ["/nope", "/nope/", "/bit-go", "/probe%00", "/%70robe2", "/..", "/é", "/" + "x" * 5000]
)
def test_an_unknown_exchange_is_an_invalid_call(client: FlaskClient, path: str) -> None:
    text = error_of(client.post(path, json=TICKER))
    assert re.match(r"INVALID_CALL no exchange of that name(, perhaps (BitGo|Probe))?; there are ", text)
    assert text.endswith(", Probe")


@pytest.mark.parametrize("verb", ["GET", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "PROPFIND", "NONSENSE"])
@pytest.mark.parametrize("path", ["/", "/probe", "/probe/", "/nope"])
def test_another_verb_is_405_in_json(client: FlaskClient, verb: str, path: str) -> None:
    reply = client.open(path, method=verb, json=TICKER)
    text = error_of(reply, 405)
    assert reply.headers["Allow"] == "POST"
    assert text.startswith("INVALID_CALL HTTP 405 Method Not Allowed: send FMZ's request as POST /<exchange>")


def test_head_is_405_without_a_body(client: FlaskClient) -> None:
    reply = client.head("/probe")
    assert (reply.status_code, reply.mimetype, reply.get_data()) == (405, "application/json", b"")


@pytest.mark.parametrize("verb", ["GET", "POST"])
@pytest.mark.parametrize("path", ["/probe/x", "/static/app.py", "/probe/../x", "/a/b/c", "/.well-known/x"])
def test_another_path_is_404_in_json(client: FlaskClient, verb: str, path: str) -> None:
    assert error_of(client.open(path, method=verb, json=TICKER), 404).startswith("INVALID_CALL HTTP 404 Not Found: ")


def test_paths_are_put_together_as_werkzeug_does_by_code_compiled_for_the_first_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    compiled: list[bool] = []
    compile_builder = WerkzeugRule._compile_builder

    def counted(rule: WerkzeugRule, append_unknown: bool = True) -> Callable[..., tuple[str, str]]:
        compiled.append(append_unknown)
        return compile_builder(rule, append_unknown)

    monkeypatch.setattr(WerkzeugRule, "_compile_builder", counted)
    ours, theirs = (
        Map([kind("/<exchange>/<int:page>", endpoint="page")]).bind("gateway.lan") for kind in (Rule, WerkzeugRule)
    )
    assert compiled == [False, True], "Werkzeug's own, at once"
    values = {"exchange": "a b", "page": 7, "q": "ü&"}
    for _ in range(2):
        assert ours.build("page", values) == theirs.build("page", values) == "/a%20b/7?q=%C3%BC%26"
        assert ours.build("page", values, append_unknown=False) == "/a%20b/7"
    assert sorted(compiled[2:]) == [False, True], "ours, each when it was first needed"
