"""Canaries in both of FMZ's key fields, through every method and the worst an exchange can say: not six characters of
them, raw or encoded, nor any part of a signature, in any log, error, representation, traceback, page or file.

The ``raw`` of a success is the exchange's own answer, passed on as it came, so it is left out here.
"""

import json
import logging
import random
import re
import string
import traceback
from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import cache, partial
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote, quote_plus, urlsplit

import pytest

from database import open_state
from exchanges import EXCHANGES, find
from exchanges.base.futures_settings import FuturesSettings
from exchanges.kit.conversations import Conversation, Reply, Request, load
from exchanges.kit.faults import FAULTS, FaultServer, Seen, Visit, echo
from exchanges.kit.gateway import FIND
from exchanges.kit.subject import changed, leaves
from monitoring.logs import json_formatter
from orders.desk import Desk
from orders.journal import Journal
from protocol.calls import read_call
from protocol.errors import AuthenticationFailed, GatewayError
from protocol.methods import METHODS, dispatch
from settings import Settings
from tests import shown
from tests.conftest import NOW, Clock, Hurrying, client_of
from tests.lent import Lent
from tests.shown import ROUTES
from transport.credentials import Credentials
from transport.http import Http

pytestmark = pytest.mark.long


def long_canary(seed: int) -> str:
    """Return 900 letters."""
    return "".join(random.Random(seed).choices(string.ascii_letters + string.digits, k=900))


CANARIES: Mapping[str, tuple[str, str]] = {
    "plain": ("kanarie-4711-0815", "zeisig-ABCDEFGHIJKLMNOP"),
    "with a passphrase": ("kanarie-4711-0815", "zeisig-ABCDEFGH,stieglitz-IJKLMNOP"),
    "commas": ("kana,rie-47,11", "zei,sig-ABCD,EFGH,IJKL"),
    "quotes": ("kana'rie\"47\\11", "zei\"sig'AB\\CD,stieg'li\"tz"),
    "percent": ("kana%41rie%2B47", "zei%sig+AB/CD=EF&GH,stieg%20litz"),
    "lines": ("kanarie\n4711\r\n0815", "zeisig\nABCDEFGH,stieglitz\tIJ\nKLMN"),
    "unicode": ("kanariéé-中文中文中文", "zeisig-ßßßßßßß-😀😀😀😀😀😀,stieglitz-éèéèéè"),
    # What every exchange accepts: a key that may stand in a header, a secret in base64, a passphrase.
    "sendable": ("kana'rie,\"4711\\%41/é=&+", "emVpc2ln/ABC+DEF/GHI+JKLM/NOPQ==,stieg'li,tz\"%20\\é/="),
    "long": (long_canary(1), long_canary(2)),
}
MEASURED = re.compile(r" [-+.e0-9]+$", re.MULTILINE)
"""The value of a metric, which may have any six digits: "%224711" is one of the secrets' forms."""
QUOTING = (  # an exchange that quotes the whole request back
    "400 echo",
    "200 echo",
    "502 echo",
    "cut echo",
    "text echo",
)
FAILING = (
    "none",
    "headers that echo",
    "location that echoes",
    "502 page",
    "reset after request",
    "close without answer",
    "cut body",
    "wrong encoding",
    "hang",
)
FORMS: tuple[Callable[[str], str], ...] = (
    str,
    quote,
    quote_plus,
    lambda value: quote(value, safe=""),
    lambda value: json.dumps(value)[1:-1],
    lambda value: json.dumps(value, ensure_ascii=False)[1:-1],
    lambda value: repr(value)[1:-1],
    lambda value: json.dumps(value)[1:-1].replace("/", r"\/"),
    lambda value: quote(quote(value, safe=""), safe=""),
)
PARAMS: Mapping[str, Mapping[str, Any]] = {
    "records": {"period": 60},
    "trade": {"type": "buy", "price": "20000", "amount": "0.01"},
    "order": {"id": "4711"},
    "modify": {"id": "4711", "type": "buy", "price": "20000", "amount": "0.01"},
    "cancel": {"id": "4711"},
}
CALLS: list[tuple[str, dict[str, Any]]] = [
    *((name, {"symbol": "BTC_USDT", **PARAMS.get(name, {})}) for name in METHODS if name != "io"),
    ("io", {"code": 0, "args": [10, "BTC_USDT.swap"]}),
    ("io", {"code": 1, "args": ["buy"]}),
    ("io", {"code": 2, "args": ["swap"]}),
    ("io", {"code": 3, "args": ["BTC_USDT.swap"]}),
    ("__api_transfer/assets", {"select": "1"}),
    ("__api_mdata", {"cmd": "ticker"}),
    ("nonsense", {}),
]


def runs(text: str, length: int = 6) -> set[str]:
    """Return all runs of so many characters."""
    return {text[start : start + length] for start in range(len(text) - length + 1)}


def shapes(*secrets: str) -> set[str]:
    """Return every six characters of the secrets, in every form they could be quoted in; six bytes in base64 and in
    hex."""
    found = {run for secret in secrets for form in FORMS for run in runs(form(secret))}
    for data in {secret.encode() for secret in secrets}:
        found |= {form(data[place : place + 6].hex()) for place in range(len(data) - 5) for form in (str, str.upper)}
        # Within a longer text its bytes may stand at any of three places; what depends on their neighbours is cut off.
        found |= {run for shift in range(3) for run in runs(b64encode(b"?" * shift + data).decode()[4:-4], 8)}
    return found


def signatures(server: FaultServer) -> set[str]:
    """Return the parts of every signature that was sent that are too much. Twelve characters, for six of hex are
    anywhere."""
    found = {sign for seen in server.requests for route in ROUTES for sign in shown.signatures(route, seen)}
    quoted = {form(sign) for sign in found for form in FORMS}  # mostly the signature itself, nine times
    return {run for text in quoted for run in runs(text, 12)}


def leaks(secrets: set[str], text: str) -> set[str]:
    """Return the parts of the secrets that are in a text."""
    found = set()
    for length in {len(secret) for secret in secrets}:
        parts = {secret for secret in secrets if len(secret) == length}
        # They can only be where nothing but their characters follow each other; most such words come many times.
        words = re.findall(f"[{re.escape(''.join(set().union(*parts)))}]{{{length},}}", text)
        found |= {run for word in set(words) for run in runs(word, length)} & parts
    return found


def bodies(key: str, secret: str) -> Iterator[bytes]:
    """Yield every call of FMZ's host, and two that are malformed."""
    for method, params in CALLS:
        yield json.dumps(
            {"access_key": key, "secret_key": secret, "nonce": 1, "method": method, "params": params}
        ).encode()
    yield json.dumps({"method": "ticker", "params": {"access_key": key, "secret_key": [secret]}}).encode()
    yield json.dumps({"access_key": key, "secret_key": secret}).encode()[:-3]


def routes(fault: str, half: int | None = None) -> list[str]:
    """Return all exchanges, or those that a fault can happen to; of them one half, if so."""
    found = [route for route, exchange in EXCHANGES.items() if exchange.url or fault == "none"]
    return found if half is None else found[half::2]


def of_each(asked: list[str], fault: str, ask: Callable[[str], list[str]]) -> list[str]:
    """Return what is said to the calls of each route; at the same time where they do nothing but wait."""
    with ThreadPoolExecutor(len(asked) if fault == "hang" else 1) as pool:
        return [said for of_route in pool.map(ask, asked) for said in of_route]


@pytest.fixture
def server() -> Iterator[FaultServer]:
    with FaultServer() as server:
        yield server


@pytest.fixture
def lent(server: FaultServer, clock: Clock, tmp_path: Path) -> Iterator[Lent]:
    state = open_state(f"sqlite:///{tmp_path}/state.db")
    urls = {exchange.name: server.url for exchange in EXCHANGES.values() if exchange.url}
    yield Lent(
        http=Http(), state=state, deadline=0.1, urls=urls, now=clock, sleep=lambda seconds: None, measure_clocks=False
    )
    state.dispose()


@pytest.fixture
def everything_logged(caplog: pytest.LogCaptureFixture) -> Iterator[pytest.LogCaptureFixture]:
    """Return the log, with every logger there is at DEBUG."""
    loggers = [logging.getLogger(name) for name in ("", "urllib3", *logging.root.manager.loggerDict)]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.DEBUG)
    with caplog.at_level(logging.DEBUG):
        yield caplog
    for logger, level in zip(loggers, levels, strict=True):
        logger.setLevel(level)


def state_of(directory: Path) -> str:
    """Return every byte of the database, whatever its tables are, its write-ahead log included; what repeats, once."""
    parts = {part for path in directory.iterdir() for part in path.read_bytes().split(b"\0")}
    return "\0".join(text for part in parts for text in {part.decode("latin-1"), part.decode("utf-8", "replace")})


def lines_of(text: str) -> str:
    """Return every line once: a log says much the same of every call."""
    return "\n".join(dict.fromkeys(text.splitlines()))


def in_json(records: list[logging.LogRecord]) -> str:
    """Return the log as ``LOG_FORMAT=json`` writes it, without the times."""
    form = json_formatter()
    return lines_of("\n".join(form.format(record).partition('"timestamp"')[0] for record in records))


@pytest.mark.parametrize("canary", CANARIES)
def test_every_part_of_a_secret_is_found_wherever_it_stands(canary: str) -> None:
    secrets = shapes(*CANARIES[canary])
    assert leaks(secrets, "\0".join(secrets)) == secrets
    for part in sorted(secrets)[:: len(secrets) // 10]:
        assert part in leaks(secrets, f"a line{part}of a log")
        assert part not in leaks(secrets, f"a line {part[:-1]}\0 of a log")


@pytest.mark.parametrize(
    ("fault", "canary", "half"),
    [
        # Two of the five for each, in turn, and half of the exchanges for each of the two: every exchange meets every
        # fault, and every canary.
        *(
            (fault, canary, (i + j) % 2)
            for i, canary in enumerate(CANARIES)
            for j, fault in enumerate((QUOTING + QUOTING)[i % 5 : i % 5 + 2])
        ),
        *((fault, "percent", None) for fault in FAILING),
    ],
)
def test_nothing_told_logged_or_kept_has_a_secret(
    fault: str,
    canary: str,
    half: int | None,
    server: FaultServer,
    lent: Lent,
    everything_logged: pytest.LogCaptureFixture,
    tmp_path: Path,
) -> None:
    key, secret = CANARIES[canary]
    server.fault = fault
    client = client_of(lent.app())

    def errors(route: str) -> list[str]:
        replies = [client.post(f"/{route}", data=body).get_data(as_text=True) for body in bodies(key, secret)]
        refused = [(reply, json.loads(reply)["error"]) for reply in replies if "error" in json.loads(reply)]
        return [text for texts in refused for text in texts]

    replies = "\n".join(of_each(routes(fault, half), fault, errors))
    logged, kept = everything_logged.text, state_of(tmp_path)
    assert server.requests
    assert "urllib3.connectionpool" in logged
    assert any(label in replies for label in ("ORDER_STATE_UNKNOWN", "NO_DEFINITE_ANSWER", "REFUSED"))
    assert kept
    secrets = shapes(key, secret) | signatures(server)
    assert not leaks(secrets, replies)
    assert not leaks(secrets, lines_of(logged))
    assert not leaks(secrets, kept)


@pytest.mark.parametrize("fault", [*FAILING, *QUOTING])
def test_no_traceback_has_a_secret(fault: str, server: FaultServer, lent: Lent) -> None:
    key, secret = CANARIES["percent"]
    server.fault = fault
    journal = Journal(lent.state, lent.now)

    def tracebacks(route: str) -> list[str]:
        found = []
        for body in bodies(key, secret):
            try:
                call = read_call(body, "")
                exchange = lent.open(find(route), Credentials.from_fields(call.access_key, call.secret_key))
                open_desk = partial(Desk, exchange, journal, str(call.nonce or ""), sleep=lent.sleep)
                dispatch(exchange, open_desk, call)
            except GatewayError as error:
                found.append("".join(traceback.format_exception(error)))
        return found

    text = "\n".join(of_each(routes(fault), fault, tracebacks))
    assert "transport/pipeline.py" in text
    assert not leaks(shapes(key, secret) | signatures(server), text)


@pytest.mark.parametrize("canary", CANARIES)
def test_no_representation_has_a_secret(canary: str, lent: Lent) -> None:
    key, secret = CANARIES[canary]
    credentials = Credentials.from_fields(key, secret)
    exchanges = [lent.open(exchange, credentials) for exchange in EXCHANGES.values()]
    settings = Settings(
        token=key, state_url=f"postgresql://trader:{quote(key)}@db/state", proxies={"BitGo": f"http://a:{secret}@b:1"}
    )
    calls = [read_call(body, "") for body in list(bodies(key, secret))[:-2]]
    things = [credentials, *exchanges, settings, lent, lent.http, *calls, *(vars(each) for each in exchanges)]
    shown = [form(thing) for thing in things for form in (repr, str, "{}".format)]
    assert all(shown)
    assert not leaks(shapes(key, secret), "\n".join(shown))


# Exchanges that answer rightly, and quote everything --------------------------------------------------------------

CASES = Path(__file__).parent / "exchanges" / "cases"
WORDS = re.compile("(?i)msg|message|error|desc|reason")  # the names of what holds an exchange's own words


def forget(lent: Lent, route: str, key: str) -> None:
    """Have an exchange asked anew for what it seldom changes, and be set as at first."""
    upstream = lent.upstreams.of(EXCHANGES[route])
    upstream.listing.forget()
    upstream.rules.forget("BTC_USDT")
    account = Credentials(key).account
    upstream.forget_account(account)
    FuturesSettings(lent.state, EXCHANGES[route].name, account).clear("leverage")


@dataclass
class Script:
    """An exchange's replies in one conversation, with all that it was asked put into every place there is for words."""

    sent: list[Request] = field(default_factory=list)
    got: list[Reply] = field(default_factory=list)

    def play(self, case: Conversation) -> None:
        self.sent, self.got = list(case.sent), list(case.got)

    def __call__(self, visit: Visit) -> None:
        while True:
            seen = visit.request()
            place = next((i for i, sent in enumerate(self.sent) if _place(sent.url) == _place(seen.target)), None)
            if place is None:
                visit.reply(b"{}", "404 Not Found", Connection="keep-alive")
            else:
                got = self.got[place]
                if sum(_place(sent.url) == _place(seen.target) for sent in self.sent) > 1:
                    del self.sent[place], self.got[place]
                visit.reply(_quoting(got.text, seen), f"{got.status} Said", Connection="keep-alive")
            visit.current = None


def _place(url: str) -> tuple[str, Any]:
    """Return the path, and the action that some have in the query instead."""
    parts = urlsplit(url)
    return parts.path, parse_qs(parts.query).get("action")


def _quoting(text: str, seen: Seen) -> bytes:
    """Return a reply as its documentation has it, with the whole request as one more field, and behind the words of a
    refusal or a warning."""
    said = echo(seen)
    try:
        body = json.loads(text)
    except ValueError:
        return f"{text} {said}".encode()
    for path, words in list(_words(body)):
        body = changed(body, path, f"{words} {said}")
    for row in body if isinstance(body, list) else [body]:
        if isinstance(row, dict):
            if row.get("error") == []:
                row["error"] = [f"WGeneral:{said}"]  # a warning
            row["echo"] = said
    return json.dumps(body, ensure_ascii=False).encode()


def _words(body: Any) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """Yield an exchange's own words in a reply, each with its path."""
    for path, value in leaves(body):
        name = next((name for name in reversed(path) if isinstance(name, str)), "")
        if value and isinstance(value, str) and WORDS.search(name):
            yield path, value


def _succeeds(case: Conversation) -> bool:
    return "data" in case.answered


@cache
def conversations() -> tuple[Conversation, ...]:
    """Return a conversation that succeeds and one that fails of every method of every exchange, where there are
    such."""
    found: dict[tuple[str, str, bool], Conversation] = {}
    for folder in sorted(CASES.iterdir()):
        for case in load(folder):
            if case.got and EXCHANGES[case.route].url and case.method != FIND:
                found.setdefault((case.route, case.method, _succeeds(case)), case)
    return tuple(found.values())


@pytest.mark.parametrize("route", ROUTES)
def test_words_of_each_exchange_are_found_to_be_quoted_behind(route: str) -> None:
    refusals = [case for case in conversations() if case.route == route and not _succeeds(case)]
    found = [words for case in refusals for words in _words(case.got[-1].body)]
    assert found, f"add what holds the words of its refusals to WORDS, or a refusal with words to the cases of {route}"


def _wants_base64(route: str) -> bool:
    """Return True for an exchange whose secret keys are base64."""
    kind = EXCHANGES[route]
    try:
        kind.signer(Credentials("key", "no base64")).secret()
    except AuthenticationFailed:
        return True
    return False


@pytest.mark.parametrize("canary", ["sendable", "lines", "unicode"])
def test_what_an_exchange_quotes_goes_no_further(
    canary: str,
    server: FaultServer,
    lent: Lent,
    everything_logged: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    key, secret = CANARIES[canary]
    private, _, password = secret.partition(",")
    in_base64 = f"{b64encode(private.encode()).decode()},{password}"  # before the comma
    script = Script()
    monkeypatch.setitem(FAULTS, "script", script)
    server.fault = "script"
    lent = replace(lent, deadline=5.0, now=Hurrying(NOW))
    client = client_of(lent.app())
    replies, answered, verbatim = [], set(), ""
    for number, case in enumerate(conversations()):
        forget(lent, case.route, key)
        route, is_base64 = case.route, _wants_base64(case.route) and canary != "sendable"
        keys = {"access_key": key, "secret_key": in_base64 if is_base64 else secret}
        for asked in (*case.before, case.asked):
            script.play(case)
            call = {"nonce": number + 1, "params": {}, **asked, **keys}
            headers = {"Http-Method": call.pop("verb", "POST")}
            # What one conversation chose, such as a direction, is not for the next.
            reply = client.post(f"/{route}?object={number}", json=call, headers=headers).get_json()
            if "data" in reply:
                answered.add((route, call["method"]))
            passes_through = call["method"].startswith("__api_") or call["params"].get("code") == 4
            if passes_through and "data" in reply:
                verbatim += json.dumps(reply.pop("data"), ensure_ascii=False)
            verbatim += json.dumps(reply.pop("raw", ""), ensure_ascii=False)
            replies.append(json.dumps(reply, ensure_ascii=False))
    secrets = shapes(key, secret, in_base64) | signatures(server)
    kept = state_of(tmp_path)
    assert leaks(secrets, verbatim), "nothing was quoted, so this proves little"
    if canary == "sendable":
        assert answered == {(case.route, case.asked["method"]) for case in conversations() if _succeeds(case)}
        assert "******" in kept, "no reply that quotes was journalled"
        assert any(b"&otp=" in seen.body for seen in server.requests)
    for rule in client.application.url_map.iter_rules():  # pages about itself, such as metrics
        if "GET" in (rule.methods or ()):
            page = client.get(rule.rule).get_data(as_text=True)
            replies.append(MEASURED.sub("", page))
    assert not leaks(secrets, "\n".join(replies))
    assert not leaks(secrets, lines_of(everything_logged.text))
    assert not leaks(secrets, in_json(everything_logged.records))
    assert not leaks(secrets, kept)
