"""``python -m tests.console.pictures``: take the documents' pictures of the console anew, from a running gateway."""

import json
import tempfile
import urllib.request
from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Page, ViewportSize, sync_playwright

from tests.console.test_browser import FLAGS
from tests.programs import program
from tests.service import ROOT, running

SIZE = ViewportSize(width=1440, height=900)
SCALE = 1100 / 1440  # a page's column shows no more


def playground(page: Page) -> None:
    page.goto("/")
    page.click("#send")
    page.wait_for_function("document.querySelector('#reply').innerText.includes('last')")


def market(page: Page) -> None:
    page.emulate_media(color_scheme="dark")
    page.goto("/console/market")
    for panel in ("ticker", "records", "depth", "trades"):
        page.wait_for_selector(f"[data-panel={panel}][data-state=ready]")


def orders(page: Page) -> None:
    page.goto("/console/orders")


PICTURES: tuple[Callable[[Page], None], ...] = (playground, market, orders)
ORDERS = (("buy", "-1", "100"), ("sell", "-1", "0.001"), ("buy", "20000", "0.01"))
"""Side, price and amount of those that are shown."""


def main() -> None:
    """Write ``docs/console-<page>.png``."""
    with (
        tempfile.TemporaryDirectory() as folder,
        running(Path(folder), {"EXCHANGES": "paper,Futures_paper"}) as service,
        sync_playwright() as playwright,
    ):
        address = f"http://127.0.0.1:{service.port}"
        for nonce, (side, price, amount) in enumerate(ORDERS, 1):
            params = {"symbol": "BTC_USDT", "type": side, "price": price, "amount": amount}
            call = {"access_key": "robot", "secret_key": "secret", "nonce": nonce, "method": "trade", "params": params}
            with urllib.request.urlopen(f"{address}/paper", json.dumps(call).encode(), timeout=10) as reply:
                assert "data" in json.load(reply)
        browser = playwright.chromium.launch(executable_path=program("chromium"), args=FLAGS)
        for picture in PICTURES:
            page = browser.new_page(base_url=address, viewport=SIZE, device_scale_factor=SCALE, locale="en")
            picture(page)
            page.screenshot(path=ROOT / "docs" / f"console-{picture.__name__}.png")
        browser.close()


if __name__ == "__main__":
    main()
