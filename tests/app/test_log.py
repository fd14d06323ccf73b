"""The log: one line for each call, without its contents."""

import logging
from typing import Any

import pytest
from flask.testing import FlaskClient

from tests.app.probe import TICKER


@pytest.mark.parametrize(
    ("path", "call", "line"),
    [
        ("/probe", TICKER, "/probe ticker ok "),
        ("/Probe/?token=hidden-token", TICKER, "/Probe/ ticker ok "),
        ("/nope", TICKER, "/nope ticker INVALID_CALL "),
        ("/probe", {"method": "hidden-method"}, "/probe ? INVALID_CALL "),
        ("/probe", {"method": "__api_hidden/resource"}, "/probe __api_ AUTHENTICATION_FAILED "),
        ("/probe", [], "/probe - INVALID_CALL "),
        ("/x%0d%0a2026-01-01 ERROR forged", TICKER, "/x%0D%0A2026-01-01%20ERROR%20forged ticker INVALID_CALL "),
        ("/" + "x" * 500, TICKER, "/" + "x" * 39 + " ticker INVALID_CALL "),
    ],
)
def test_a_call_is_one_line_of_the_log_without_its_contents(
    client: FlaskClient, caplog: pytest.LogCaptureFixture, path: str, call: Any, line: str
) -> None:
    caplog.set_level(logging.INFO, "fmz-gateway")
    client.post(path, json=call)
    [message] = [record.getMessage() for record in caplog.records if record.name == "fmz-gateway"]
    assert message.startswith(line)
    assert message.endswith(" ms")
    assert message.isprintable()
    assert "hidden" not in message
