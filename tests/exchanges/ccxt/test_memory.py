"""The memory that exchanges of ccxt take, in a process of their own."""

import json
import sys
from pathlib import Path

import pytest

from tests.exchanges.ccxt.conftest import run_apart

pytestmark = pytest.mark.long

MIB = 1024  # KiB, in which Linux counts
SCRIPT = """
import json
import sys
from database import open_state
from settings import Settings
from tests.conftest import client_of
from tests.exchanges.ccxt.fake_whitebit import FakeWhiteBIT
from tests.fakes import KEY, SECRET
from tests.lent import Lent


def resident():
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmRSS:"))


def ask(path, method, key=KEY):
    asked = {"access_key": key, "secret_key": SECRET, "nonce": 0, "method": method}
    return client.post(path, json={**asked, "params": {"symbol": "BTC_USDT"}}).get_json()


with FakeWhiteBIT() as fake:
    urls = dict.fromkeys(("WhiteBIT", "Futures_WhiteBIT"), fake.url)
    client = client_of(Lent(http=None, state=open_state(sys.argv[1]), urls=urls).app(Settings.load()))
    for path in ("/paper", "/Kraken"):
        ask(path, "ticker")
    sizes = [resident()]
    assert "ccxt" not in sys.modules
    assert "data" in ask("/WhiteBIT", "accounts"), "the first one brings the library"
    assert "data" in ask("/WhiteBIT", "ticker")
    sizes.append(resident())
    assert ask("/Futures_WhiteBIT", "markets") == {"data": {}}, "the same id once more; the fake lists no swaps"
    for number in range(10):
        assert "data" in ask("/ccxt/whitebit", "accounts", f"{KEY}-{number}")
    sizes.append(resident())
print(json.dumps([after - before for before, after in zip(sizes, sizes[1:])]))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_the_first_exchange_brings_the_library_and_the_next_next_to_nothing(tmp_path: Path) -> None:
    first, second = json.loads(run_apart(SCRIPT, tmp_path).splitlines()[-1])
    assert 20 * MIB < first <= 130 * MIB, "the library, its one exchange, a few calls"
    assert second <= 2 * MIB
