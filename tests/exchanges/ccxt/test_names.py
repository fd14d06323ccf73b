"""The routes of ccxt's exchanges: found without importing it, loaded when they are called."""

from pathlib import Path
from typing import Any

import pytest

from exchanges import EXCHANGES, open_registry
from exchanges.base import Exchange, FuturesExchange
from exchanges.ccxt import keys, names
from exchanges.ccxt.calls import CcxtCalls
from exchanges.checks import WrongAdapter, check
from protocol.errors import InvalidCall, Unsupported
from settings import Settings, WrongSetting
from tests.conftest import client_of
from tests.exchanges.ccxt.conftest import bridged, run_apart
from tests.lent import Lent

ROUTES = [(one, futures) for one in names.ids() for futures in (False, True)]
NO_EXCHANGE = "no exchange of that name"


def route(exchange_id: str, *, futures: bool) -> str:
    return (names.FUTURES if futures else "") + names.name_of(exchange_id)


def load(exchange_id: str, *, futures: bool) -> type[Exchange] | None:
    try:
        return bridged(exchange_id, route(exchange_id, futures=futures))
    except WrongAdapter:
        return None


@pytest.mark.parametrize(("exchange_id", "futures"), ROUTES)
def test_every_exchange_is_well_declared_on_one_of_its_routes(exchange_id: str, *, futures: bool) -> None:
    kind = load(exchange_id, futures=futures)
    if kind is None:
        assert load(exchange_id, futures=not futures), "neither spot nor swaps"
        return
    check(kind, route(exchange_id, futures=futures))
    assert kind.limits
    assert issubclass(kind, CcxtCalls)
    first, rest = keys.fields(kind.library.required)
    assert {first, *rest} - {""} == set(kind.library.required), "its keys fit into FMZ's two fields"
    assert issubclass(kind, FuturesExchange) is futures


def test_names_are_accepted_in_any_case_and_explicitly() -> None:
    registry = open_registry()
    for given in ("BingX", "BINGX", "bingx", "ccxt/bingx", "CCXT/BingX"):
        assert registry.name_of(given) == "BingX"
    assert registry.name_of("ccxt/Futures_bingx") == "Futures_BingX"
    assert registry.origin("bingx") == "in the ccxt library"


@pytest.mark.parametrize("name", ["Binance", "OKX", "Kraken", "Futures_Binance"])
def test_what_is_built_in_is_never_bridged(name: str) -> None:
    registry = open_registry()
    assert registry.find(name) is EXCHANGES[name.lower()]
    with pytest.raises(InvalidCall, match=NO_EXCHANGE):
        registry.name_of(f"ccxt/{name}")


def test_a_users_file_goes_before(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    file = tmp_path / "bingx.py"
    file.write_text(
        'from exchanges.base import *\n\nclass B(Exchange):\n    api = 1\n    name, url = "BingX", "https://b.test"\n'
    )
    file.chmod(0o600)
    registry = open_registry(tmp_path)
    assert registry.origin("bingx") == "in bingx.py"
    assert registry.problems == []
    with pytest.raises(InvalidCall, match=NO_EXCHANGE):
        registry.name_of("ccxt/bingx")


def test_the_other_route_is_named_where_an_exchange_has_no_such_markets() -> None:
    registry = open_registry()
    with pytest.raises(Unsupported) as refused:
        registry.find("Futures_Kraken")
    assert refused.value.message == (
        "Futures_Kraken, in the ccxt library, cannot be loaded: it has no swaps there; /Kraken may have what it trades"
        ". Nothing was sent"
    )


def test_an_unknown_name_says_how_many_there_are_but_does_not_list_them() -> None:
    with pytest.raises(InvalidCall) as refused:
        open_registry().name_of("nowhere")
    assert f", and {len(names.ids())} of the ccxt library" in refused.value.message
    assert "Bitso" not in refused.value.message


def test_without_the_library_the_error_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(names, "find_spec", lambda name: None)
    for name in ("BingX", "ccxt/bingx"):
        with pytest.raises(InvalidCall, match=r"pip install 'fmz-gateway\[ccxt\]'"):
            open_registry().name_of(name)


def test_plugins_off_leaves_those_that_are_built_in() -> None:
    assert len(open_registry(plugins=False).names) == len(EXCHANGES)


@pytest.mark.parametrize("path", ["/BingX", "/bingx", "/ccxt/bingx", "/ccxt/Bingx/"])
def test_the_service_has_both_addresses(path: str, lent: Lent) -> None:
    client = client_of(lent.app(Settings(registry=open_registry())))
    answer: dict[str, Any] = client.post(path, json={"method": "accounts", "params": {}}).get_json()
    assert answer["error"].startswith(
        "AUTHENTICATION_FAILED BingX needs as access key apiKey, and as secret key secret; "
    )


def test_a_testnet_that_is_not_there_is_a_wrong_setting(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("STATE_URL", f"sqlite:///{tmp_path}/state.db")
    monkeypatch.setenv("BINGX_TESTNET", "1")
    settings = Settings.load()
    assert settings.urls["BingX"] == "https://open-api-vst.bingx.com"
    assert "BingX" in settings.testnets
    monkeypatch.setenv("XT_TESTNET", "1")
    with pytest.raises(WrongSetting) as refused:
        Settings.load()
    assert str(refused.value) == "XT_TESTNET is wrong: XT has no testnet"


LAZY = """
import sys
from settings import Settings
from tests.conftest import client_of
from tests.lent import Lent
from database import open_state
app = Lent(http=None, state=open_state(sys.argv[1]), deadline=0.01).app(Settings.load())
client = client_of(app)
for path in ("/paper", "/nowhere", "/ccxt/nowhere", "/Kraken", "/ccxt/Kraken"):
    client.post(path, json={"method": "trade", "params": {}})
assert "ccxt" not in sys.modules, "before the first bridged call"
answer = client.post("/BingX", json={"method": "accounts", "params": {}}).get_json()
assert answer["error"].startswith("AUTHENTICATION_FAILED BingX needs "), answer
assert "ccxt" in sys.modules
"""


@pytest.mark.long
def test_ccxt_is_imported_by_the_first_call_of_one_of_its_exchanges(tmp_path: Path) -> None:
    run_apart(LAZY, tmp_path)
