"""An exchange's reply to one request."""

import json
import time
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import orjson

MAX_EXCERPT = 300  # characters of a reply that an error text may carry


@dataclass(frozen=True, slots=True)
class Reply:
    """A reply: HTTP status, media type, decompressed body, the header ``Retry-After``, and when it arrived, in
    ``time.monotonic()`` seconds."""

    exchange: str
    status: int
    media_type: str
    body: bytes
    retry_after: str = ""
    arrived: float = field(default_factory=time.monotonic, compare=False)

    @property
    def age_ms(self) -> int:
        """Return how long ago it arrived, in ms."""
        return round((time.monotonic() - self.arrived) * 1000)

    def json(self, *, exact: bool) -> Any:
        """Return the body as JSON; fractions as Decimal when ``exact``, else as doubles. Raises ValueError for a page,
        an empty or a cut-off body, and for text that could not be written again."""
        payload = orjson.loads(self.body)  # the stricter reader: no NaN, no lone surrogates, UTF-8 only
        if not exact:
            return payload
        try:
            return json.loads(self.body, parse_float=Decimal)
        except (RecursionError, ArithmeticError) as error:
            raise ValueError("not usable JSON") from error

    def excerpt(self) -> str:
        """Return a description of the body, in at most 300 characters, with its text unless that is a web page."""
        size = f"{len(self.body)} bytes of {self.media_type or 'no media type'}"
        if not self.body:
            return "an empty reply"
        text = " ".join(self.body[: 8 * MAX_EXCERPT].decode(errors="replace").split())
        return f"not the expected JSON but {size}" if "<" in text else f"{size}: {text}"[:MAX_EXCERPT]
