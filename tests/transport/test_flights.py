"""Equal questions share a request, and none gets data older than itself. Every step waits for an event."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from queue import Queue
from typing import Any

import pytest

from protocol.deadline import Deadline
from protocol.errors import NotSent, OutcomeUnknown
from transport.flights import Flight, Flights, Route
from transport.reply import Reply

NEVER = 60.0  # seconds, far more than a test takes
REFUSED = NotSent("Tiny network: connection refused; nothing was sent")

Outcome = tuple[Reply, bool]


def reply(text: str) -> Reply:
    return Reply("Tiny", 200, "application/json", text.encode())


class Request:
    """A request that a flight makes, held at two points: before it goes out, and in the air."""

    def __init__(self, depart: Callable[[], None]) -> None:
        self._depart = depart
        self._ready = threading.Event()
        self._said: Queue[Reply | BaseException] = Queue()
        self.gone = threading.Event()

    def run(self) -> Reply:
        assert self._ready.wait(NEVER)
        self._depart()
        self.gone.set()
        said = self._said.get(timeout=NEVER)
        if isinstance(said, BaseException):
            raise said
        return said

    def go(self) -> "Request":
        """Let it go out."""
        self._ready.set()
        assert self.gone.wait(NEVER)
        return self

    def land(self, said: str | BaseException) -> None:
        self._said.put(reply(said) if isinstance(said, str) else said)

    def give(self, said: str) -> None:
        """Return a reply without a request."""
        self._depart = lambda: None
        self._said.put(reply(said))
        self._ready.set()

    def fail(self, error: BaseException) -> None:
        """Fail before it goes out."""

        def raises() -> None:
            raise error

        self._depart = raises
        self._ready.set()


class Callers:
    """Calls in threads of their own, and the requests that come of them."""

    def __init__(self, pool: ThreadPoolExecutor, flights: Flights, boarded: "Queue[bool]") -> None:
        self._pool = pool
        self._boarded = boarded
        self.flights = flights
        self.requests: Queue[Request] = Queue()

    def ask(self, question: str = "ticker", seconds: float = NEVER) -> "Future[Outcome]":
        """Ask, and return when the call has joined a flight or begun one."""
        call = self._pool.submit(self.flights.share, question, self._send, Deadline.after(seconds))
        self._boarded.get(timeout=NEVER)
        return call

    def request(self) -> Request:
        """Return the next request, which waits to go out."""
        return self.requests.get(timeout=NEVER)

    def fly(self) -> Request:
        """Ask, and return the request, which is in the air."""
        self.ask()
        return self.request().go()

    def _send(self, depart: Callable[[], None]) -> Reply:
        request = Request(depart)
        self.requests.put(request)
        return request.run()


Start = Callable[[float], Callers]


@pytest.fixture
def start(monkeypatch: pytest.MonkeyPatch) -> Iterator[Start]:
    """Start callers of one exchange, who wait for others at most for so many seconds."""
    boarded: Queue[bool] = Queue()
    board = Route.board

    def watched(route: Route) -> Any:
        found = board(route)
        boarded.put(True)
        return found

    monkeypatch.setattr(Route, "board", watched)
    with ThreadPoolExecutor(40) as pool:
        yield lambda longest: Callers(pool, Flights("Tiny", longest=longest), boarded)


def text(call: "Future[Outcome]") -> str:
    return call.result(NEVER)[0].body.decode()


def test_calls_that_ask_before_a_request_is_sent_share_it(start: Start) -> None:
    callers = start(NEVER)
    first = callers.ask()
    request = callers.request()
    others = [callers.ask() for _ in range(31)]
    request.go().land("new")
    assert {text(call) for call in (first, *others)} == {"new"}
    assert [call.result()[1] for call in (first, *others)] == [True] + [False] * 31
    assert callers.requests.empty()


def test_who_asks_after_it_was_sent_gets_newer_data(start: Start) -> None:
    callers = start(NEVER)
    in_air = callers.fly()
    others = [callers.ask() for _ in range(5)]
    in_air.land("older than their question")
    callers.request().go().land("new")
    assert {text(call) for call in others} == {"new"}
    assert callers.requests.empty()


def test_the_next_request_is_sent_when_the_one_in_the_air_has_landed(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[str] = []
    gather, land = Route.gather, Route.land

    def noted_landing(route: Route, flight: Flight, said: Reply | None) -> None:
        seen.append("landed")
        land(route, flight, said)

    def noted_gathering(route: Route, flight: Flight, most: float) -> None:
        gather(route, flight, most)
        seen.append("gathered")

    monkeypatch.setattr(Route, "land", noted_landing)
    monkeypatch.setattr(Route, "gather", noted_gathering)
    callers = start(NEVER)
    in_air = callers.fly()
    call = callers.ask()
    in_air.land("old")
    callers.request().go().land("new")
    assert text(call) == "new"
    assert seen == ["gathered", "landed", "gathered", "landed"]


def test_a_request_that_hangs_keeps_nobody_waiting(start: Start) -> None:
    callers = start(0.0)
    hanging = callers.fly()
    call = callers.ask()
    callers.request().go().land("new")
    assert text(call) == "new"
    hanging.land("late")


class Watch:
    """A clock that the test moves."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


def test_those_who_were_answered_have_a_moment_to_join_the_next(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    watch, gather = Watch(), Route.gather
    gathered: list[int] = []

    def noted(route: Route, flight: Flight, most: float) -> None:
        gather(route, flight, most)
        gathered.append(flight.calls)

    monkeypatch.setattr(Route, "gather", noted)
    monkeypatch.setattr("transport.flights.time.monotonic", watch)
    callers = start(NEVER)
    usual = callers.ask(), callers.request().go()
    watch.seconds += NEVER  # so long that the moment is, too
    usual[1].land("old")
    assert text(usual[0]) == "old"
    first, request = callers.ask(seconds=10 * NEVER), callers.request()
    second = callers.ask(seconds=10 * NEVER)
    request.go()
    third = callers.ask(seconds=10 * NEVER)
    watch.seconds += NEVER / 2
    request.land("old")
    assert (text(first), text(second)) == ("old", "old")
    back = [callers.ask(seconds=10 * NEVER) for _ in range(2)]
    callers.request().go().land("new")
    assert {text(call) for call in (third, *back)} == {"new"}
    assert gathered[-1] == 3, "the request waited for the two"


def test_a_call_alone_waits_for_nobody(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*_: Any) -> None:
        raise AssertionError("it waits")

    monkeypatch.setattr("transport.flights.threading.Condition.wait", never)
    callers = start(NEVER)

    def send(depart: Callable[[], None]) -> Reply:
        depart()
        return reply("new")

    for _ in range(3):
        assert callers.flights.share("ticker", send, Deadline.after(NEVER)) == (reply("new"), True)


@pytest.mark.parametrize("in_air", [True, False])
def test_who_shared_a_request_that_failed_asks_alone(start: Start, in_air: bool) -> None:
    callers = start(NEVER)
    first = callers.ask()
    request = callers.request()
    others = [callers.ask() for _ in range(3)]
    if in_air:
        request.go().land(OutcomeUnknown("Tiny network: connection reset"))
    else:
        request.fail(REFUSED)
    assert isinstance(first.exception(NEVER), OutcomeUnknown if in_air else NotSent)
    for number in range(3):
        callers.request().go().land(f"{number}")
    assert {text(call) for call in others} == {"0", "1", "2"}
    assert all(call.result()[1] for call in others)


def test_a_reply_that_was_not_sent_for_is_not_shared(start: Start) -> None:
    callers = start(NEVER)
    in_air = callers.fly()
    older = callers.ask()
    others = [callers.ask() for _ in range(2)]
    in_air.land("old")
    callers.request().give("kept")
    assert text(older) == "kept"
    for number in range(2):
        callers.request().go().land(f"{number}")
    assert {text(call) for call in others} == {"0", "1"}


def test_any_error_frees_those_who_wait(start: Start) -> None:
    callers = start(NEVER)
    first = callers.ask()
    request = callers.request()
    other = callers.ask()
    request.go().land(KeyboardInterrupt())
    assert isinstance(first.exception(NEVER), KeyboardInterrupt)
    callers.request().go().land("new")
    assert text(other) == "new"


def test_who_has_less_time_leaves_with_an_error_of_its_own(start: Start) -> None:
    callers = start(NEVER)
    first = callers.ask()
    request = callers.request()
    hurried = callers.ask(seconds=0.01)
    error = hurried.exception(NEVER)
    assert isinstance(error, NotSent)
    assert str(error) == (
        "NOT_SENT Tiny was not asked: the same question of another call was still waiting for its turn when the time "
        "was over; nothing was sent, it is safe to try again"
    )
    request.go().land("new")
    assert text(first) == "new"


def test_who_has_less_time_than_the_request_takes_has_no_definite_answer(start: Start) -> None:
    callers = start(NEVER)
    first = callers.ask()
    request = callers.request()
    hurried = callers.ask(seconds=0.5)
    request.go()
    error = hurried.exception(NEVER)
    assert isinstance(error, OutcomeUnknown)
    assert str(error) == "NO_DEFINITE_ANSWER Tiny network: timeout, no complete reply within 0.5 s"
    request.land("new")
    assert text(first) == "new"


def test_who_shares_a_request_that_hangs_joins_one_more(start: Start) -> None:
    callers = start(0.0)
    callers.fly().land("the usual time is known now")
    first = callers.ask()
    hanging = callers.request()
    other = callers.ask()
    hanging.go()
    callers.request().go().land("new")
    assert text(other) == "new"
    assert not first.done()
    hanging.land("late")
    assert text(first) == "late"


def test_different_questions_share_nothing(start: Start) -> None:
    callers = start(NEVER)
    calls = [callers.ask(question) for question in ("BTC", "ETH")]
    requests = [callers.request() for _ in calls]
    for request, said in zip(requests, ("BTC's", "ETH's"), strict=True):
        request.go().land(said)
    assert {text(call) for call in calls} == {"BTC's", "ETH's"}


def test_the_questions_that_are_remembered_are_few(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("transport.flights._MOST", 2)
    flights = Flights("Tiny")
    for question in "abcabc":
        flights.share(question, lambda depart: reply("new"), Deadline.after(NEVER))
    assert list(flights._routes) == ["b", "c"]
