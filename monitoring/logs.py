"""The log: lines for a terminal, or JSON for a program, with the id that the lines of one request share."""

import logging
import random
import re
import sys
from collections.abc import Mapping
from contextvars import ContextVar
from types import MappingProxyType
from typing import Any

from protocol import wire

FORMATS = ("text", "json")
CALL_FIELDS = ("exchange", "money", "path", "method", "outcome", "ms")
"""The fields of the line of a call, in JSON."""

_FIRST = ("event", "request_id", *CALL_FIELDS)  # what the thread knows of its request comes in any order
_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
_NOTHING: Mapping[str, str] = MappingProxyType({})
_of_request: ContextVar[Mapping[str, str]] = ContextVar("of_request", default=_NOTHING)


def configure(level: str, form: str) -> None:
    """Log to standard error, once per process."""
    lines = logging.StreamHandler()
    lines.setFormatter(Text("%(asctime)s %(levelname)s %(name)s %(message)s"))
    logging.basicConfig(level=level, handlers=[lines])
    if form == "json":
        for handler in logging.root.handlers:
            handler.setFormatter(json_formatter())


class Text(logging.Formatter):
    """The formatter of lines of text. Each line of a call ends with the money that the call moves: what people search
    for stands before it, as in other lines."""

    def format(self, record: logging.LogRecord) -> str:
        line = super().format(record)
        money = _of_request.get().get("money")
        return f"{line} {money}" if money and not hasattr(record, "money") else line


def json_formatter() -> logging.Formatter:
    """Return the formatter that writes a line of JSON for each record."""
    # Imported here, because structlog brings rich with it: 9 MiB and a twentieth of a second, which text need not pay.
    from structlog.processors import JSONRenderer, StackInfoRenderer, TimeStamper, format_exc_info
    from structlog.stdlib import ExtraAdder, ProcessorFormatter, add_log_level, add_logger_name

    return ProcessorFormatter(
        foreign_pre_chain=[
            lambda _logger, _level, fields: {**_of_request.get(), **fields},
            ExtraAdder(allow=CALL_FIELDS),
            add_log_level,
            add_logger_name,
            StackInfoRenderer(),
            format_exc_info,
            TimeStamper(fmt="iso", utc=True),
        ],
        processors=[ProcessorFormatter.remove_processors_meta, JSONRenderer(serializer=_write)],
    )


def gunicorn_config(level: str, form: str) -> dict[str, Any]:
    """Return what gunicorn is told about its own log, nothing for lines of text."""
    if form != "json":
        return {}
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"json": {"()": json_formatter}},
        "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "json"}},
        "root": {"level": level, "handlers": ["console"]},
        "loggers": {"gunicorn.error": {"level": level, "handlers": [], "propagate": True}},
    }


def announce(address: str, form: str, option: str = "") -> None:
    """Tell whoever started the gateway its address, and a first call to try. option: what curl needs for it."""
    if form == "json":
        logging.getLogger("fmz-gateway").info("fmz-gateway is ready at %s", address)
        return
    sys.stdout.write(
        f"\nfmz-gateway is ready. Service address for FMZ's General Protocol form:\n\n    {address}\n\nTry it:\n\n"
        f"""    curl -s{option} {address} -d '{{"method": "ticker", "params": {{"symbol": "BTC_USDT"}}}}'\n\n"""
    )
    sys.stdout.flush()


def begin_request(given: str) -> str:
    """Return the id of a request, the caller's own where it is one, and give it to all lines until the next request in
    this thread."""
    # It is no secret, so the system need not be asked for chance.
    request_id = given if _REQUEST_ID.fullmatch(given) else f"{random.getrandbits(128):032x}"  # nosec B311  # told to everyone
    _of_request.set({"request_id": request_id})
    return request_id


def name_money(money: str) -> None:
    """Say in all further lines of this request which money it moves."""
    _of_request.set({**_of_request.get(), "money": money})


def _write(fields: dict[str, Any], **_: Any) -> str:
    first = {name: fields[name] for name in _FIRST if name in fields}
    return wire.write(first | fields).decode()
