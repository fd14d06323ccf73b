"""The forms of the playground are FMZ's own schemas."""

from flask.testing import FlaskClient
from sqlalchemy import Engine

from console.operations import operations
from exchanges import EXCHANGES
from protocol.methods import METHODS
from settings import Settings
from tests.conftest import client_of
from tests.console.conftest import Serve
from tests.lent import Lent
from transport.http import Http


def test_every_method_has_a_form_of_its_schema() -> None:
    made = {one.name: one for one in operations()}
    assert {name for name in METHODS if name != "io"} <= made.keys()
    assert {"io 0", "io 1", "io 2", "__api_"} <= made.keys()
    assert [(one.name, one.is_required) for one in made["trade"].inputs] == [
        ("symbol", True), ("type", True), ("price", True), ("amount", True),
    ]  # fmt: skip
    assert made["trade"].inputs[1].choices == ("buy", "sell", "closebuy", "closesell")
    assert [one.name for one in made["io 0"].inputs] == ["symbol", "leverage"]
    assert [one.name for one in made["records"].inputs] == ["symbol", "period", "limit"]
    assert [one.name for one in made["order"].inputs] == ["symbol", "id"]


def test_what_may_move_money_says_so() -> None:
    changing = {one.name for one in operations() if one.changes}
    assert changing == {"trade", "modify", "cancel", "io 0", "io 1", "io 2", "__api_"}
    assert not {one.name for one in operations() if one.is_public and one.changes}


def test_the_page_says_which_money_moves(serve: Serve) -> None:
    browser = serve()
    for name, money in {"paper": "simulated", "Futures_paper": "simulated", "okx": "real", "nope": "real"}.items():
        assert f'data-money="{money}"' in browser.get(f"/console/exchange/{name}").text


def test_a_testnet_is_test_money(state: Engine) -> None:
    browser = client_of(Lent(Http(), state, testnets=frozenset({"OKX"})).app(Settings()))
    assert 'data-money="testnet"' in browser.get("/console/exchange/okx").text


def test_every_exchange_can_be_chosen(browser: FlaskClient) -> None:
    page = browser.get("/").text
    for exchange in EXCHANGES.values():
        assert f">{exchange.name}</option>" in page
