"""The page of the last calls of this gateway, with a filter, and the same as a file for a spreadsheet."""

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from io import StringIO

from flask import Blueprint, Response, render_template, request

from console.gateway import Gateway
from console.pages import Page, add_frame
from monitoring.latest import Call

_MOST = 500  # calls on the page; the file has all
_COLUMNS = ("time (UTC)", "method", "exchange", "money", "outcome", "ms")
_DONE, _FAILED = "OK", "failed"


@dataclass(frozen=True, slots=True)
class Filter:
    """The wish of a person who looks at the calls: everything where a field is empty. outcome: OK, failed, or a label.
    words: what must be in a call's line, in any case and order."""

    exchange: str
    money: str
    outcome: str
    words: str

    def fits(self, call: Call) -> bool:
        """Return True for a call that is wanted."""
        line = f"{call.method} {call.exchange} {call.money} {call.outcome}".lower()
        is_outcome = self.outcome in ("", call.outcome) or (self.outcome == _FAILED and call.outcome != _DONE)
        return (
            is_outcome
            and self.exchange in ("", call.exchange)
            and self.money in ("", call.money)
            and all(word in line for word in self.words.lower().split())
        )


def blueprint(gateway: Gateway) -> Blueprint:
    """Return the page and its file."""
    last_calls = Blueprint("last_calls", __name__)
    add_frame(last_calls, gateway)

    @last_calls.get("/console/calls")
    def show() -> Page:
        wanted, calls = _wanted(), gateway.latest.read()
        found = [call for call in calls if wanted.fits(call)]
        return render_template(
            "calls.html",
            wanted=wanted,
            rows=[(_time_of(call), call) for call in found[:_MOST]],
            found=len(found),
            total=len(calls),
            exchanges=sorted({call.exchange for call in calls}),
            outcomes=sorted({call.outcome for call in calls} - {_DONE}),
            by_money=gateway.by_money(),
        )

    @last_calls.get("/console/calls.csv")
    def download() -> Page:
        wanted = _wanted()
        lines = "".join(_lines(call for call in gateway.latest.read() if wanted.fits(call)))
        headers = {"Content-Disposition": "attachment; filename=calls.csv"}
        return Response(lines, headers=headers, content_type="text/csv; charset=utf-8")

    return last_calls


def _wanted() -> Filter:
    return Filter(*(request.args.get(name, "").strip() for name in ("exchange", "money", "outcome", "q")))


def _time_of(call: Call) -> str:
    return datetime.fromtimestamp(call.time_ms / 1000, UTC).isoformat(" ", "milliseconds").removesuffix("+00:00")


def _lines(calls: Iterator[Call]) -> Iterator[str]:
    """Yield the lines of a file. No text in it is anything that a caller has written, so none is a formula."""
    yield _line(_COLUMNS)
    for call in calls:
        yield _line((_time_of(call), call.method, call.exchange, call.money, call.outcome, f"{call.ms:.1f}"))


def _line(cells: tuple[str, ...]) -> str:
    text = StringIO()
    csv.writer(text, lineterminator="\r\n").writerow(cells)
    return text.getvalue()
