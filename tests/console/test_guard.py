"""The guard of the console: who may see it, and what a page of another site cannot do with it."""

import logging
from ipaddress import ip_network

import pytest
from flask.testing import FlaskClient
from itsdangerous import TimestampSigner
from sqlalchemy import Engine, inspect, text

from exchanges.registry import Registry, Source
from orders.journal import Journal
from tests.app.probe import Probe
from tests.conftest import Clock
from tests.console.conftest import ORIGIN, TOKEN, Serve, call, csrf_of, sign_in
from tests.lent import Lent
from tests.servers import renamed

PAGES = ["/", "/console/market", "/console/account", "/console/calls", "/console/exchange/paper"]
TICKER = {"method": "ticker", "params": {"symbol": "BTC_USDT"}}
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; "
    "form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)


@pytest.mark.parametrize(
    "path", [*PAGES, "/console/static/console.css", "/console/static/market.js", "/console/static/own.js"]
)
def test_every_answer_has_the_headers(browser: FlaskClient, path: str) -> None:
    headers = browser.get(path).headers
    assert headers["Content-Security-Policy"] == POLICY
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert ("no-store" in headers.get("Cache-Control", "")) is ("static" not in path)


@pytest.mark.parametrize("path", PAGES)
def test_a_page_has_nothing_inline(browser: FlaskClient, path: str) -> None:
    page = browser.get(path).text
    assert page.count("<script") == page.count('<script type="module" src="/console/static/')
    assert "<style" not in page
    assert " style=" not in page
    assert " on" + "click" not in page
    assert (
        "https://" not in page.replace("https://www.tradingview.com/", "").partition("</main>")[0].partition("<dl")[0]
    )


def test_the_cookie_is_strict_and_does_not_hold_the_token(serve: Serve) -> None:
    browser = serve(token=TOKEN)
    [cookie] = sign_in(browser).headers.getlist("Set-Cookie")
    assert cookie.startswith("fmz_gateway_6666=")
    assert {"HttpOnly", "SameSite=Strict", "Path=/"} <= {part.strip() for part in cookie.split(";")}
    assert "Expires=" in cookie
    assert TOKEN not in cookie


def test_behind_tls_the_cookie_is_secure(browser: FlaskClient) -> None:
    assert "Secure" in browser.get("/", base_url="https://localhost").headers["Set-Cookie"]
    assert "Secure" not in browser.get("/").headers.get("Set-Cookie", "")


@pytest.mark.parametrize("path", PAGES)
def test_without_the_token_no_page_is_shown(serve: Serve, path: str) -> None:
    answer = serve(token=TOKEN).get(path)
    assert (answer.status_code, answer.location) == (303, "/console/sign-in")


def test_the_form_tells_a_stranger_no_exchange(serve: Serve) -> None:
    page = serve(token=TOKEN).get("/console/sign-in").text
    assert "REAL MONEY" in page
    assert "Binance" not in page


def test_the_token_is_asked_for_once(serve: Serve) -> None:
    browser = serve(token=TOKEN)
    assert "not the gateway's token" in sign_in(browser, "b" * 20).text
    assert browser.get("/").status_code == 303
    assert sign_in(browser).location == "/"
    assert browser.get("/").status_code == 200
    assert "data" in call(browser, "paper", TICKER).get_json()


@pytest.mark.parametrize("token", ["", "ä" * 16, TOKEN[:-1]])
def test_another_token_is_refused(serve: Serve, token: str) -> None:
    browser = serve(token=TOKEN)
    sign_in(browser, token)
    assert browser.get("/").status_code == 303


def test_tries_are_few_a_minute_for_one_address(serve: Serve, clock: Clock) -> None:
    browser = serve(token=TOKEN)
    for _ in range(5):
        assert "not the gateway's token" in sign_in(browser, "b" * 20).text
    answer = sign_in(browser)
    assert (answer.status_code, "Wait a minute, and try again." in answer.text) == (429, True)
    assert browser.get("/").status_code == 303, "the right token was not looked at either"
    browser.environ_base["REMOTE_ADDR"] = "10.0.0.8"
    assert sign_in(browser, "b" * 20).status_code == 200, "another address has tries of its own"
    browser.environ_base["REMOTE_ADDR"] = "127.0.0.1"
    clock.ms += 60_000
    assert sign_in(browser).location == "/"


def test_addresses_of_one_home_share_their_tries(serve: Serve) -> None:
    browser = serve(token=TOKEN)
    statuses = []
    for i in range(6):
        browser.environ_base["REMOTE_ADDR"] = f"2001:db8::{i + 1}"
        statuses.append(sign_in(browser, "b" * 20).status_code)
    assert statuses == [200] * 5 + [429]


def test_without_its_counters_the_console_can_be_signed_in_to(serve: Serve, lent: Lent) -> None:
    browser = serve(token=TOKEN)
    with renamed(lent.state, "limits"):
        assert sign_in(browser).location == "/"


def test_signing_in_begins_another_session(serve: Serve) -> None:
    browser = serve(token=TOKEN)
    before = csrf_of(browser)
    sign_in(browser)
    assert csrf_of(browser) != before


def test_signing_out_ends_the_session(serve: Serve) -> None:
    browser = serve(token=TOKEN)
    sign_in(browser)
    browser.post("/console/sign-out", data={"csrf": csrf_of(browser)}, headers={"Origin": ORIGIN})
    assert browser.get("/").status_code == 303


def test_a_session_ends_after_twelve_hours(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    browser = serve(token=TOKEN)
    now = [1_700_000_000]
    monkeypatch.setattr(TimestampSigner, "get_timestamp", lambda _: now[0])
    sign_in(browser)
    now[0] += 12 * 3600
    assert browser.get("/").status_code == 200
    now[0] += 1
    assert browser.get("/").status_code == 303


def test_a_cookie_of_another_start_is_worth_nothing(serve: Serve) -> None:
    first, second = serve(token=TOKEN), serve(token=TOKEN)
    sign_in(first)
    cookie = first.get_cookie("fmz_gateway_6666")
    assert cookie
    second.set_cookie("fmz_gateway_6666", cookie.value)
    assert second.get("/").status_code == 303


CHANGES = {
    "no CSRF token": {"X_CSRF_Token": ""},
    "another CSRF token": {"X_CSRF_Token": "x" * 43},
    "a CSRF token of other letters": {"X_CSRF_Token": "ä"},
    "no origin": {"Origin": ""},
    "another origin": {"Origin": "http://evil.example"},
    "another port": {"Origin": "http://localhost:81"},
    "an opaque origin": {"Origin": "null"},
    "another site": {"Sec_Fetch_Site": "cross-site"},
}


@pytest.mark.parametrize("headers", CHANGES.values(), ids=CHANGES)
def test_a_call_needs_the_page(browser: FlaskClient, probe: type[Probe], headers: dict[str, str]) -> None:
    answer = call(browser, "probe", {"method": "accounts", "params": {}}, **headers)
    assert answer.status_code == 403
    assert answer.get_json()["error"].startswith("ACCESS_DENIED ")


def test_a_call_of_a_closed_session_is_refused_in_json(serve: Serve) -> None:
    browser = serve(token=TOKEN)
    answer = call(browser, "paper", TICKER)
    assert answer.status_code == 403
    assert answer.get_json()["error"].endswith("the console's session is over; open the page again and give the token")


def test_the_token_in_an_address_opens_no_page(serve: Serve) -> None:
    assert serve(token=TOKEN).get("/", query_string={"token": TOKEN}).status_code == 303


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", ""])
def test_another_host_is_refused(browser: FlaskClient, host: str) -> None:
    assert browser.get("/", headers={"Host": host}).status_code == 403


def test_a_page_of_another_site_is_refused(browser: FlaskClient) -> None:
    answer = browser.get("/", headers={"Origin": "http://evil.example"})
    assert answer.status_code == 403
    assert "open the console by its own address" in answer.text
    assert "Binance" not in answer.text


STRANGERS = {
    "another machine": {"REMOTE_ADDR": "10.0.0.7"},
    "a socket without an address": {"REMOTE_ADDR": ""},
    "a proxy": {"HTTP_X_FORWARDED_FOR": "10.0.0.7"},
    "a proxy by the standard": {"HTTP_FORWARDED": "for=10.0.0.7"},
}


@pytest.mark.parametrize("environ", STRANGERS.values(), ids=STRANGERS)
def test_without_a_setting_it_is_for_this_machine_only(serve: Serve, environ: dict[str, str]) -> None:
    assert serve().get("/", environ_overrides=environ).status_code == 403
    assert serve().get("/console/static/console.css", environ_overrides=environ).status_code == 403
    assert serve(token=TOKEN).get("/", environ_overrides=environ).status_code == 303


def test_allowed_clients_see_it(serve: Serve) -> None:
    browser = serve(allowed_clients=(ip_network("10.0.0.0/8"),))
    assert browser.get("/", environ_overrides={"REMOTE_ADDR": "10.0.0.7"}).status_code == 200
    assert browser.get("/", environ_overrides={"REMOTE_ADDR": "11.0.0.7"}).status_code == 403


def test_it_can_be_left_out(serve: Serve) -> None:
    off = serve(console=False)
    assert off.get("/").status_code == 405
    assert off.get("/").get_json()["error"].startswith("INVALID_CALL HTTP 405")
    for path in ("/console/market", "/console/static/console.css"):
        assert off.get(path).status_code == 404
    assert off.post("/console/call/paper", json=TICKER).status_code == 404


@pytest.mark.parametrize("verb", ["PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "NONSENSE"])
def test_another_verb_is_405_in_json(browser: FlaskClient, verb: str) -> None:
    for path in ("/", "/console/market", "/console/call/paper"):
        answer = browser.open(path, method=verb)
        assert (answer.status_code, answer.mimetype) == (405, "application/json"), path


def test_fmzs_own_route_is_as_before(browser: FlaskClient) -> None:
    csrf = csrf_of(browser)
    answer = browser.post("/paper", json=TICKER, headers={"Origin": ORIGIN, "X-CSRF-Token": csrf})
    assert answer.status_code == 403
    assert "requests from web pages are refused" in answer.get_json()["error"]
    assert browser.get("/paper").status_code == 405
    fmz = browser.post("/paper", json=TICKER)
    assert "data" in fmz.get_json()
    assert not {"Content-Security-Policy", "Console-Trace", "Set-Cookie"} & {*fmz.headers.keys()}


def test_no_exchange_can_be_called_console() -> None:
    registry = Registry({}, [Source("Console", "in console.py", lambda: Probe)])
    assert registry.names == []
    assert registry.problems == ["Console, in console.py, is not used: the name is the gateway's own"]


def test_keys_are_kept_nowhere(
    browser: FlaskClient,
    state: Engine,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    keys = {"access_key": "QQkeyQQkeyQQkey", "secret_key": "WWsecretWWsecretWW"}
    order = {"symbol": "BTC_USDT", "type": "buy", "price": "10000", "amount": "0.01"}
    answer = call(browser, "paper", {**keys, "nonce": 7, "method": "trade", "params": order})
    assert "data" in answer.get_json()
    assert Journal(state, lambda: 0).list_orders(everything=True), "the order is in the journal"
    dumped = [browser.get(path).text for path in PAGES] + [caplog.text, answer.text, str(answer.headers)]
    with state.connect() as connection:
        for table in inspect(state).get_table_names():
            dumped.append(str(connection.execute(text(f"SELECT * FROM {table}")).all()))
    for key in keys.values():
        assert not any(key in one for one in dumped)
