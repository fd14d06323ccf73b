"""A database of an older release is upgraded when it is opened, and nothing in it is lost."""

import os
import signal
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Engine, MetaData, create_engine, inspect, text

import migrations
from app import open_database
from database import METADATA, VERSION, VERSIONS, WrongDatabase, open_state, read_url
from exchanges.base.futures_settings import FuturesSettings
from migrations.versions import v0002_names_with_units as v0002
from orders.intents import OPEN, Intent, State
from orders.journal import Journal
from orders.resolver import Resolver
from protocol import wire
from protocol.deadline import Deadline
from protocol.errors import ExchangeError, NotSent
from protocol.models import NewOrder, Side, Symbol
from settings import Settings, WrongSetting
from tests.conftest import NOW, Clock, client_of
from tests.lent import Lent
from tests.orders.conftest import BTC, Market, Robot, Shop
from tests.servers import STATE_URL, database
from tests.test_database import at_once
from transport.counters import SqlCounters, Wait
from transport.http import Http
from transport.nonces import Nonces
from transport.signing import Credentials

ROOT = Path(__file__).parents[2]
RENAMED = v0002._NAMES
PAPER = Credentials("fmz-key").account
HIGH = (NOW + 3_600_000) * 1000  # a nonce, an hour ahead of the clock

# A database of 0.1.0 ------------------------------------------------------------------------------------------------


def order(number: int, **changes: Any) -> dict[str, Any]:
    """A row of the journal as 0.1.0 wrote it: an accepted order whose caller was answered."""
    usual = {
        "client_id": f"Shopa{number}",
        "exchange": "Shop",
        "account": "a",
        "request": str(number),
        "symbol": "BTC_USDT",
        "written": "BTC_USDT",
        "side": "buy",
        "price": "100",
        "amount": "1",
        "closes": False,
        "created": NOW - 30_000 + number,
        "until": NOW - 18_000,
        "known": None,
        "state": "accepted",
        "order_id": str(number),
        "answer": f'{{"id": {number}}}',
        "unclear": 0,
        "told": 0,
        "looked": 0,
        "looks": 0,
        "answered": f"Shopa{number}",
    }
    return usual | changes


NOTHING = {"order_id": None, "answer": None, "answered": ""}
ADOPTED_LATER = order(5, answered="Shopa6", told=NOW - 20_000)
ORDERS = [
    order(1),
    order(2, **NOTHING, state="refused") | {"answer": "REFUSED Shop -1 余额不足 \N{PILE OF POO}"},
    order(3, **NOTHING, state="not sent"),
    order(4, **NOTHING, state="absent") | {"answer": "NOT_SENT Shop has no order Shopa4; it is safe to try again"},
    ADOPTED_LATER,
    order(6, order_id="5", answer='{"id": 5}'),
    order(7, **NOTHING, state="unknown", unclear=NOW - 12_000, told=NOW - 11_000, looked=NOW - 9_000, looks=3),
    order(8, **NOTHING, state="sending", side="sell", price=None, amount="0.00000000000000000001"),
    order(9, request=None, order_id='"ABC-é"', answer=None, written="btc_usdt", closes=True),
    order(10, **NOTHING, exchange="OldShop", state="unknown", known='["1", "lost"]', told=NOW - 5_000),
    order(11, account="b", request="1", symbol="BTC_USDT.swap", written="BTC_USDT.swap", until=2**53, created=2**53),
]
ROWS: Mapping[str, Sequence[Mapping[str, Any]]] = {
    "orders": ORDERS,
    "futures_settings": [
        {"exchange": "Shop", "account": "a", "setting": "leverage", "symbol": "", "value": "10"},
        {"exchange": "Shop", "account": "a", "setting": "leverage", "symbol": "BTC_USDT.swap", "value": "20"},
    ],
    "limits": [
        {"name": "https://shop.example", "until": (NOW + 9_000) * 1000},
        {"name": "Shop 各", "until": 2**62},
    ],
    "nonces": [
        {"account": "a", "high": HIGH, "holder": "", "wanted": False},
        {"account": "b", "high": HIGH, "holder": "0123456789abcdef", "wanted": True},
    ],
    "paper_accounts": [
        {"exchange": exchange, "account": PAPER, "seen": NOW - 1_000} for exchange in ("paper", "Futures_paper")
    ],
    "paper_balances": [
        {"account_id": 1, "currency": currency, "free": free}
        for currency, free in [
            ("USDT", "9990"), ("BTC", "1.00000000000000000001"),
            ("DOGE", "0"), ("ETH", "0"), ("LTC", "0"), ("SOL", "0"),
        ]
    ],
    "paper_orders": [
        {
            "account_id": 1, "symbol": "BTC_USDT", "side": "buy", "price": "10", "amount": amount, "closes": False,
            "leverage": 1, "client_id": client_id, "created": NOW - 5_000, "filled": "0", "cost": "0",
            "frozen": frozen, "status": status,
        }
        for amount, client_id, frozen, status in [("1", "mine", "10", "open"), ("2", None, "0", "cancelled")]
    ],
    "paper_positions": [
        {
            "account_id": 2, "symbol": "BTC_USDT.swap", "side": "long", "amount": "3", "cost": "4", "margin": "5",
            "leverage": 6,
        }
    ],
    "paper_fills": [
        {
            "account_id": 1, "order_id": None, "symbol": "BTC_USDT", "time": NOW - 4_000, "side": "sell", "price": "1",
            "amount": "2", "fee": "0.001", "fee_currency": "USDT", "profit": "-3",
        }
    ],
}  # fmt: skip


def plain_engine(url: str) -> Engine:
    """An engine that upgrades nothing."""
    return create_engine(read_url(url))


def run(url: str, *statements: str) -> None:
    engine = plain_engine(url)
    with engine.begin() as connection:
        for statement in statements:
            connection.exec_driver_sql(statement)
    engine.dispose()


def build(url: str, *, without: str = "") -> None:
    """Build what 0.1.0 leaves, without one of its tables."""
    engine = plain_engine(url)
    statements = Path(__file__).with_name(f"0.1.0.{engine.dialect.name}.sql").read_text().split(";\n")
    with engine.begin() as connection:
        for statement in statements:
            if statement.strip() and f" {without} (" not in statement.replace("ON ", ""):
                connection.exec_driver_sql(statement)
        for table, rows in ROWS.items():
            for row in rows if table != without else ():
                names = ", ".join(row)
                values = ", ".join(f":{name}" for name in row)
                connection.execute(text(f"INSERT INTO {table} ({names}) VALUES ({values})"), row)
    engine.dispose()


def content(url: str) -> dict[str, list[dict[str, Any]]]:
    """Every row of every table."""
    engine, tables = plain_engine(url), MetaData()
    tables.reflect(engine)
    with engine.connect() as connection:
        found = {
            table.name: [dict(row) for row in connection.execute(table.select().order_by(*table.columns)).mappings()]
            for table in tables.sorted_tables
        }
    engine.dispose()
    found.pop("sqlite_sequence", None)
    return found


def layout(engine: Engine) -> dict[str, Any]:
    """Everything that the database knows of every table; a column's place in it does not matter."""
    inspector = inspect(engine)

    def by_name(parts: Any) -> list[str]:
        return sorted(str(sorted((key, str(value)) for key, value in part.items())) for part in parts)

    return {
        table: [
            by_name(inspector.get_columns(table)),
            inspector.get_pk_constraint(table),
            by_name(inspector.get_foreign_keys(table)),
            by_name(inspector.get_unique_constraints(table)),
            by_name(inspector.get_indexes(table)),
        ]
        for table in inspector.get_table_names()
    }


@pytest.fixture
def empty_url(tmp_path: Path) -> Iterator[str]:
    """A database without tables."""
    with database(tmp_path, tables=False) as url:
        yield url


@pytest.fixture
def old_url(empty_url: str) -> str:
    """A database of 0.1.0."""
    build(empty_url)
    return empty_url


@pytest.fixture
def upgraded(old_url: str) -> Iterator[Engine]:
    """The same, opened."""
    engine = open_state(old_url)
    yield engine
    engine.dispose()


@pytest.fixture
def journal(upgraded: Engine, clock: Clock) -> Journal:
    return Journal(upgraded, clock)


@pytest.fixture
def market() -> Market:
    return Market()


@pytest.fixture
def robot(market: Market, journal: Journal, clock: Clock) -> Robot:
    return Robot(market, journal, clock)


# What is kept -------------------------------------------------------------------------------------------------------


def test_every_row_is_what_it_was(old_url: str) -> None:
    before = content(old_url)
    assert {table: len(rows) for table, rows in before.items()} == {table: len(rows) for table, rows in ROWS.items()}
    open_state(old_url).dispose()
    after = content(old_url)
    assert after.pop(VERSION.name) == [{"version_num": VERSIONS[-1]}]
    before["orders"] = [{RENAMED.get(name, name): value for name, value in row.items()} for row in before["orders"]]
    assert after == before


def test_the_journal_reads_the_old_orders(journal: Journal) -> None:
    assert {intent.client_id: intent.state.value for intent in journal.list_orders(everything=True)} == {
        row["client_id"]: row["state"] for row in ORDERS
    }
    assert journal.get("Shopa9") == Intent(
        client_id="Shopa9", exchange="Shop", account="a", nonce="", symbol=Symbol("BTC", "USDT", text="btc_usdt"),
        side=Side.BUY, price=Decimal(100), amount=Decimal(1), closes=True, created_ms=NOW - 29_991,
        expires_ms=NOW - 18_000, state=State.ACCEPTED, order_id="ABC-é", answered_as="Shopa9",
    )  # fmt: skip
    unknown = journal.get("Shopa7")
    assert unknown
    assert (unknown.unclear_since_ms, unknown.told_ms, unknown.looked_ms, unknown.look_count) == (
        NOW - 12_000, NOW - 11_000, NOW - 9_000, 3,
    )  # fmt: skip
    held = journal.get("Shopa10")
    assert held
    assert held.open_before == {"1", "lost"}
    adopted = journal.get("Shopa5")
    assert adopted
    assert adopted.answered_as == "Shopa6"


def test_an_old_request_that_is_repeated_is_given_the_stored_reply(robot: Robot, market: Market) -> None:
    assert robot.buy("1") == 1
    assert robot.marks == {"replayed": True}
    assert robot.desk
    assert robot.desk.replies == [b'{"id": 1}']
    assert robot.buy("6") == 5
    with pytest.raises(ExchangeError, match="Shop -1 余额不足 \N{PILE OF POO}"):
        robot.buy("2")
    with pytest.raises(NotSent, match="Shop has no order Shopa4"):
        robot.buy("4")
    assert market.sent == []


def test_an_old_unknown_order_is_found_and_is_the_answer_to_the_next(
    robot: Robot, market: Market, journal: Journal
) -> None:
    market.add(NewOrder(symbol=BTC, side=Side.BUY, price=Decimal(100), amount=Decimal(1), client_id="Shopa7"))
    assert robot.buy("20") == 1
    assert robot.marks == {"adopted": True}
    assert market.sent == []
    found = journal.get("Shopa7")
    assert found
    assert (found.state, found.answered_as) == (State.ACCEPTED, "Shopa20")


def test_the_resolver_decides_what_the_old_gateway_left(journal: Journal, market: Market, clock: Clock) -> None:
    resolver = Resolver(journal)
    resolver.remember("Shop", "a", lambda: Shop(market, "", "a", Deadline.after(5.0)))
    clock.ms += 60_000
    assert resolver.run_once("Shop") == 2
    for client_id in ("Shopa7", "Shopa8"):
        intent = journal.get(client_id)
        assert intent
        assert intent.state is State.ABSENT
    assert [intent.client_id for intent in journal.list_orders() if intent.state in OPEN] == ["Shopa10"]


def test_what_was_not_sent_may_be_tried_again(robot: Robot, market: Market, clock: Clock) -> None:
    clock.ms += 100_000
    assert robot.buy("3") == 1
    assert len(market.sent) == 1


def test_nonces_go_on_above_the_old_ones(upgraded: Engine, clock: Clock) -> None:
    with Nonces(upgraded, clock).reserve("a", Deadline.after(1.0)) as nonce:
        assert nonce > HIGH


def test_an_address_that_was_closed_stays_closed(upgraded: Engine) -> None:
    assert SqlCounters(upgraded).take("https://shop.example", [], NOW) == Wait(9_000)


def test_futures_settings_are_kept(upgraded: Engine) -> None:
    settings = FuturesSettings(upgraded, "Shop", "a")
    assert (settings.get("leverage"), settings.get("leverage", "BTC_USDT.swap")) == ("10", "20")


def test_a_simulated_account_goes_on(upgraded: Engine, clock: Clock) -> None:
    lent = Lent(http=Http(), state=upgraded, now=clock, measure_clocks=False)
    client = client_of(lent.app())

    def ask(method: str, **params: str) -> Any:
        body = {"access_key": "fmz-key", "secret_key": "x", "nonce": "77", "method": method, "params": params}
        return wire.read(client.post("/paper", data=wire.write(body)).get_data())

    [kept] = ask("orders", symbol="BTC_USDT")["data"]
    assert (kept["id"], kept["price"], kept["amount"]) == (1, 10, 1)
    assert {one["currency"]: one["free"] for one in ask("accounts")["data"]}["usdt"] == 9990
    assert ask("trade", symbol="BTC_USDT", type="buy", price="11", amount="1")["data"] == {"id": 3}


# The tables ---------------------------------------------------------------------------------------------------------


def differences(engine: Engine) -> list[Any]:
    with engine.connect() as connection:
        options = {"version_table": VERSION.name, "compare_type": True, "compare_server_default": True}
        return list(compare_metadata(MigrationContext.configure(connection, opts=options), METADATA))


def test_an_upgraded_database_is_like_a_new_one(upgraded: Engine, tmp_path: Path) -> None:
    assert differences(upgraded) == []
    (tmp_path / "other").mkdir()
    with database(tmp_path / "other", tables=False) as url:
        new = open_state(url)
        assert differences(new) == []
        assert layout(upgraded) == layout(new)
        new.dispose()


def test_all_steps_on_an_empty_database_lead_to_the_same(empty_url: str, state: Engine) -> None:
    engine = plain_engine(empty_url)
    with engine.begin() as connection:
        migrations.upgrade(connection, VERSION.name)
    assert differences(engine) == []
    assert layout(engine) == layout(state)
    engine.dispose()


def test_every_step_is_a_version_in_order() -> None:
    assert [step.revision for step in migrations.scripts().walk_revisions()] == list(reversed(VERSIONS))


@pytest.mark.parametrize("without", ["orders", "paper_fills"])
def test_a_database_that_had_not_all_tables_has_them_then(empty_url: str, without: str) -> None:
    """The limits' own database had no orders."""
    build(empty_url, without=without)
    engine = open_state(empty_url)
    assert differences(engine) == []
    assert content(empty_url)["limits"] == sorted(
        ROWS["limits"], key=lambda row: str(row["name"]).lower(), reverse=True
    )
    engine.dispose()


def test_a_table_that_is_missing_from_the_latest_version_is_created(state: Engine, state_url: str) -> None:
    with state.begin() as connection:
        connection.exec_driver_sql("DROP TABLE orders")
    again = open_state(state_url)
    assert differences(again) == []
    again.dispose()


def test_alembic_is_imported_for_an_upgrade_only(empty_url: str) -> None:
    code = (
        "import sys, app\n"
        "for _ in range(2): app.open_state(sys.argv[1]).dispose()\n"
        "sys.exit('alembic' in sys.modules or 'migrations' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code, empty_url], cwd=ROOT, check=True)


# What is refused ----------------------------------------------------------------------------------------------------


def refused(url: str, why: str, **settings: str) -> None:
    """It is, with one sentence, and nothing is changed."""
    before = content(url)
    with pytest.raises(WrongDatabase, match=why):
        open_state(url)
    with pytest.raises(WrongSetting, match=rf"^STATE_URL is wrong: {why}.*\. Nothing was changed$"):
        open_database(Settings(state_url=url))
    assert content(url) == before


def test_a_later_version_is_refused(old_url: str) -> None:
    open_state(old_url).dispose()
    run(old_url, f"UPDATE {VERSION.name} SET version_num = '0003'", "ALTER TABLE orders ADD COLUMN news TEXT")
    refused(old_url, r"the database has tables of version 0003, made by a later release .* Start the later release")


def test_a_later_version_of_the_limits_own_database_is_refused(state_url: str, tmp_path: Path) -> None:
    limits = tmp_path / "limits"
    limits.mkdir()
    with database(limits, tables=False) as url:
        open_state(url).dispose()
        run(url, f"UPDATE {VERSION.name} SET version_num = '0003'")
        with pytest.raises(WrongSetting, match=r"^LIMITS_URL is wrong: the database has tables of version 0003"):
            open_database(Settings(state_url=state_url, limits_url=url))


def test_tables_that_lack_a_column_are_refused(old_url: str) -> None:
    """Such as those of a gateway from before 0.1.0."""
    run(old_url, "ALTER TABLE orders DROP COLUMN looks")
    refused(old_url, "the database's table orders has no column looks: it was not made by a release of the gateway")


def test_the_latest_tables_without_a_column_are_refused(old_url: str) -> None:
    open_state(old_url).dispose()
    run(old_url, "ALTER TABLE orders DROP COLUMN reply")
    refused(old_url, "the database's table orders has no column reply")


def test_the_latest_tables_without_their_version_are_refused(old_url: str) -> None:
    open_state(old_url).dispose()
    run(old_url, f"DELETE FROM {VERSION.name}")
    refused(old_url, "the database's table orders has no column (answer|told)")


def test_somebody_elses_table_is_refused(empty_url: str) -> None:
    run(empty_url, "CREATE TABLE orders (id INTEGER PRIMARY KEY, customer TEXT)")
    refused(empty_url, "the database's table orders has no column account")


# At once, and killed ------------------------------------------------------------------------------------------------

OPENS = """
import sys
import app
print("ready", flush=True)
sys.stdin.readline()
app.open_state(sys.argv[1]).dispose()
"""


def test_processes_that_open_it_at_once_upgrade_it_once(old_url: str) -> None:
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", OPENS, old_url],
            cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )
        for _ in range(3)
    ]  # fmt: skip
    for process in processes:
        assert process.stdout
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        assert process.stdin
        process.stdin.write("go\n")
        process.stdin.flush()
    said = "".join(process.communicate(timeout=60)[1] for process in processes)
    assert [process.returncode for process in processes] == [0] * 3, said
    assert said.count("upgrading the database's tables from version 0001 to ") == 1
    assert len(content(old_url)["orders"]) == len(ORDERS)


def test_threads_that_open_it_at_once_upgrade_it_once(old_url: str, caplog: pytest.LogCaptureFixture) -> None:
    assert not at_once(lambda _: open_state(old_url).dispose(), 8)
    assert caplog.text.count("upgrading the database's tables from version 0001 to ") == 1
    assert content(old_url)[VERSION.name] == [{"version_num": VERSIONS[-1]}]


KILLED = """
import os, signal, sys
from sqlalchemy import Engine, event
import app, migrations
url, number = sys.argv[1], 0
while True:
    process = os.fork()
    if not process:
        left = number
        def step(*_):
            global left
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)
            left -= 1
        def before(connection, cursor, statement, *_):
            if not statement.lstrip().startswith(("SELECT", "PRAGMA")):
                step()
        event.listen(Engine, "before_cursor_execute", before)
        event.listen(Engine, "commit", step)
        app.open_state(url).dispose()
        os._exit(0)
    status = os.waitpid(process, 0)[1]
    print(os.waitstatus_to_exitcode(status), flush=True)
    sys.stdin.readline()
    if status == 0:
        break
    number += 1
"""


@pytest.mark.skipif(os.name != "posix", reason="forks")
def test_an_upgrade_that_is_killed_leaves_the_old_tables(old_url: str) -> None:
    before = content(old_url)
    command = [sys.executable, "-c", KILLED, old_url]
    kills = 0
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin
        assert process.stdout
        for line in process.stdout:
            if int(line) == 0:
                break
            assert int(line) == -signal.SIGKILL
            assert content(old_url) == before
            kills += 1
            process.stdin.write("next\n")
            process.stdin.flush()
        process.stdin.close()
    assert kills > len(RENAMED) + 2
    assert content(old_url)[VERSION.name] == [{"version_num": VERSIONS[-1]}]
    assert [intent.keys() >= set(RENAMED.values()) for intent in content(old_url)["orders"]] == [True] * len(ORDERS)


# The copy -----------------------------------------------------------------------------------------------------------

on_sqlite = pytest.mark.skipif(bool(STATE_URL), reason="only SQLite's files are copied")


@on_sqlite
def test_the_file_is_copied_before_the_upgrade(old_url: str, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    before = content(old_url)
    copy = tmp_path / "state.db.before-0.2.0"
    copy.write_bytes(b"of an earlier attempt")
    previous = os.umask(0)
    try:
        open_state(old_url).dispose()
    finally:
        os.umask(previous)
    assert content(f"sqlite:///{copy}") == before
    assert stat.S_IMODE(copy.stat().st_mode) == 0o600
    assert {path.name for path in tmp_path.iterdir()} == {"state.db", copy.name}
    assert f"; a copy of it is {copy}" in caplog.text


@on_sqlite
def test_what_is_only_in_the_wal_yet_is_copied_too(old_url: str, tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "state.db")) as connection:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("UPDATE nonces SET high = 7")
        connection.commit()
        open_state(old_url).dispose()
    assert [row["high"] for row in content(f"sqlite:///{tmp_path}/state.db.before-0.2.0")["nonces"]] == [7, 7]


@on_sqlite
def test_without_a_copy_nothing_is_upgraded(old_url: str, tmp_path: Path) -> None:
    before = content(old_url)
    (tmp_path / "state.db.before-0.2.0").mkdir()
    with pytest.raises(WrongSetting, match=r"^STATE_URL is wrong: the database cannot be opened: .*before-0\.2\.0"):
        open_database(Settings(state_url=old_url))
    assert content(old_url) == before


@on_sqlite
def test_a_new_database_is_not_copied(tmp_path: Path) -> None:
    for _ in range(2):
        open_state(f"sqlite:///{tmp_path}/state.db").dispose()
    assert [path.name for path in tmp_path.iterdir()] == ["state.db"]
