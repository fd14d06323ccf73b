"""The table FAULTS: name → what a server does with one connection."""

import gzip
import json
import re
import select
import socket
import struct
from collections.abc import Callable, Mapping
from urllib.parse import quote

from exchanges.kit.faults.bodies import MOST, PAGE, TOO_MUCH, bomb, echo, small_bomb
from exchanges.kit.faults.visit import DRIP, Seen, Visit, head

Fault = Callable[[Visit], object]
"""Serves one connection."""


def steps(*behaviours: Fault) -> Fault:
    """Return the fault that behaves in these ways, one after another."""

    def behave(visit: Visit) -> None:
        for each in behaviours:
            each(visit)

    return behave


def say(data: bytes) -> Fault:
    """Return the fault that sends these bytes."""
    return lambda visit: visit.sock.sendall(data)


def _serve(visit: Visit) -> None:
    """Answer request after request on one connection, as long as they come."""
    while True:
        path = visit.request().target.partition("?")[0]
        if visit.server.together:
            visit.server.together.wait(10)
        body = visit.server.bodies.get(path, visit.server.body)
        visit.reply(body, Connection="keep-alive", Set_Cookie="session=someone-else; Path=/")
        visit.current = None


def _endless_chunks(visit: Visit) -> None:
    visit.request()
    visit.sock.sendall(head("200 OK", {"Content-Type": "application/json", "Transfer-Encoding": "chunked"}))
    while not visit.server.stopped.wait(DRIP):
        visit.sock.sendall(b"4\r\n    \r\n")


def _endless_interim(visit: Visit) -> None:
    visit.request()
    while not visit.server.stopped.wait(DRIP):
        visit.sock.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")


def _drip_head(visit: Visit) -> None:
    visit.request()
    visit.drip(head("200 OK", {"Content-Type": "application/json", "X-Filler": "." * 10_000}))


def _drip_body(visit: Visit) -> None:
    visit.request()
    visit.sock.sendall(head("200 OK", {"Content-Type": "application/json", "Content-Length": "10000"}))
    visit.drip(b" " * 10_000)


def _headers_that_echo(visit: Visit) -> None:
    """Send a header block that is none, and quotes the request: a parser may put it into a log."""
    seen = visit.request()
    said = echo(seen).replace("\n", " ")
    visit.sock.sendall(b"HTTP/1.1 200 OK\r\nno header at all " + said.encode() + b"\r\nContent-Length: 2\r\n\r\n{}")


def _json_echo(visit: Visit, status: str, cut: int | None = None) -> None:
    said = echo(visit.request())
    visit.reply(json.dumps({"code": 7, "msg": said, "error": {"code": 7, "msg": said}}).encode()[:cut], status)


def _by_path(visit: Visit) -> None:
    """Run the fault that the path names: ``/reset-on-accept?…``."""
    FAULTS[visit.head().target.partition("?")[0].strip("/").replace("-", " ")](visit)


def market(fault: str) -> str:
    """Return the currency whose markets fail this way behind ``by market``: ``F07`` for the eighth fault."""
    return f"F{list(FAULTS).index(fault):02}"


def _by_market(visit: Visit) -> None:
    """Run the fault that the market in the request's line names, ``none`` without one; so one server has all of them at
    once.

    The request is still unread then.
    """
    line, *_ = visit.peek().split(b"\r\n")
    named = re.search(rb"(?i)\bF(\d\d)", line)
    fault = list(FAULTS)[int(named[1])] if named else "none"
    with visit.server.lock:
        visit.server.visits[fault] += 1
    FAULTS[fault](visit)


def _interim_flood(visit: Visit) -> None:
    visit.request()
    visit.sock.sendall(b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" * 1000)
    visit.hang()


def _switching(visit: Visit) -> None:
    visit.request()
    visit.sock.sendall(head("101 Switching Protocols", {"Upgrade": "websocket", "Connection": "Upgrade"}))
    visit.reply(b"{}")


def _hinted(visit: Visit) -> None:
    """Answer request after request with what was asked for, each time after the interim replies that it names."""
    while True:
        for status in re.findall(r"=(1\d\d)", visit.request().target):
            visit.sock.sendall(head(f"{status} Interim", {"Link": "</a>", "Content-Length": "3"}))
            visit.server.stopped.wait(0.05)
        visit.reply(json.dumps({"asked": visit.request().target}).encode(), Connection="keep-alive")
        visit.current = None


def _surplus(visit: Visit, late: bool = False) -> None:
    """Answer each request with what was asked for, and then once more, with what nobody asked for."""
    while True:
        answer = json.dumps({"asked": visit.request().target}).encode()
        unasked = b'{"asked": "by nobody"}' + b" " * 20_000  # more than one reader's buffer
        usual = {"Content-Type": "application/json", "Connection": "keep-alive"}
        first, second = (head("200 OK", usual | {"Content-Length": len(body)}) + body for body in (answer, unasked))
        visit.sock.sendall(first if late else first + second)
        if late and not visit.server.stopped.wait(0.05):
            visit.sock.sendall(second)
        visit.current = None


def _who(visit: Visit) -> None:
    visit.reply(json.dumps({"asked": visit.request().target}).encode())


def _proxy(visit: Visit) -> None:
    """Act as an HTTP proxy: tunnel a CONNECT, forward the rest, and take ``server.upstream`` for every name."""
    seen = visit.head()
    if seen.method == "CONNECT":
        visit.sock.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
        _pump(visit)
    else:
        _pump(visit, head_as_sent(seen) + visit.request().body)


def head_as_sent(seen: Seen) -> bytes:
    """Return a request's head again, with the path alone as its target."""
    path = "/" + seen.target.split("/", 3)[-1]
    lines = [f"{seen.method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in seen.headers.items())]
    return "\r\n".join([*lines, "", ""]).encode()


def _socks5(visit: Visit, slow: float = 0) -> None:
    """Act as a SOCKS5 proxy without authentication; the address that it is asked for is recorded as a request to
    ``name:port``.

    slow: seconds until it answers; it leads nowhere then.
    """
    _, count = visit.exactly(2)
    visit.exactly(count)
    visit.sock.sendall(b"\x05\x00")
    _, _, _, kind = visit.exactly(4)
    name = visit.exactly(visit.exactly(1)[0]).decode() if kind == 3 else socket.inet_ntoa(visit.exactly(4))
    [port] = struct.unpack(">H", visit.exactly(2))
    visit.record(Seen("SOCKS5", f"{name}:{port}", {}))
    visit.server.stopped.wait(slow)
    visit.sock.sendall(b"\x05\x00\x00\x01\x00\x00\x00\x00\x00\x00")
    if slow:
        visit.hang()
    else:
        _pump(visit)


def _slow_tunnel(visit: Visit) -> None:
    """Open a tunnel, which takes 0.6 s and leads nowhere."""
    visit.head()
    visit.server.stopped.wait(0.6)
    visit.sock.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
    visit.hang()


def _pump(visit: Visit, first: bytes = b"") -> None:
    with socket.create_connection(visit.server.upstream) as upstream:
        upstream.sendall(first)
        ways = {visit.sock: upstream, upstream: visit.sock}
        while not visit.server.stopped.is_set():
            for ready in select.select(list(ways), [], [], 0.05)[0]:
                data = ready.recv(65536)
                if not data:
                    return
                ways[ready].sendall(data)


FAULTS: Mapping[str, Fault] = {
    "none": _serve,
    "none, then close": lambda visit: visit.reply(visit.server.body, Connection="keep-alive"),
    "by path": _by_path,
    "by market": _by_market,
    "who": _who,
    # the connection
    "reset on accept": Visit.reset,
    "reset unread": steps(Visit.wait, Visit.reset),
    "reset after head": steps(Visit.head, Visit.reset),
    "reset after request": steps(Visit.request, Visit.reset),
    "close without answer": Visit.request,
    "hang on accept": Visit.hang,
    "hang": steps(Visit.request, Visit.hang),
    "drip head": _drip_head,
    "drip body": _drip_body,
    "endless interim": _endless_interim,
    "interim flood": _interim_flood,
    "101": _switching,
    # what is said is not what was asked for
    "502 page": lambda visit: visit.reply(PAGE, "502 Bad Gateway", "text/html"),
    "503 page": lambda visit: visit.reply(PAGE, "503 Service Unavailable", "text/html", Retry_After="0"),
    "503 json": lambda visit: visit.reply(b'{"code": 503, "msg": "busy"}', "503 Service Unavailable", Retry_After="0"),
    "200 page": lambda visit: visit.reply(PAGE, kind="text/html"),
    "200 empty": lambda visit: visit.reply(b""),
    "204": lambda visit: visit.reply(b"", "204 No Content"),
    "garbage": steps(Visit.request, say(b"SSH-2.0-OpenSSH_9.9\r\n")),
    "headers that echo": _headers_that_echo,
    # what is said is not complete, or too much
    "cut body": lambda visit: visit.reply(b'{"data": {"buy": "1', Content_Length="5000"),
    "cut json": lambda visit: visit.reply(b'{"data": {"buy": "1'),
    "endless chunks": _endless_chunks,
    "big body": lambda visit: visit.reply(b" " * TOO_MUCH),
    "bomb": lambda visit: visit.reply(bomb(), Content_Encoding="gzip"),
    "small bomb": lambda visit: visit.reply(small_bomb(), Content_Encoding="gzip"),
    "wrong encoding": lambda visit: visit.reply(b'{"data": {}}', Content_Encoding="gzip"),
    "unknown encoding": lambda visit: visit.reply(b"\x1b\x0b\x00\xf8", Content_Encoding="br"),
    # redirects, to a server that must never be asked
    "redirect": lambda visit: visit.reply(PAGE, "307 Temporary Redirect", Location=f"{visit.server.elsewhere}/x"),
    "redirect with bomb": lambda visit: visit.reply(
        small_bomb(), "307 Temporary Redirect", Location=f"{visit.server.elsewhere}/x", Content_Encoding="gzip"
    ),
    "location that echoes": lambda visit: visit.reply(
        PAGE, "307 Temporary Redirect", Location=f"/{quote(echo(visit.request()))}"
    ),
    # definite refusals
    "400 json": lambda visit: visit.reply(b'{"code": 7, "msg": "no", "error": {"code": 7}}', "400 Bad Request"),
    "400 page": lambda visit: visit.reply(PAGE, "400 Bad Request", "text/html"),
    "403 page": lambda visit: visit.reply(PAGE, "403 Forbidden", "text/html"),
    "401 page": lambda visit: visit.reply(PAGE, "401 Unauthorized", "text/html"),
    "429 page": lambda visit: visit.reply(PAGE, "429 Too Many Requests", "text/html", Retry_After="0"),
    # an exchange that quotes the whole request
    "400 echo": lambda visit: _json_echo(visit, "400 Bad Request"),
    "200 echo": lambda visit: _json_echo(visit, "200 OK"),
    "502 echo": lambda visit: _json_echo(visit, "502 Bad Gateway"),
    "cut echo": lambda visit: _json_echo(visit, "200 OK", cut=-3),
    "text echo": lambda visit: visit.reply(echo(visit.request()).encode(), "400 Bad Request", "text/plain"),
    # proxies
    "hinted": _hinted,
    "surplus": _surplus,
    "late surplus": lambda visit: _surplus(visit, late=True),
    "talks first": steps(say(b"220 mail.test ESMTP\r\n"), Visit.hang),
    "8 MiB": lambda visit: visit.reply(b" " * MOST),
    "8 MiB packed": lambda visit: visit.reply(gzip.compress(b" " * MOST), Content_Encoding="gzip"),
    "socks5 refuses": steps(lambda visit: visit.exactly(3), say(b"\x05\xff")),
    "proxy": _proxy,
    "tls proxy": _proxy,
    "socks5": _socks5,
    "slow tunnel": _slow_tunnel,
    "slow socks5": lambda visit: _socks5(visit, slow=0.6),
    "proxy refuses": lambda visit: visit.reply(PAGE, "403 Forbidden", "text/html"),
}
