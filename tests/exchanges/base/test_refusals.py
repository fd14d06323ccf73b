"""The meaning of a reply that is not what was asked for: by its code, its words, its HTTP status."""

import pytest

from protocol.errors import (
    AuthenticationFailed,
    ExchangeError,
    ExchangeFailed,
    GatewayError,
    InsufficientFunds,
    InvalidCall,
    InvalidOrder,
    OrderNotFound,
    OutcomeUnknown,
    RateLimited,
)
from tests.lent import Lent
from tests.tiny import FINE, FUNDS, HTML, MAYBE, STRANGE, Canned, tiny

PATTERNS = {
    "10 ": InsufficientFunds,
    "11 .*no such order": OrderNotFound,
    "11 ": InvalidCall,
    "14 ": InvalidOrder,
    "12|13": OutcomeUnknown,
    r"-\d+ ": RateLimited,
}


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        # A page, an empty body, JSON of another shape or cut off: only the status tells.
        *((200, body, OutcomeUnknown) for body in (HTML, b"", b"[]", b"null", b"1", b'{"code": 10}', b"{", b"\xff")),
        (201, HTML, OutcomeUnknown), (204, b"", OutcomeUnknown), (400, HTML, ExchangeError), (400, b"", ExchangeError),
        (401, HTML, AuthenticationFailed), (403, HTML, ExchangeError), (404, b"[]", ExchangeError),
        (408, HTML, OutcomeUnknown), (418, HTML, RateLimited), (429, b"", RateLimited), (451, HTML, ExchangeError),
        (499, HTML, ExchangeError),
        *((status, body, ExchangeFailed) for status in (500, 502, 503, 504, 520, 599) for body in (HTML, b"", b"{}")),
        # A code that is in the table says more than the status.
        *((status, FUNDS, InsufficientFunds) for status in (200, 400, 401, 403, 404, 408, 418, 429)),
        *((status, FUNDS, OutcomeUnknown) for status in (500, 503)),  # whatever the body says
        *((status, MAYBE, OutcomeUnknown) for status in (200, 400, 401, 429, 500)),
        # One that is not says less.
        (200, STRANGE, ExchangeError), (400, STRANGE, ExchangeError), (401, STRANGE, AuthenticationFailed),
        (403, STRANGE, ExchangeError), (408, STRANGE, OutcomeUnknown), (418, STRANGE, RateLimited),
        (429, STRANGE, RateLimited), (500, STRANGE, ExchangeFailed), (503, STRANGE, ExchangeFailed),
        # Good news under a bad status is none.
        (400, FINE, ExchangeError), (401, FINE, AuthenticationFailed), (429, FINE, RateLimited),
        (500, FINE, ExchangeFailed),
    ],
)  # fmt: skip
@pytest.mark.parametrize("signed", [True, False], ids=["signed", "public"])
def test_what_a_reply_means(lent: Lent, status: int, body: bytes, kind: type[GatewayError], signed: bool) -> None:
    exchange = tiny(lent, Canned(status, body))
    with pytest.raises(GatewayError) as refused:
        exchange.call("POST", "/x", signed=signed)
    assert type(refused.value) is kind
    assert refused.value.message.startswith("Tiny ")


def test_the_text_names_code_and_words_or_status_and_size(lent: Lent) -> None:
    def told(status: int, body: bytes, media_type: str = "text/html") -> str:
        with pytest.raises(GatewayError) as refused:
            tiny(lent, Canned(status, body, media_type)).call("GET", "/x")
        return str(refused.value)

    assert told(400, FUNDS) == "INSUFFICIENT_FUNDS Tiny 10 too little"
    assert told(400, STRANGE) == "REFUSED Tiny 99 strange"
    assert told(500, STRANGE) == "NO_DEFINITE_ANSWER Tiny 99 strange"
    assert told(502, HTML) == "NO_DEFINITE_ANSWER Tiny HTTP 502: not the expected JSON but 33 bytes of text/html"
    assert told(404, b"") == "REFUSED Tiny HTTP 404: an empty reply"
    assert told(429, b"slow\n down", "text/plain") == "RATE_LIMITED Tiny HTTP 429: 10 bytes of text/plain: slow down"
    assert len(told(404, b"x" * 10_000, "text/plain")) < 400


@pytest.mark.parametrize(
    ("code", "message", "kind"),
    [
        (10, "x", InsufficientFunds), ("10", "x", InsufficientFunds), (100, "x", ExchangeError),
        (110, "x", ExchangeError), (11, "there is no such order", OrderNotFound), (11, "else", InvalidCall),
        (12, "", OutcomeUnknown), (13, "x", OutcomeUnknown), (133, "x", OutcomeUnknown), (-7, "x", RateLimited),
        ("a -7", "x", ExchangeError), ("", "10 x", InsufficientFunds), (None, None, ExchangeError),
        ("", "", ExchangeError),
    ],
)  # fmt: skip
def test_the_first_pattern_that_the_words_begin_with_counts(
    lent: Lent, code: object, message: object, kind: type[GatewayError]
) -> None:
    exchange = tiny(lent, refusals={}, refusal_texts=PATTERNS)
    assert type(exchange.refused(code, message)) is kind


@pytest.mark.parametrize(
    ("code", "message", "kind"),
    [
        (10, "x", InsufficientFunds), ("10", "x", InsufficientFunds), (100, "x", ExchangeError),
        (110, "x", ExchangeError), (11, "there is no such order", OrderNotFound), (11, "else", InvalidCall),
        (12, "", OutcomeUnknown), (13, "x", OutcomeUnknown), (133, "x", ExchangeError), (-7, "x", RateLimited),
        ("a -7", "x", ExchangeError), ("", "10 x", ExchangeError), (None, None, ExchangeError),
        ("", "", ExchangeError),
    ],
)  # fmt: skip
def test_a_code_counts_whole_after_the_patterns(
    lent: Lent, code: object, message: object, kind: type[GatewayError]
) -> None:
    error = tiny(lent).refused(code, message)
    assert (type(error), error.code) == (kind, str(code))


def test_an_exchanges_words_are_one_line_of_bounded_length(lent: Lent) -> None:
    error = tiny(lent).refused(99, " two\r\n\tlines " + "x" * 10_000)
    assert error.message.startswith("Tiny 99 two lines xxx")
    assert len(error.message) == len("Tiny ") + 300
