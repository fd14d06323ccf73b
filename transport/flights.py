"""Equal public questions under way share one request.

A call is only ever given the reply to a request that was sent after the call had asked, so that no data are older than
its question. Calls that ask while a request is in the air gather for the next one. It is sent when that one has landed,
and those that it answered, who may ask at once again, have had a moment to join; or when either takes too long.

Only replies are shared. Whoever shared a request that failed asks alone: another connection, a longer deadline or a
limit's reserve may do better. Whoever waits for a reply much longer than usual joins one more request.
"""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field

from protocol.deadline import Deadline
from protocol.errors import GatewayError, NotSent, OutcomeUnknown
from transport.reply import Reply
from transport.words import reason

Send = Callable[[Callable[[], None]], Reply]
"""Sends a request and returns its reply. It calls its argument when all waiting is over, just before the request goes
out; a reply that it returns without that is for its own caller only."""

_LONGEST = 0.1  # seconds that a call waits for others, for each of the two reasons that there are
_UNKNOWN = 0.5  # seconds that a flight is taken to last before one has landed
_SLOW = 2  # times the usual: a flight that lasts longer is late
_GAP = 1 / 8  # of the patience: when nobody has joined for so long, nobody else is coming
_MOST = 1000  # questions that are remembered


@dataclass(slots=True)
class Flight:
    """One request and the calls that share its reply.

    joined, sent: when the last call joined, and when the request went out, in ``time.monotonic()`` seconds; sent is
    None until then. reply: None if it failed.
    """

    joined: float
    calls: int = 1
    sent: float | None = None
    reply: "Future[Reply | None]" = field(default_factory=Future)


class Route:
    """The flights of one question. Thread-safe.

    longest: seconds that a call waits for others at most, for each reason.
    """

    def __init__(self, longest: float) -> None:
        self._longest = longest
        self._changed = threading.Condition()
        self._gathering: Flight | None = None
        self._in_air: Flight | None = None
        self._seconds = _UNKNOWN
        self._expected = 0
        self._landed = float("-inf")

    @property
    def late_after(self) -> float:
        """Return the seconds after which a call that has joined is surely answered, unless its flight is late."""
        return 2 * self._patience + _SLOW * max(self._seconds, self._longest)

    def board(self) -> tuple[Flight, bool]:
        """Join the flight that gathers, or begin one; return it, with True if it was begun."""
        with self._changed:
            if self._gathering is None:
                self._gathering = Flight(time.monotonic())
                return self._gathering, True
            flight = self._gathering
            flight.calls += 1
            flight.joined = time.monotonic()
            if flight.calls >= self._expected:
                self._changed.notify()
            return flight, False

    def gather(self, flight: Flight, most: float) -> None:
        """Wait for others to join a flight, ``most`` seconds at most."""
        end = time.monotonic() + most
        with self._changed:
            while (pause := min(self._pause(flight), end) - time.monotonic()) > 0:
                self._changed.wait(pause)

    def depart(self, flight: Flight) -> None:
        """Note that a flight is being sent: nobody can join it any more."""
        with self._changed:
            flight.sent = time.monotonic()
            self._gathering = None
            self._in_air = flight

    def land(self, flight: Flight, reply: Reply | None) -> None:
        """Give a flight's reply to its calls; None if it failed, sent or not."""
        with self._changed:
            if self._gathering is flight:
                self._gathering = None
            if self._in_air is flight:
                self._in_air = None
                self._landed = time.monotonic()
                self._expected = 0
                if reply and flight.sent is not None:
                    self._seconds = self._landed - flight.sent
                    self._expected = flight.calls + (self._gathering.calls if self._gathering else 0)
                self._changed.notify()
        flight.reply.set_result(reply)

    @property
    def _patience(self) -> float:
        return min(_SLOW * self._seconds, self._longest)

    def _pause(self, flight: Flight) -> float:
        """Return until when a flight waits, in ``time.monotonic()`` seconds, if nothing changes."""
        if self._in_air:
            return (self._in_air.sent or 0) + self._patience
        if flight.calls >= self._expected:
            return 0
        return min(max(flight.joined, self._landed) + _GAP * self._patience, self._landed + self._patience)


class Flights:
    """The shared requests of one exchange. Thread-safe.

    name: the exchange's. longest: seconds that a call waits for others at most, for each of two reasons: that a request
    is in the air, and that those whom it answered may ask again.
    """

    def __init__(self, name: str, *, longest: float = _LONGEST) -> None:
        self._name = name
        self._longest = longest
        self._routes: OrderedDict[str, Route] = OrderedDict()
        self._lock = threading.Lock()

    def share(self, question: str, send: Send, deadline: Deadline) -> tuple[Reply, bool]:
        """Return the reply to a question, with True if this call's own request got it.

        Raises what ``send`` raises; where the deadline passes while another call's request is awaited, NotSent or
        OutcomeUnknown.
        """
        route = self._route(question)
        for patience in (route.late_after, float("inf")):
            flight, leads = route.board()
            if leads:
                return self._lead(route, flight, send, deadline), True
            try:
                reply = self._reply_of(flight, patience, deadline)
            except TimeoutError:
                continue  # with one more flight: this one may never land
            if reply is None:
                break
            return reply, False
        return send(lambda: None), True

    def _reply_of(self, flight: Flight, patience: float, deadline: Deadline) -> Reply | None:
        """Return a flight's reply, None if it failed. Raises TimeoutError when it has been sent, and ``patience``
        seconds have passed; NotSent or OutcomeUnknown when the deadline has."""
        began = time.monotonic()
        while True:
            try:
                return flight.reply.result(min(patience, deadline.left()))
            except TimeoutError:
                if not deadline.left():
                    raise self._too_late(flight, time.monotonic() - began) from None
                if flight.sent is not None:
                    raise

    def _lead(self, route: Route, flight: Flight, send: Send, deadline: Deadline) -> Reply:
        reply = None
        try:
            route.gather(flight, deadline.left() / 2)
            reply = send(lambda: route.depart(flight))
        finally:
            route.land(flight, reply if flight.sent is not None else None)
        return reply

    def _route(self, question: str) -> Route:
        with self._lock:
            route = self._routes.pop(question, None) or Route(self._longest)
            self._routes[question] = route
            while len(self._routes) > _MOST:
                self._routes.popitem(last=False)
            return route

    def _too_late(self, flight: Flight, seconds: float) -> GatewayError:
        if flight.sent is None:
            return NotSent(
                f"{self._name} was not asked: the same question of another call was still waiting for its turn when "
                "the time was over; nothing was sent, it is safe to try again"
            )
        why = reason(TimeoutError(), timed_out=True, seconds=seconds)
        return OutcomeUnknown(f"{self._name} network: {why}")
