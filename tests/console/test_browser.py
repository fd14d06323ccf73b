"""The console in a real browser: what a trader does, at two widths, in three languages, and without a violation of its
policy or of accessibility."""

import gzip
import json
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, Route, ViewportSize, expect, sync_playwright

from console.language import LANGUAGES, TAGS
from tests.programs import program
from tests.service import running

pytestmark = pytest.mark.long

FLAGS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
]  # fmt: skip
AXE = (Path(__file__).parent / "vendor" / "axe-core-4.14.1.min.js").read_text()
WIDTHS = {"phone": (390, 844), "desktop": (1440, 900)}
VIOLATIONS = """() => axe.run({resultTypes: ["violations"]})
    .then((found) => found.violations.map((one) => one.id + " " + one.nodes[0].html))"""
CALLS = "**/console/call/**"
PATHS = ("/", *(f"/console/{name}" for name in ("market", "account", "orders", "calls", "health")))
MOST = 300_000  # bytes of a page, compressed
WRONG = ("error", "warning", "assert")
"""The kinds of messages about a fault. An "info" is about none: that a key was pressed before `autofocus` had its
turn, for one."""

ONE_WIDTH = pytest.mark.parametrize("page", ["desktop"], indirect=True)
"""For what is the same at every width."""


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Return the address of a service, as it is started for real."""
    with running(tmp_path_factory.mktemp("console"), {"EXCHANGES": "paper,Futures_paper,OKX"}) as service:
        yield f"http://127.0.0.1:{service.port}"


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program("chromium"), args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture(params=WIDTHS)
def page(chromium: Browser, address: str, request: pytest.FixtureRequest) -> Iterator[Page]:
    """Return a page at one width. Fails where the browser has complained of anything."""
    yield from opened(chromium, address, request.param, "en")


def opened(chromium: Browser, address: str, width: str, language: str) -> Iterator[Page]:
    size = ViewportSize(width=WIDTHS[width][0], height=WIDTHS[width][1])
    scheme: Any = "dark" if width == "phone" else "light"
    context = chromium.new_context(base_url=address, viewport=size, color_scheme=scheme, locale=TAGS[language])
    context.set_default_timeout(10_000)
    page = context.new_page()
    complaints: list[str] = []

    def listen(message: ConsoleMessage) -> None:
        if message.type in WRONG:
            complaints.append(f"{message.type}: {message.text}")

    page.on("console", listen)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    yield page
    context.close()
    lost = [one for one in complaints if "net::ERR_FAILED" in one]  # by the tests themselves
    assert complaints == lost, "a violation of the policy is one too"


def fill(page: Page, **values: str) -> None:
    for name, value in values.items():
        page.locator(f"fieldset:not([hidden]) [data-name={name}]").evaluate(
            "(element, value) => { element.value = value }", value
        )


def reply(page: Page) -> Any:
    """Send what the form has; return the reply as the page shows it."""
    page.click("#send")
    expect(page.locator("#send")).to_be_enabled()
    return json.loads(page.inner_text("#reply"))


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_page_can_be_read_by_everyone(chromium: Browser, address: str, language: str) -> None:
    for page in opened(chromium, address, "phone", language):
        page.context.add_init_script(AXE)
        for path in PATHS:
            page.goto(path)
            if path == "/console/market":
                page.wait_for_selector("[data-panel=trades][data-state=ready]")
            assert page.evaluate("document.documentElement.lang") == TAGS[language]
            for width, height in WIDTHS.values():
                page.set_viewport_size(ViewportSize(width=width, height=height))
                assert page.evaluate(VIOLATIONS) == [], (path, width)
                assert page.evaluate("document.documentElement.scrollWidth") <= width, "it scrolls sideways"
            page.emulate_media(color_scheme="light" if path == "/console/market" else "dark")


def test_an_order_and_its_traces(page: Page) -> None:
    page.goto("/")
    page.select_option("#operation", "trade")
    fill(page, price="10000", amount="0.01")
    page.fill("#access", "QQkeyQQkeyQQkey")
    page.fill("#secret", "WWsecretWWsecretWW")
    assert "id" in reply(page)["data"]
    asked = page.inner_text("#asked")
    assert '"access_key": "…"' in asked
    texts = {"curl": "curl -s 'http://", "javascript": "exchange.CreateOrder(", "python": "urllib.request"}
    for form, text in texts.items():
        page.click(f"[data-copy={form}]")
        expect(page.locator("#snippet")).to_contain_text(text)
        expect(page.locator("#copied")).not_to_be_empty()
    kept = page.evaluate("JSON.stringify([{...localStorage}, {...sessionStorage}, location.href, document.cookie])")
    for key in ("QQkey", "WWsecret"):
        assert key not in kept
        assert key not in page.content()
    page.goto("/console/orders")
    expect(page.locator("section:has(#latest-title)")).to_contain_text("BTC_USDT")
    assert page.locator("section:has(#latest-title) [data-money=simulated]").count()


def test_a_strategy_by_hand_on_futures(page: Page) -> None:
    page.goto("/?exchange=Futures_paper")
    page.select_option("#operation", "io 0")
    fill(page, leverage="7")
    assert reply(page) == {"data": True}
    assert '"args": [\n      "7"\n    ]' in page.inner_text("#asked")
    page.select_option("#operation", "positions")
    assert reply(page)["data"] == []
    page.select_option("#operation", "depth")
    fill(page, symbol="NOPE_USDT.swap")
    assert reply(page)["error"].startswith("INVALID_CALL")
    expect(page.locator("#status")).to_have_text("Refused. The reply says why, and what to do.")


def test_real_money_asks_before_it_moves(page: Page) -> None:
    calls: list[str] = []
    page.on("request", lambda request: calls.append(request.url) if "/console/call/" in request.url else None)
    page.goto("/")
    expect(page.locator("#money")).to_contain_text("SIMULATED")
    page.select_option("#exchange", "OKX")
    expect(page.locator("#money [data-of=real]")).to_be_visible()
    expect(page.locator("#money [data-of=simulated]")).to_be_hidden()
    expect(page.locator("#about")).to_contain_text("passphrase")
    page.select_option("#operation", "trade")
    fill(page, price="10000", amount="0.01")
    page.click("#send")
    expect(page.locator("#sure")).to_contain_text("REAL MONEY")
    page.keyboard.press("Enter")  # the answer that has the focus is no
    expect(page.locator("#sure")).to_be_hidden()
    assert calls == []


def test_without_an_answer_the_same_order_is_sent_again(page: Page) -> None:
    page.goto("/")
    page.select_option("#operation", "trade")
    fill(page, price="10000", amount="0.02")
    nonces: list[int] = []

    def lose(route: Route) -> None:
        nonces.append(json.loads(route.request.post_data or "")["nonce"])
        route.abort()

    page.route(CALLS, lose)
    for _ in range(2):
        page.click("#send")
        expect(page.locator("#send")).to_be_enabled()
        expect(page.locator("#status")).to_contain_text("an order is not doubled by that")
    page.unroute(CALLS)
    reply(page)
    assert json.loads(page.inner_text("#asked").partition("\n\n")[2])["nonce"] == nonces[0] == nonces[1]


def test_the_market_is_live_while_it_is_seen(page: Page) -> None:
    calls: list[str] = []
    page.on("request", lambda request: calls.append(request.url) if "/console/call/" in request.url else None)
    page.clock.install()
    page.goto("/console/market")
    for panel in ("ticker", "records", "depth", "trades"):
        page.wait_for_selector(f"[data-panel={panel}][data-state=ready]")
    assert page.locator("#asks tr").count() == 12
    assert page.locator("#chart canvas").count()
    assert "300" in (page.get_attribute("#chart", "aria-label") or "")
    page.evaluate("Object.defineProperty(document, 'hidden', {value: true, configurable: true})")
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    expect(page.locator("#status")).to_have_text("Stopped while the tab is hidden.")
    before = len(calls)
    page.clock.fast_forward(60_000)
    assert len(calls) == before
    page.evaluate("delete document.hidden; document.dispatchEvent(new Event('visibilitychange'))")
    expect(page.locator("#status")).to_contain_text("Live")
    with page.expect_request(CALLS):
        page.clock.fast_forward(3_000)
    page.fill("#symbol", "NOPE_USDT")
    page.keyboard.press("Enter")
    expect(page.locator("[data-panel=depth] .state")).to_contain_text("INVALID_CALL")
    page.click("#pause")
    expect(page.locator("#status")).to_contain_text("Paused")


def test_a_market_without_trades_or_answer_says_so(page: Page) -> None:
    def answer(route: Route) -> None:
        is_list = "trades" in (route.request.post_data or "")
        route.fulfill(json={"data": [] if is_list else {"asks": [], "bids": []}})

    page.route(CALLS, answer)
    page.goto("/console/market")
    for panel in ("trades", "depth"):
        expect(page.locator(f"[data-panel={panel}] .state")).to_contain_text("Choose another symbol.")
    page.route(CALLS, lambda route: route.abort())
    page.click("#form button:not([type])")
    expect(page.locator("#status")).to_contain_text("The gateway does not answer.")


def place(page: Page, exchange: str, keys: str, **params: str) -> None:
    """Place an order as the playground does."""
    page.goto(f"/?exchange={exchange}")
    page.select_option("#operation", "trade")
    fill(page, **params)
    page.fill("#access", keys)
    page.fill("#secret", keys)
    assert "data" in reply(page)


def test_an_account_is_shown_and_an_order_cancelled(page: Page) -> None:
    keys = f"QQaccount{page.viewport_size}"  # each width has an account of its own
    place(page, "paper", keys, price="10000.5", amount="0.01")
    page.add_init_script(AXE)
    page.goto("/console/account")
    for panel in ("balances", "orders"):
        expect(page.locator(f"[data-panel={panel}] .state")).to_have_text("Give the keys and press Show.")
    expect(page.locator("[data-panel=positions]")).to_be_hidden()
    page.fill("#access", keys)
    page.fill("#secret", keys)
    page.click("#show")
    row = page.locator("#balances tr", has_text="USDT").locator("td")
    expect(row).to_have_count(4)
    free, frozen, equity = (Decimal(text) for text in row.all_inner_texts()[1:])
    assert frozen > 100
    assert free + frozen == equity
    expect(page.locator("#orders tr")).to_have_count(1)
    expect(page.locator("#orders tr")).to_contain_text("10000.5")
    page.click("#orders button")
    expect(page.locator("#sure")).to_contain_text("SIMULATED")
    assert page.evaluate(VIOLATIONS) == []
    page.keyboard.press("Enter")  # the answer that has the focus keeps it
    expect(page.locator("#sure")).to_be_hidden()
    expect(page.locator("#orders tr")).to_have_count(1)
    assert page.evaluate(VIOLATIONS) == []
    page.click("#orders button")
    page.click("#sure .danger")
    expect(page.locator("#status")).to_contain_text("is cancelled.")
    expect(page.locator("[data-panel=orders] .state")).to_contain_text("No order of this market is open.")
    assert keys not in page.evaluate("JSON.stringify([{...localStorage}, {...sessionStorage}, location.href])")
    page.select_option("#exchange", "OKX")
    expect(page.locator("#access")).to_have_value("")
    expect(page.locator("#balances tr")).to_have_count(0)


@ONE_WIDTH
def test_an_account_tells_what_is_wrong_and_what_to_do(page: Page) -> None:
    page.goto("/console/account?exchange=Futures_paper")
    page.fill("#symbol", "NOPE_USDT.swap")
    page.click("#show")
    expect(page.locator("[data-panel=orders] .state")).to_contain_text("INVALID_CALL")
    waiting: list[Route] = []
    page.route(CALLS, lambda route: waiting.append(route))  # playwright takes no method of a list
    page.click("#show")
    expect(page.locator("[data-panel=balances] .state")).to_have_text("Loading …")
    while len(waiting) < 3:
        page.wait_for_timeout(10)  # in which the browser is heard
    for route in waiting:
        route.abort()
    expect(page.locator("[data-panel=balances] .state")).to_contain_text("press Show again")


@ONE_WIDTH
def test_a_position_is_shown(page: Page) -> None:
    keys = f"QQposition{page.viewport_size}"
    place(page, "Futures_paper", keys, price="-1", amount="3")
    page.goto("/console/account?exchange=Futures_paper")
    page.fill("#access", keys)
    page.fill("#secret", keys)
    page.click("#show")
    expect(page.locator("#positions tr")).to_have_count(1)
    expect(page.locator("#positions tr")).to_contain_text("long")


@ONE_WIDTH
def test_money_is_added_to_the_digit(page: Page) -> None:
    page.goto("/console/account")
    found = page.evaluate("""async () => {
        const { exactly, sum } = await import("/console/static/numbers.js");
        const { data } = exactly('{"data": [12345678901234567.89, 0.10000000000000000001, -1e-3]}');
        return [data[0], sum(data[0], data[1]), sum("-0.3", "0.1"), sum("1", data[2]), sum("0.5", "0.5")];
    }""")
    assert found == ["12345678901234567.89", "12345678901234567.99000000000000000001", "-0.2", "", "1"]


def test_an_accounts_orders_are_marked_in_the_chart(page: Page) -> None:
    keys = f"QQmarks{page.viewport_size}"
    page.add_init_script(AXE)
    place(page, "paper", keys, price="10000.5", amount="0.01")
    page.goto("/console/market")
    page.wait_for_selector("[data-panel=records][data-state=ready]")
    page.click("[data-panel=own] summary")
    page.fill("#access", keys)
    page.fill("#secret", keys)
    page.click("#own-form button:not([type])")
    expect(page.locator("[data-panel=own] .state")).to_have_text("Open orders in the chart: 1.")
    expect(page.locator("#own li")).to_contain_text("buy 0.01 at 10000.5")
    assert page.evaluate(VIOLATIONS) == []
    page.click("#unmark")
    expect(page.locator("#own li")).to_have_count(0)
    expect(page.locator("#access")).to_have_value("")


def test_the_depth_has_a_curve(page: Page) -> None:
    page.goto("/console/market")
    page.wait_for_selector("[data-panel=depth][data-state=ready]")
    for side in ("bids", "asks"):
        assert (page.get_attribute(f"#curve-{side}", "d") or "").count("V") > 5
    assert "wanted" in (page.get_attribute("#curve svg", "aria-label") or "")
    low, middle, high = (float(page.inner_text(f"#curve-{name}")) for name in ("low", "middle", "high"))
    assert low < middle < high


def test_the_last_calls_can_be_searched_and_downloaded(page: Page) -> None:
    page.goto("/?exchange=Futures_paper")
    page.select_option("#operation", "depth")
    fill(page, symbol="NOPE_USDT.swap")
    assert "error" in reply(page)
    page.add_init_script(AXE)
    page.goto("/console/calls")
    assert page.evaluate(VIOLATIONS) == []
    page.select_option("#by-outcome", "failed")
    page.fill("#by-words", "depth futures")
    page.keyboard.press("Enter")
    expect(page.locator("#calls tr").first).to_contain_text("INVALID_CALL")
    expect(page.locator("#calls tr").first.locator("[data-money=simulated]")).to_be_visible()
    with page.expect_download() as file:
        page.click("text=Download as CSV")
    head, *rows = file.value.path().read_text().splitlines()
    assert head == "time (UTC),method,exchange,money,outcome,ms"
    assert rows
    assert all(",depth,Futures_paper,simulated,INVALID_CALL," in row for row in rows)


@ONE_WIDTH
def test_a_call_is_saved_as_a_case(page: Page) -> None:
    page.goto("/")
    page.select_option("#operation", "accounts")
    page.fill("#access", "QQkeyQQkeyQQkey")
    with page.expect_download(timeout=30_000) as file:
        page.click("#case")
    assert file.value.suggested_filename == "accounts.json"
    case = json.loads(file.value.path().read_text())["as asked in the console"]
    assert case["asked"] == {}
    assert case["answered"]["data"]
    expect(page.locator("#copied")).to_contain_text("Saved.")
    page.select_option("#operation", "trade")
    expect(page.locator("#case")).to_be_hidden()


@ONE_WIDTH
def test_an_exchange_object_has_a_contract_of_its_own(page: Page) -> None:
    page.goto("/?exchange=Futures_paper")
    page.select_option("#operation", "io 2")
    fill(page, contract="swap")
    page.fill("#object", "second one")
    assert reply(page) == {"data": True}
    assert "?object=second+one" in page.inner_text("#asked")
    page.select_option("#operation", "ticker")
    fill(page, symbol="BTC_USDT")
    assert "data" in reply(page)
    page.fill("#object", "third")
    assert "no contract is chosen" in reply(page)["error"]


def test_the_keyboard_reaches_everything(page: Page) -> None:
    page.goto("/")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.id") == "exchange"


def test_a_page_is_small() -> None:
    static = Path(__file__).parents[2] / "console" / "static"
    files = [path for path in static.rglob("*") if path.suffix in (".js", ".css")]
    assert sum(len(gzip.compress(path.read_bytes())) for path in files) < MOST / 3
