"""The checks of the kit: each finds the mistake that it is for, in an adapter that is right but for it."""

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from exchanges import open_registry
from exchanges.kit import layout
from exchanges.kit.conversations import CaseError
from exchanges.kit.files import canonical_text
from exchanges.kit.subject import Failed, Subject
from exchanges.kit.verify import CHECKS, open_subject, verify
from protocol.deadline import Deadline
from tests.command import Run

Change = tuple[str, str]


def subject(folder: Path) -> Subject:
    return open_subject(open_registry(folder).find("smallex"))


def failure(folder: Path, check: str) -> str:
    """Return what a check says of a mistake."""
    with pytest.raises(Failed) as error:
        CHECKS[check](subject(folder))
    return str(error.value)


def change(path: Path, *changes: Change) -> None:
    """Replace texts in a file, each of which must be there."""
    text = path.read_text()
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new)
    path.write_text(text)


def test_a_right_adapter_passes_every_check(folder: Path) -> None:
    found = {result.check: result for result in verify(subject(folder))}
    assert list(found) == list(CHECKS)
    unclaimed = dict.fromkeys(("duplicate ids", "modified orders"), "-")
    assert {name: result.mark for name, result in found.items()} == dict.fromkeys(CHECKS, "ok") | unclaimed
    assert found["methods"].said.startswith("10 of 13: ticker, ")
    assert found["faults"].said.startswith("34: ")


MISTAKES: list[tuple[str, str, list[Change]]] = [
    ("conversations", "2 of 31 are not as they say\n\nsmallex/ticker: a ticker\n", [
        ('self.get("ticker", market=symbol)', 'self.get("ticker", symbol=symbol)'),
    ]),
    ("methods", "a case that succeeds to historyorders.json", [
        ("    def cancel(", "    def past_orders(self, symbol, since, limit):\n        return []\n\n    def cancel("),
    ]),
    ("hosts", "api.smallex.example", [("https://api.smallex.example", "https://api.other.example")]),
    ("limits", "GET /v2/ticker", [(', default=1)', ", costs={'GET tickers': 1})")]),
    ("costs", "POST /v2/orders costs {'calls': 1, 'orders': 2}, and {'calls': 1, 'orders': 1} by exchange.json", [
        ('costs={"POST orders": 1}', 'costs={"POST orders": 2}'),
    ]),
    ("cancels", "no call of DELETE /v2/order, GET /v2/order is in `cancels`: add the one that cancels", [
        ("    limits = (", '    cancels = ("POST cancel",)\n    limits = ('),
    ]),
    ("cancels", "POST /v2/orders is in `cancels`, and places an order: take it out", [
        ("    limits = (", '    cancels = ("DELETE *", "POST orders")\n    limits = ('),
    ]),
    ("signatures", "proof is missing", [('    proof = "the published example"\n', "")]),
    ("signatures", "a published example is 13IqshC504Gwy", [('digest="sha512"', 'digest="sha256"')]),
    ("signatures", "differs from character 11 on: '\\n' by exchange.json, '|' by the adapter", [
        ("{seconds}\\n{verb}", "{seconds}|{verb}"),
    ]),
    ("signatures", "differs from character 1 on: '1' by exchange.json, 'G' by the adapter", [
        ("{seconds}\\n{verb}", "{verb}\\n{seconds}"),
    ]),
    ("signatures", "SX-TIME is '1700000000000', and '1700000000' by exchange.json (seconds)", [
        ('"SX-TIME": "{seconds}"', '"SX-TIME": "{time}"'),
    ]),
    ("types", "Ticker.bid is '60000.1', and must be float", [
        ("return self.ticker_row(self.get(\"ticker\", market=symbol))",
         "row = self.get(\"ticker\", market=symbol)\n        return self.ticker_row(row, bid=row[\"bid\"])"),
    ]),
    ("digits sent", "the amount 0.12345678901234567 is not in the request", [
        ("**{amount: order.amount}", "**{amount: round(order.amount, 8)}"),
    ]),
    ("digits read", "the price of a reply is not answered to the digit", [
        ("return self.signed(\"GET\", \"order\"", "return self.rounded(\"GET\", \"order\""),
        ("    # Readers", "    def rounded(self, *args, **params):\n        row = self.signed(*args, **params)\n"
         "        return {**row, 'px': float(row['px'])}\n\n    # Readers"),
    ]),
    ("states", "an unknown state of an order is not an error", [
        ("        return self.signed(\"GET\", \"order\", id", "        return self.guessed(id"),
        ("    # Readers", "    def guessed(self, **params):\n        row = self.signed('GET', 'order', **params)\n"
         "        return {**row, 'state': row['state'] if row['state'] in self.statuses else 'done'}\n\n    # Readers"),
    ]),
    ("bars", "are answered so", [
        ("    def trades(", "    def records(self, symbol, period, limit):\n"
         "        return list(self.candles(symbol, period, limit))[::-1]\n\n    def trades("),
    ]),
    ("order book", "a book that comes in another order", [
        ('self.read_book(book, book["ts"])', 'self.read_book({**book, "asks": book["asks"][:1]}, book["ts"])'),
    ]),
    ("empty lists", "accounts: no reply that lists nothing is answered as an empty account", [
        ('self.signed("GET", "balances"), keep=True)', 'self.signed("GET", "balances"), keep=True) or 1 / 0'),
    ]),
    ("client order ids", "is not in the request", [(" cid=order.client_id,\n", "\n")]),
    ("faults", "502 page: REFUSED instead of ORDER_STATE_UNKNOWN", [
        ("    def orders(self", "    def call(self, *args, **options):\n        try:\n"
         "            return super().call(*args, **options)\n        except OutcomeUnknown as error:\n"
         "            raise ExchangeError(error.message) from None\n\n    def orders(self"),
    ]),
    ("faults", "it was sent again", [
        ('        return identifier(row["id"])', '        return identifier(row["id"])\n\n'
         "    def signed(self, verb, resource, /, **params):\n        try:\n"
         "            return super().signed(verb, resource, **params)\n        except OutcomeUnknown:\n"
         "            return super().signed(verb, resource, **params)"),
    ]),
    ("faults", "502 page: NOT_SENT, for the order did not reach the exchange in time", [
        ("    def trade(self, order):", "    def trade(self, order):\n        raise NotSent('no')"),
    ]),
    ("HTTP 429", "after HTTP 429", [
        ('        return self.ticker_row(self.get("ticker", market=symbol))',
         '        try:\n            return self.ticker_row(self.get("ticker", market=symbol))\n'
         "        except RateLimited:\n            raise InvalidCall('no') from None"),
    ]),
    ("bans", "after 'too many calls' nothing is sent for 5.0 s, and for 1.0 by exchange.json", [
        ('bans = {"1015": 1.0}', 'bans = {"1015": 5.0}'),
    ]),
    ("bans", "after 'no such order' nothing is sent for 1.0 s, and for 0.0 by exchange.json", [
        ('RateLimited: "1015"', 'RateLimited: "1015 3004"'), ('OrderNotFound: "3004"', 'OrderNotFound: "3006"'),
        ('bans = {"1015": 1.0}', 'bans = {"1015": 1.0, "3004": 1.0}'),
    ]),
    ("secrets", "a part of a key is in '****", [
        ("        return self.read_all(self.balance_row", "        import logging\n\n"
         "        logging.warning(self.credentials.secret)\n        return self.read_all(self.balance_row"),
    ]),
    ("withdrawals", "instead of NOT_ALLOWED", [
        ("    def time(self):", "    def pass_through(self, verb, path, params):\n"
         "        return self.raw(verb, path, params)\n\n    def time(self):"),
    ]),
]  # fmt: skip


@pytest.mark.parametrize(("check", "said", "changes"), MISTAKES, ids=[mistake[0] for mistake in MISTAKES])
def test_a_mistake_is_found(folder: Path, check: str, said: str, changes: list[Change]) -> None:
    change(folder / "smallex.py", *changes)
    assert said in failure(folder, check)


def test_an_order_that_a_busy_machine_did_not_send_in_time_is_asked_for_again(folder: Path) -> None:
    change(folder / "smallex.py", ("    def trade(self, order):", "    busy = set(range(2))\n\n"
        "    def trade(self, order):\n        if self.busy:\n            self.busy.pop()\n"
        "            raise NotSent('no time left')"))  # fmt: skip
    assert CHECKS["faults"](subject(folder)).startswith("34: ")


def test_a_busy_machine_takes_no_time_from_a_conversation(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def begin_slowly(seconds: float) -> Deadline:
        deadline = Deadline.after(seconds)
        time.sleep(0.05)
        return deadline

    monkeypatch.setattr(Deadline, "of_request", begin_slowly)
    assert CHECKS["conversations"](subject(folder)) == "31, to the byte"


def test_wrong_declarations_are_told_with_what_to_write(folder: Path) -> None:
    kind = open_registry(folder).find("smallex")
    wrong = type("Smallex", (kind,), {"statuses": {"new": "open"}})
    with pytest.raises(Failed, match=r'a word and a Status, as \{"new": Status.OPEN\}'):
        CHECKS["declarations"](Subject(wrong, []))


CASES: list[tuple[str, str, str, Callable[[dict[str, object]], object]]] = [
    ("conversations", "there are none", "", lambda document: None),
    ("methods", "a case that fails to ticker.json", "ticker", lambda document: document.pop("too many calls")),
    ("orders shown", "cancelled", "order", lambda document: document.pop("cancelled, partly filled")),
    ("bars", "at least two bars", "records", lambda document: document.pop("a minute's bars, the newest first")),
    ("client order ids", "add cases with filled", "find", lambda document: document.pop("filled")),
]


@pytest.mark.parametrize(("check", "said", "method", "edit"), CASES, ids=[case[0] for case in CASES])
def test_a_missing_conversation_is_asked_for(
    folder: Path, check: str, said: str, method: str, edit: Callable[[dict[str, object]], object]
) -> None:
    cases = folder / "cases" / "smallex"
    for path in cases.glob(f"{method or '[!e]*'}.json"):
        if not method:
            path.unlink()
            continue
        document = layout.read(path.read_text())
        edit(document)
        path.write_text(layout.write(document, opened=2))
        path.write_text(canonical_text(path))
    assert said in failure(folder, check)


FACTS: list[tuple[str, str, dict[str, object]]] = [
    ("costs", "costs to `costs` of exchange.json, as its documentation says: it counts towards calls", {"costs": {}}),
    ("bans", "add refusals with 1015, and their seconds, to `bans` of exchange.json", {"bans": {}}),
    ("cancels", "POST /v2/stop is in `cancels` of exchange.json, and not in", {"cancels": ["POST /v2/stop"]}),
    ("methods", "exchange.json says that it lacks ticker, which is there: take it out", {"lacks": {"ticker": "why"}}),
]


def write_facts(folder: Path, facts: dict[str, object]) -> None:
    path = folder / "cases" / "smallex" / "exchange.json"
    path.write_text(layout.write({**layout.read(path.read_text()), **facts}, opened=1))


@pytest.mark.parametrize(("check", "said", "facts"), FACTS, ids=[fact[0] for fact in FACTS])
def test_a_missing_or_wrong_fact_is_told(folder: Path, check: str, said: str, facts: dict[str, object]) -> None:
    write_facts(folder, facts)
    assert said in failure(folder, check)


@pytest.mark.parametrize(("facts", "said"), [
    ({"costs": {"GET /v2/time": {"calls": "1"}}}, "the costs of 'GET /v2/time' has `calls` \"1\", which must be"),
    ({"bans": {"busy": {"seconds": 1}}}, "the refusal 'busy' says what is `got`, and how many `seconds`"),
    ({"bans": {"busy": {"after": 1}}}, "the refusal 'busy' has after; it may have status, retry_after, got, seconds"),
])  # fmt: skip
def test_facts_that_cannot_be_understood_are_named(folder: Path, facts: dict[str, object], said: str) -> None:
    write_facts(folder, facts)
    with pytest.raises(CaseError) as error:
        subject(folder)
    assert said in str(error.value)
    assert "smallex/exchange.json" in str(error.value)


def test_a_duplicate_client_id_that_is_told_as_refused_is_found(folder: Path) -> None:
    case = {
        "like": "a limit order",
        "but": {"steps.0.got": {"code": 3005, "message": "an order with this cid exists"}},
        "answered": {"error": "ORDER_STATE_UNKNOWN"},
    }
    path = folder / "cases" / "smallex" / "trade.json"
    path.write_text(layout.write({**layout.read(path.read_text()), "a duplicate client order id": case}, opened=2))
    assert CHECKS["duplicate ids"](subject(folder)) == "unknown until it is looked up"
    change(folder / "smallex.py", ('"1000 1001 3005"', '"1000 1001"'))
    assert "and must be unknown or found" in failure(folder, "duplicate ids")


def test_a_folder_that_is_not_there_is_named(folder: Path) -> None:
    with pytest.raises(CaseError, match=r"there is no folder .*nowhere"):
        open_subject(open_registry(folder).find("smallex"), folder / "nowhere")


# The command and the plugin ---------------------------------------------------------------------------------------


@pytest.mark.long
def test_the_command_ends_with_a_table_and_its_status_tells(run: Run, folder: Path) -> None:
    done = run("verify", folder / "smallex.py")
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[:2] == ["| Smallex | | |", "|---|---|---|"]
    assert "| bars | ok | 2 bars, reversed and one twice |" in lines
    assert len(lines) == 2 + len(CHECKS)
    change(folder / "smallex.py", ('digest="sha512"', 'digest="sha256"'))
    done = run("verify", "SMALLEX", EXCHANGES_DIR=str(folder))
    assert done.returncode == 1
    assert "| signatures | FAIL |  |" in done.stdout
    assert "a published example is 13IqshC504Gwy" in done.stderr


def test_a_file_without_an_adapter_is_told(run: Run, folder: Path) -> None:
    (folder / "empty.py").write_text("")
    (folder / "empty.py").chmod(0o600)
    done = run("verify", folder / "empty.py")
    assert done.returncode == 1
    assert done.stderr.startswith("fmz-gateway: ")
    assert "empty.py has no exchange" in done.stderr


@pytest.mark.long
def test_the_plugin_has_a_test_for_each_conversation_and_each_check(folder: Path, pytester: pytest.Pytester) -> None:
    change(folder / "smallex.py", ("        return False  # the reply", "        return True  # the reply"))
    found = pytester.runpytest_subprocess("-p", "exchanges.kit.plugin", "-v", str(folder / "cases"))
    found.assert_outcomes(passed=52, failed=1, skipped=2)
    found.stdout.fnmatch_lines(["*cancel: cancelled FAILED*", "*faults PASSED*"])
