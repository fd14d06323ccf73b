"""The documents' data that no command prints: each block is held against what the product really writes."""

import json
import logging
import re
import urllib.request

import pytest

from monitoring import logs
from tests.documents.blocks import of_language
from tests.documents.gateway import Service

ALONE = [block for block in of_language("json") if not block.command]
TICKER = json.dumps({"method": "ticker", "params": {"symbol": "BTC_USDT"}}).encode()


def test_each_block_of_data_has_a_test() -> None:
    """Look into test_adapters.py and test_probe_robot.py for the other documents."""
    documents = [block.document for block in ALONE]
    assert documents == ["docs/ADAPTERS.md", "docs/ADAPTERS.md", "docs/OPERATIONS.md", "docs/PROBE.md"]


def ask(service: Service) -> None:
    """Ask for a ticker, as the documents' robot does."""
    request = urllib.request.Request(f"{service.address}/paper", TICKER, {"X-Request-Id": "robot-7"})
    urllib.request.urlopen(request, timeout=10).close()


@pytest.mark.parametrize(("form", "language"), [("text", "text"), ("json", "json")])
def test_the_log_is_the_one_that_is_shown(
    form: str, language: str, service: Service, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    caplog.set_level(logging.INFO)
    monkeypatch.setattr(logging.root, "handlers", [])
    logs.configure("INFO", form)
    [ours] = logging.root.handlers
    caplog.handler.setFormatter(ours.formatter)
    logging.root.handlers = [caplog.handler]
    ask(service)
    [line] = [line for line in caplog.text.splitlines() if "fmz-gateway" in line]
    [block] = [block for block in of_language(language, "docs/OPERATIONS.md") if not block.command]
    assert varied(line) == varied(block.text)


def varied(line: str) -> str:
    """Return a line of the log with times and durations left out."""
    return re.sub(r"\d{4}-\d\d-\d\d[ T][\d:,.]+Z?|\d+\.\d+(?= ms)|(?<=\"ms\":)[\d.]+", "*", line)
