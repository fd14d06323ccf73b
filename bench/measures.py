"""Measures the service, in the order of the table, and has the goals.

Latencies are of the fake exchange; the peers are measured by turns, and the medians of their rounds are compared.
"""

import statistics
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

from bench.client import Sample, asked
from bench.fake import BASES
from bench.stage import Fake, Peer, bare, go, service

MS = 0.001
ROBOTS = 32
ROUNDS = 4  # of which the best one counts
FAR = 20 * MS  # an exchange's latency
_nonces = count(1)


@dataclass(frozen=True)
class Figure:
    """One line of the table. goal: the bound, in the unit of the name, None where the peer is missing that sets it;
    at_least: True if the figure is to be above."""

    name: str
    value: float
    goal: float | None
    beside: str = ""
    at_least: bool = False

    @property
    def met(self) -> bool:
        """Return True if the goal is reached."""
        if self.goal is None:
            return False
        return self.value >= self.goal if self.at_least else self.value <= self.goal


@dataclass
class Bench:
    """Has what the measures share: the fake exchange, a folder, the article's program if there is one, and how much is
    asked: 1 in full, less for a quick look."""

    exchange: Fake
    directory: Path
    article: Path | None
    size: float
    _services: Iterator[int] = field(default_factory=count)

    def calls(self, number: int) -> int:
        """Return how often to ask."""
        return max(int(number * self.size), 40)

    def service(
        self, settings: Mapping[str, str] | None = None, *, tls: bool = True, options: Sequence[str] = ()
    ) -> Any:
        """Return the context of a service with a state of its own. options: gunicorn's."""
        return service(self._folder(), self.exchange, settings or {}, tls=tls, options=options)

    def bare(self, *, tls: bool = True) -> Any:
        """Return the context of the service's libraries without it."""
        return bare(self._folder(), self.exchange, tls=tls)

    def _folder(self) -> Path:
        return self.directory / f"service-{next(self._services)}"


def read(method: str = "ticker", route: str = "bitgo") -> Callable[[int], tuple[str, dict[str, object]]]:
    """Return the calls that read market data, all of the same market."""
    params = {"symbol": "LTC_CNY", **({"period": "5"} if method == "records" else {})}
    return lambda number: (route, _envelope(method, params))


def mixed(number: int, route: str = "bitgo") -> tuple[str, dict[str, object]]:
    """Return a call of one of three methods, of one of four markets."""
    base = ("BTC", "LTC", "ETH", "ETC")[number % 4]
    method = ("ticker", "depth", "records")[number // 4 % 3]
    params = {"symbol": f"{base}_CNY", **({"period": "5"} if method == "records" else {})}
    return route, _envelope(method, params)


def limit_order(bases: Sequence[str] = BASES[:1], route: str = "fastex") -> Callable[[int], Any]:
    """Return new limit orders, each of an amount of its own, in these markets by turns."""

    def call(number: int) -> tuple[str, dict[str, object]]:
        params = {"symbol": f"{bases[number % len(bases)]}_USDT", "type": "buy", "price": "100"}
        return route, _envelope("trade", params | {"amount": f"{0.1 + number % 800 / 1000:.3f}"})

    return call


def _envelope(method: str, params: dict[str, str]) -> dict[str, object]:
    return {"access_key": "key", "secret_key": "secret", "nonce": next(_nonces), "method": method, "params": params}


def rounds(number: int, *measures: Callable[[], Sample]) -> list[list[Sample]]:
    """Return the samples of each measure, taken by turns."""
    taken: list[list[Sample]] = [[] for _ in measures]
    for _ in range(number):
        for samples, measure in zip(taken, measures, strict=True):
            samples.append(measure())
            assert not samples[-1].failed, f"{samples[-1].failed} calls failed"
    return taken


def median(samples: Sequence[Sample], figure: Callable[[Sample], float]) -> float:
    """Return the median of a figure of each sample."""
    return statistics.median(map(figure, samples))


def p50(sample: Sample) -> float:
    """Return the ms in which half of the calls ended."""
    return sample.percentile(0.5)


def p99(sample: Sample) -> float:
    """Return the ms in which 99 of 100 calls ended."""
    return sample.percentile(0.99)


def rate(sample: Sample) -> float:
    """Return calls a second."""
    return sample.rate


def one_client(bench: Bench) -> Iterator[Figure]:
    """Yield what is added to a ticker of an exchange 20 ms away."""
    with bench.service() as gateway, bench.bare() as libraries:
        bench.exchange.reset(FAR)
        calls = bench.calls(400)
        direct, ours, least = rounds(
            3,
            lambda: bench.exchange.direct("market", 1, calls),
            lambda: asked(gateway.port, read(), 1, calls),
            lambda: asked(libraries.port, read(), 1, calls),
        )
    for name, figure, goal in (("p50", p50, 1.3), ("p99", p99, 3.0)):
        added, least_added = (median(samples, figure) - median(direct, figure) for samples in (ours, least))
        yield Figure(f"1 client, 20 ms: added {name}, ms", added, goal, f"bare {least_added:.1f}")


def many_clients(bench: Bench) -> Iterator[Figure]:
    """Yield what 32 clients get of an exchange 20 ms away, its handshake as far."""
    with ExitStack() as stack:
        gateway = stack.enter_context(bench.service())
        libraries = stack.enter_context(bench.bare())
        bench.exchange.reset(FAR, FAR)
        calls = bench.calls(6000)
        peers: list[Callable[[], Sample]] = [
            lambda: bench.exchange.direct("market", ROBOTS, calls),
            lambda: asked(gateway.port, _markets, ROBOTS, calls),
            lambda: asked(libraries.port, _markets, ROBOTS, calls),
        ]
        if bench.article:
            article = stack.enter_context(go(bench.directory, bench.exchange, bench.article))
            peers.append(lambda: asked(article.port, lambda number: ("exchange", _markets(number)[1]), ROBOTS, calls))
        direct, ours, least, *others = rounds(3, *peers)
        bench.exchange.reset(FAR, FAR)
        asked(gateway.port, _markets, ROBOTS, calls)
        connections = bench.exchange.counts()["connections"]
    beside = f"bare {median(least, rate):.0f}/s" + (f", Go {median(others[0], rate):.0f}/s" if others else "")
    yield Figure(
        f"32 clients, 20 ms + 20 ms: calls/s of direct's {median(direct, rate):.0f}",
        median(ours, rate) / median(direct, rate), 0.9, beside, at_least=True,
    )  # fmt: skip
    yield Figure("32 clients: p99 of direct's", median(ours, p99) / median(direct, p99), 1.5)
    yield Figure("32 clients: new connections per 1,000 calls", 1000 * connections / calls, 2)


def _markets(number: int) -> tuple[str, dict[str, object]]:
    """Return a ticker of a market that nobody else asks for."""
    return "bitgo", _envelope("ticker", {"symbol": f"X{number}_CNY"})


def processor(bench: Bench) -> Iterator[Figure]:
    """Yield the processor time of a call to an exchange that answers at once."""
    figures, beside = {}, {}
    for tls in (False, True):
        with bench.service(tls=tls) as gateway, bench.bare(tls=tls) as libraries:
            for method in ("ticker",) if not tls else ("ticker", "depth", "records"):
                figures[tls, method] = _cpu_us(bench, gateway, method)
            beside[tls, "ticker"] = f"bare {_cpu_us(bench, libraries, 'ticker'):.0f}"
    if bench.article:
        with go(bench.directory, bench.exchange, bench.article) as article:
            beside[True, "ticker"] += f", Go {_cpu_us(bench, article, 'ticker', 'exchange'):.0f}"
            beside[True, "records"] = f"Go {_cpu_us(bench, article, 'records', 'exchange'):.0f}"
    yield Figure("ticker, plain: processor µs", figures[False, "ticker"], 750, beside[False, "ticker"])
    yield Figure("ticker, TLS: processor µs", figures[True, "ticker"], 850, beside[True, "ticker"])
    yield Figure("200 levels, TLS: processor µs", figures[True, "depth"], 900)
    yield Figure("1,000 bars, TLS: processor µs", figures[True, "records"], 1985, beside.get((True, "records"), ""))


def _cpu_us(bench: Bench, peer: Peer, method: str, route: str = "bitgo") -> float:
    bench.exchange.reset()
    calls = bench.calls(4000 if method == "ticker" else 1000) // ROUNDS
    asked(peer.port, read(method, route), 1, calls)
    return 1_000_000 * _cpu(peer, read(method, route), 1, calls)


def _cpu(peer: Peer, call: Callable[[int], Any], clients: int, calls: int) -> float:
    """Return the processor seconds of a call, in the round that took the least: what others on the same machine add is
    not the peer's."""
    least = float("inf")
    for _ in range(ROUNDS):
        before = peer.cpu()
        assert not asked(peer.port, call, clients, calls).failed
        least = min(least, (peer.cpu() - before) / calls)
    return least


def one_market(bench: Bench) -> Iterator[Figure]:
    """Yield what 32 robots cost that ask for the same ticker."""
    with ExitStack() as stack:
        shared = stack.enter_context(bench.service())
        cached = stack.enter_context(bench.service({"CACHE_MS": "1000"}))
        for name, gateway, latency, goal in (
            ("an exchange that answers at once", shared, 0.0, 150),
            ("20 ms", shared, FAR, 35),
            ("the cache on", cached, FAR, 5),
        ):
            calls = bench.calls(6000)
            asked(gateway.port, read(), ROBOTS, calls // 4)
            bench.exchange.reset(latency)
            each = _cpu(gateway, read(), ROBOTS, calls // ROUNDS)
            requests = 1000 * bench.exchange.counts()["requests"] / calls
            yield Figure(f"32 robots on one ticker, {name}: upstream calls per 1,000", requests, goal)
            if gateway is cached:
                yield Figure("32 robots on one ticker, the cache on: calls/s a core", 1 / each, 2600, at_least=True)


def several_markets(bench: Bench) -> Iterator[Figure]:
    """Yield what 32 clients cost that read four markets."""
    calls = bench.calls(6000) // ROUNDS

    def each(peer: Peer, route: str) -> float:
        bench.exchange.reset(FAR)
        return 1 / _cpu(peer, lambda number: mixed(number, route), ROBOTS, calls)

    with bench.service() as shared, bench.service({"CACHE_MS": "1000"}) as cached:
        ours, kept = each(shared, "bitgo"), each(cached, "bitgo")
    theirs = None
    if bench.article:
        with go(bench.directory, bench.exchange, bench.article) as article:
            theirs = each(article, "exchange")
    beside = f"Go {theirs:.0f}" if theirs else ""
    yield Figure("4 markets × 3 reads: calls/s a core", ours, theirs, beside, at_least=True)
    three = 3 * theirs if theirs else None
    yield Figure("4 markets × 3 reads, the cache on: calls/s a core", kept, three, beside, at_least=True)


def orders(bench: Bench) -> Iterator[Figure]:
    """Yield what is added to an order, alone and among others, and how many there can be."""
    with bench.service() as gateway:
        asked(gateway.port, limit_order(), 1, 20)
        bench.exchange.reset(FAR)
        alone = asked(gateway.port, limit_order(), 1, bench.calls(400))
        one_line = [asked(gateway.port, limit_order(), 16, 16) for _ in range(5)]
        lines = [asked(gateway.port, limit_order(BASES), 16, 16) for _ in range(5)]
        bench.exchange.reset()
        many = asked(gateway.port, limit_order(BASES), 16, bench.calls(4000))
    far = 1000 * FAR
    assert not sum(sample.failed for sample in (alone, many, *one_line, *lines))
    yield Figure("limit order, 20 ms: added p50, ms", p50(alone) - far, 4)
    yield Figure("limit order, 20 ms: added p99, ms", p99(alone) - far, 12)
    yield Figure("16 orders at once in one market: added p50, ms", median(one_line, p50) - far, 25)
    yield Figure("16 orders at once in 14 markets: added p50, ms", median(lines, p50) - far, 25)
    yield Figure("orders/s, an exchange that answers at once", many.rate, 450, at_least=True)


def paper(bench: Bench) -> Iterator[Figure]:
    """Yield what an order on paper takes, by the number of open ones."""
    with bench.service() as gateway:
        for opened in (20, 300):
            asked(gateway.port, limit_order(route="paper"), 1, opened if opened == 20 else 300 - 60)
            sample = asked(gateway.port, limit_order(route="paper"), 1, 40)
            assert not sample.failed
            yield Figure(f"paper: limit order among {opened} open ones: p50, ms", p50(sample), 4)


def memory(bench: Bench) -> Iterator[Figure]:
    """Yield what the service needs: memory, and time until its first answer."""
    with bench.service() as gateway:
        idle, started = gateway.resident(), gateway.started
        asked(gateway.port, mixed, ROBOTS, bench.calls(200_000))
        used = gateway.resident()
    yield Figure("memory of master and worker, idle, MiB", idle, 90)
    yield Figure("memory after 200,000 calls, MiB", used, 100)
    yield Figure("start to first answer, ms", 1000 * started, 500)


MEASURES = {
    measure.__name__: measure
    for measure in (one_client, many_clients, processor, one_market, several_markets, orders, paper, memory)
}
