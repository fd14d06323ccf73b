"""The path of a request, as CONTRIBUTING.md draws it: traced through the real app."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType
from typing import Any

import pytest
import responses
from flask.testing import FlaskClient

from app import open_timeline
from console.trace import TracedHttp
from database import open_state
from exchanges.kit.gateway import SENDER
from tests.conftest import client_of
from tests.lent import Lent
from tests.profiling import profiled

ROOT = Path(__file__).parent.parent
KRAKEN = "https://api.kraken.com/0"
TICKER = {"a": ["2"], "b": ["1"], "c": ["1"], "h": ["1", "1"], "l": ["1", "1"], "v": ["1", "1"]}
REPLIES = [
    ("GET", "/public/Time", {"error": [], "result": {"unixtime": 1_700_000_000}}),
    ("GET", "/public/Ticker", {"error": [], "result": {"XXBTZUSD": TICKER}}),
    ("POST", "/private/AddOrder", {"error": [], "result": {"txid": ["OUF4EM-FRGI2-MQMWZD"]}}),
]
ORDER = {"symbol": "BTC_USD", "type": "buy", "price": "60000", "amount": "0.01"}
CALLS: dict[str, tuple[str, dict[str, str]]] = {
    "A ticker of Kraken": ("ticker", {"symbol": "BTC_USD"}),
    "An order on Kraken": ("trade", ORDER),
}


@pytest.fixture
def client(tmp_path: Path) -> Iterator[FlaskClient]:
    """Return a client of a gateway with its usual database: another one visits other files."""
    state = open_state(f"sqlite:///{tmp_path}/state.db")
    yield client_of(Lent(TracedHttp(), state, deadline=5.0, timeline=open_timeline(state)).app())
    state.dispose()


def ask(client: FlaskClient, method: str, params: dict[str, str], nonce: int) -> None:
    with responses.RequestsMock(assert_all_requests_are_fired=False, target=SENDER) as exchange:
        for verb, path, body in REPLIES:
            exchange.add(verb, KRAKEN + path, json=body)
        keys = {"access_key": "fmz-key", "secret_key": "Zm16LXNlY3JldA==", "nonce": nonce}
        assert "data" in client.post("/kraken", json={**keys, "method": method, "params": params}).get_json()


def visited(call: Callable[[], None]) -> list[str]:
    """Return the product's files that a call visits, in the order of the first visit."""
    files: dict[str, None] = {}

    def note(frame: FrameType, event: str, _: Any) -> None:
        path = Path(frame.f_code.co_filename)
        if event == "call" and path.is_relative_to(ROOT):
            name = path.relative_to(ROOT).as_posix()
            if not name.startswith(("tests/", ".venv")):
                files[name] = None

    with profiled(note):
        call()
    return list(files)


def drawn(title: str) -> list[str]:
    """Return the files under a title of CONTRIBUTING.md, in their order."""
    text = (ROOT / "CONTRIBUTING.md").read_text()
    [block] = re.findall(rf"^{title}:\n\n```text\n(.*?)```", text, re.DOTALL | re.MULTILINE)
    return re.findall(r"[\w/]+\.py", block)


@pytest.mark.parametrize("title", CALLS)
def test_the_path_is_the_one_that_is_drawn(title: str, client: FlaskClient) -> None:
    method, params = CALLS[title]
    ask(client, method, params, nonce=1)  # what is made once is made
    path = visited(lambda: ask(client, method, params, nonce=2))
    assert path == drawn(title), " → ".join(path)


def test_a_ticker_makes_no_desk_and_no_hash_of_its_key(client: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*_: Any, **__: Any) -> None:
        raise AssertionError("a ticker needs none")

    for name in ("orders.desk.Desk.__init__", "orders.lookup.Lookup.__init__", "hashlib.blake2b"):
        monkeypatch.setattr(name, never)
    ask(client, "ticker", {"symbol": "BTC_USD"}, nonce=1)
    with pytest.raises(AssertionError, match="'data' in"):
        ask(client, "trade", ORDER, nonce=2)
