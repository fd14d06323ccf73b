"""Exchanges that are not built in: files in the user's folder, and installed packages."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from exchanges import EXCHANGES, open_registry
from exchanges.registry import Registry
from protocol.errors import InvalidCall, Unsupported
from settings import Settings, WrongSetting
from tests.conftest import client_of
from tests.lent import Lent

SMALLEST = '''"""Smallest, spot."""

from exchanges.base import *


class Smallest(Exchange):
    api = 1
    name, url = "Smallest", "https://smallest.test"

    def ticker(self, symbol):
        return Ticker(time=1, bid=1.0, ask=2.0, last=1.5, high=2.0, low=1.0, volume=7.0)
'''


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return an empty folder that only this user can write."""
    path = tmp_path / "exchanges"
    path.mkdir(mode=0o700)
    return path


def write(folder: Path, text: str = SMALLEST, name: str = "smallest.py") -> Path:
    path = folder / name
    path.write_text(text)
    path.chmod(0o600)
    return path


def ask(client: FlaskClient, name: str) -> dict[str, Any]:
    call = {"method": "ticker", "params": {"symbol": "BTC_USDT"}}
    answer: dict[str, Any] = client.post(f"/{name}", json=call).get_json()
    return answer


def test_a_file_is_an_exchange(folder: Path, lent: Lent) -> None:
    write(folder)
    registry = open_registry(folder)
    assert registry.problems == []
    assert registry.names[len(EXCHANGES)] == "Smallest"
    assert registry.origin("smallest") == "in smallest.py"
    client = client_of(lent.app(Settings(registry=registry)))
    assert ask(client, "SMALLEST")["data"]["vol"] == 7
    assert ask(client, "paper")["data"]


def test_a_file_is_not_run_before_its_exchange_is_called(folder: Path) -> None:
    write(folder, SMALLEST + "\nraise SystemError('loaded')\n")
    registry = open_registry(folder)
    assert registry.name_of("smallest") == "Smallest"
    with pytest.raises(Unsupported) as refused:
        registry.find("Smallest")
    assert refused.value.message == (
        "Smallest, in smallest.py, cannot be loaded: smallest.py, line 13: SystemError: loaded. Nothing was sent"
    )


def test_a_file_that_was_mended_is_loaded_by_the_next_call(folder: Path, lent: Lent) -> None:
    path = write(folder, SMALLEST + "\nraise SystemError\n")
    client = client_of(lent.app(Settings(registry=open_registry(folder))))
    refused = ask(client, "Smallest")["error"]
    assert refused.startswith("UNSUPPORTED not supported: Smallest, in smallest.py, cannot be loaded: ")
    assert ask(client, "paper")["data"]
    path.write_text(SMALLEST)
    assert ask(client, "Smallest")["data"]["vol"] == 7


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("class Smallest(:\n", "smallest.py cannot be read: smallest.py, line 1: invalid syntax"),
        ("name = 'Smallest'\n", 'smallest.py has no exchange: give a class name = "…", as text'),
        ("\0", "smallest.py cannot be read: "),
    ],
)
def test_a_file_that_cannot_be_read_is_told_at_the_start(folder: Path, text: str, problem: str) -> None:
    write(folder, text)
    [told] = open_registry(folder).problems
    assert told.startswith(problem)


def test_a_file_that_cannot_be_read_is_told_by_its_route(folder: Path) -> None:
    write(folder, "class Smallest(:\n")
    with pytest.raises(Unsupported, match=r"smallest\.py, line 1: invalid syntax"):
        open_registry(folder).find("smallest")


@pytest.mark.parametrize("mode", [0o620, 0o602, 0o666])
def test_what_others_can_write_is_not_used(folder: Path, mode: int) -> None:
    path = write(folder)
    path.chmod(mode)
    registry = open_registry(folder)
    assert registry.problems == [
        f"{path} is not used: others can write it, and an adapter sees keys: chmod go-w {path}"
    ]
    path.chmod(0o600)
    folder.chmod(mode | 0o100)
    registry = open_registry(folder)
    assert registry.problems == [
        f"the exchanges in {folder} are not used: others can write it, and an adapter sees keys: chmod go-w {folder}"
    ]
    with pytest.raises(InvalidCall):
        registry.find("Smallest")


def test_what_another_user_owns_is_not_used(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(folder)
    owner = path.stat().st_uid
    monkeypatch.setattr("exchanges.registry._ROOT", owner + 2)
    monkeypatch.setattr("os.geteuid", lambda: owner + 1)
    [problem] = open_registry(folder).problems
    assert problem == (
        f"the exchanges in {folder} are not used: it belongs to another user; an adapter sees keys: "
        f"chown {owner + 1} {folder}"
    )


@pytest.mark.parametrize("name", ["Kraken", "KRAKEN", "paper"])
def test_a_name_that_is_taken_is_refused(folder: Path, name: str) -> None:
    write(folder, SMALLEST.replace('"Smallest"', f'"{name}"'))
    registry = open_registry(folder)
    assert registry.problems == [
        f"{name}, in smallest.py, is not used: the name belongs to the one that is built in; give it another"
    ]
    assert registry.find(name) is EXCHANGES[name.lower()]


def test_of_two_files_with_one_name_the_first_is_used(folder: Path) -> None:
    write(folder)
    write(folder, name="zmallest.py")
    registry = open_registry(folder)
    assert registry.problems == [
        "Smallest, in zmallest.py, is not used: the name belongs to the one that is in smallest.py; give it another"
    ]
    assert registry.find("smallest").__module__ == "fmz_gateway_exchange_smallest"


@pytest.mark.parametrize("name", ["State", "limits", "exchange"])
def test_a_name_that_means_something_else_is_refused(folder: Path, name: str) -> None:
    write(folder, SMALLEST.replace('"Smallest"', f'"{name}"'))
    assert open_registry(folder).problems == [f"{name}, in smallest.py, is not used: the name is the gateway's own"]


def test_a_file_may_have_two_exchanges_and_one_beneath_both(folder: Path) -> None:
    beneath = SMALLEST.replace("class Smallest", "class _Api").replace('name, url = "Smallest", ', "url = ")
    both = (
        '\n\nclass Spot(_Api):\n    name = "Smallest"\n\n\nclass Swap(FuturesExchange, _Api):\n    name = "Futures_S"\n'
    )
    write(folder, beneath + both + '    contracts = frozenset({"swap"})\n    max_leverage = 5\n')
    registry = open_registry(folder)
    assert [registry.find(name).name for name in ("Smallest", "Futures_S")] == ["Smallest", "Futures_S"]


def test_a_name_like_another_is_suggested(folder: Path) -> None:
    write(folder)
    with pytest.raises(InvalidCall, match=r"no exchange of that name, perhaps Smallest; there are paper, "):
        open_registry(folder).find("smalest")


def test_a_folder_that_does_not_exist_is_an_empty_one(tmp_path: Path) -> None:
    registry = open_registry(tmp_path / "nothing")
    assert (registry.problems, registry.names) == ([], open_registry().names)


# Declarations that are checked when a class is loaded ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "instead", "wrong"),
    [
        ("api = 1", "", "line 6: api is missing, and this gateway has api 1: write api = 1"),
        ("api = 1", "api = 2", "line 7: api is 2, and this gateway has api 1: write api = 1"),
        ("api = 1", "api = 1; periods = {'1m': 1}", "periods has ('1m', 1): write minutes and a word, as "),
        ("api = 1", "api = 1; periods = {0: '1m'}", "periods has (0, '1m'): write minutes and a word, as "),
        ("api = 1", "api = 1\n    statuses = {'new': 'open'}", "line 8: statuses has ('new', 'open'): write a word"),
        ("api = 1", "api = 1; sides = {'b': 'buy'}", "sides has ('b', 'buy'): write a word and a Side"),
        ("api = 1", "api = 1; refusals = {1: OrderNotFound}", "refusals has (1, <class "),
        ("api = 1", "api = 1; refusals = {'1': KeyError}", "refusals has ('1', <class 'KeyError'>): write codes"),
        ("api = 1", "api = 1; limits = (Limit('calls', 9, 9.0, costs={'orders': 1}),)",
         "limits has Limit("),
        ("api = 1", "api = 1; limits = ('10 a second',)", "limits has '10 a second': write Limit(…) with costs"),
        ("api = 1", "api = 1; cancels = ('orders',)", "cancels has 'orders': write calls, as"),
        ("api = 1", "api = 1; signer = 'md5'", "signer is 'md5': write a class made from Signer"),
        ("api = 1", "api = 1; client_id = 32", "client_id is 32: write ClientId(length, characters)"),
        ("https://smallest.test", "http://smallest.test", 'line 8: url is \'http://smallest.test\': write scheme and'),
        ("https://smallest.test", "https://x.test/v1", "line 8: url is 'https://x.test/v1': write scheme and host"),
        ("api = 1", "api = 1; hosts = {'Public': 'https://x.test'}", "hosts has ('Public', 'https://x.test'): write a"),
        ("api = 1", "api = 1; hosts = {'data': 'https://x.test/v1'}", "hosts has ('data', 'https://x.test/v1'):"),
        ("api = 1", "api = 1; hosts = {'data': 'http://x.test'}", "hosts has ('data', 'http://x.test'): write a"),
        ("api = 1", "api = 1; testnet_hosts = {'a': 'https://x.test'}", "testnet_hosts has a, which hosts has not"),
        ("(Exchange)", "(FuturesExchange)", 'line 6: contracts is missing: write contracts = frozenset({"swap"})'),
        ("(Exchange)", "", "Smallest is no class that is made from Exchange or FuturesExchange of exchanges.base"),
    ],
)  # fmt: skip
def test_a_mistake_is_told_with_its_line_and_what_to_write(folder: Path, line: str, instead: str, wrong: str) -> None:
    write(folder, SMALLEST.replace(line, instead, 1))
    with pytest.raises(Unsupported) as refused:
        open_registry(folder).find("Smallest")
    assert wrong in refused.value.message
    assert refused.value.message.startswith("Smallest, in smallest.py, cannot be loaded: ")


def test_what_is_built_in_passes_the_same_check() -> None:
    from exchanges.checks import _mistakes

    for exchange in EXCHANGES.values():
        mistakes = [wrong for attribute, wrong in _mistakes(exchange, exchange.name) if attribute != "api"]
        assert mistakes == [] if exchange.url else ["url is '': write scheme and host, as \"https://api.x.com\""]


# Packages ------------------------------------------------------------------------------------------------------------


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], None]:
    """Return a function that installs a package with one module and one entry point."""

    def install(module: str, entry: str) -> None:
        site = tmp_path / "site"
        about = site / "fmz_smallest-1.2.dist-info"
        about.mkdir(parents=True)
        (about / "METADATA").write_text("Metadata-Version: 2.1\nName: fmz-smallest\nVersion: 1.2\n")
        (about / "entry_points.txt").write_text(f"[fmz_gateway.exchanges]\n{entry}\n")
        (site / "fmz_smallest.py").write_text(module)
        monkeypatch.syspath_prepend(str(site))
        monkeypatch.delitem(__import__("sys").modules, "fmz_smallest", raising=False)

    return install


def test_a_package_brings_an_exchange(install: Callable[[str, str], None], lent: Lent) -> None:
    install(SMALLEST, "Smallest = fmz_smallest:Smallest")
    registry = open_registry()
    assert registry.origin("Smallest") == "in package fmz-smallest 1.2"
    assert ask(client_of(lent.app(Settings(registry=registry))), "Smallest")["data"]["vol"] == 7
    assert "Smallest" not in open_registry(plugins=False).names


@pytest.mark.parametrize(
    ("entry", "why"),
    [
        ("Smallest = fmz_smallest:Other", "AttributeError: module 'fmz_smallest' has no attribute 'Other'"),
        ("Other = fmz_smallest:Smallest", "name is 'Smallest': write letters, digits and _, at most 40, the same"),
        ("Smallest = fmz_nothing:Smallest", "ModuleNotFoundError: No module named 'fmz_nothing'"),
    ],
)  # fmt: skip
def test_a_package_that_cannot_be_loaded_says_why(install: Callable[[str, str], None], entry: str, why: str) -> None:
    install(SMALLEST, entry)
    with pytest.raises(Unsupported, match=r"in package fmz-smallest 1\.2, cannot be loaded: ") as refused:
        open_registry().find(entry.partition(" ")[0])
    assert why in refused.value.message


def test_a_package_comes_before_a_file(install: Callable[[str, str], None], folder: Path) -> None:
    install(SMALLEST, "Smallest = fmz_smallest:Smallest")
    write(folder)
    registry = open_registry(folder)
    assert registry.find("Smallest").__module__ == "fmz_smallest"
    assert len(registry.problems) == 1


# Settings -------------------------------------------------------------------------------------------------------------


@pytest.fixture
def load(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, folder: Path) -> Callable[..., Settings]:
    """Return a function that loads settings beside a folder with one exchange."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("EXCHANGES_DIR", str(folder))

    def load(text: str = SMALLEST, **settings: str) -> Settings:
        write(folder, text)
        for name, value in settings.items():
            monkeypatch.setenv(name, value)
        return Settings.load()

    return load


def test_an_exchange_of_ones_own_has_the_settings_of_all(load: Callable[..., Settings]) -> None:
    settings = load(DEFAULT_EXCHANGE="smallest", SMALLEST_URL="https://other.test", SMALLEST_PROXY="http://p.test:1")
    assert settings.default_exchange == "Smallest"
    assert settings.urls == {"Smallest": "https://other.test"}
    assert settings.proxies == {"Smallest": "http://p.test:1"}


def test_only_the_exchanges_that_are_named_may_be_called(load: Callable[..., Settings], lent: Lent) -> None:
    settings = load(EXCHANGES="smallest, PAPER")
    assert settings.registry.names == ["paper", "Smallest"]
    client = client_of(lent.app(settings))
    assert ask(client, "Kraken")["error"].startswith("INVALID_CALL no exchange of that name; there are paper, Smallest")
    assert ask(client, "paper")["data"]


@pytest.mark.parametrize(
    ("settings", "wrong"),
    [
        ({"EXCHANGES": "Krakn"}, "EXCHANGES is wrong: INVALID_CALL no exchange of that name, perhaps Kraken; there"),
        ({"SMALLEST_TESTNET": "1"}, "SMALLEST_TESTNET is wrong: Smallest has no testnet"),
        ({"text": SMALLEST.replace("api = 1", "api = 3"), "SMALLEST_TESTNET": "1"}, "SMALLEST_TESTNET is wrong: "),
        ({"PLUGINS": "0", "DEFAULT_EXCHANGE": "Smallest"}, "DEFAULT_EXCHANGE is wrong: "),
        ({"EXCHANGES_DIR": "/nowhere"}, "EXCHANGES_DIR is wrong: there is no such directory"),
    ],
)
def test_a_wrong_setting_is_one_sentence(load: Callable[..., Settings], settings: dict[str, str], wrong: str) -> None:
    with pytest.raises(WrongSetting) as refused:
        load(**settings)
    assert str(refused.value).startswith(wrong)


def test_a_gateway_without_settings_has_what_is_built_in() -> None:
    assert isinstance(Settings().registry, Registry)
    assert [name.lower() for name in Settings().registry.names] == list(EXCHANGES)
