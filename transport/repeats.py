"""The repeats of a call that changes nothing at the exchange, after one that failed."""

from collections.abc import Callable
from typing import TypeVar

from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, stop_before_delay, wait_exponential_jitter

from protocol.deadline import Deadline
from protocol.errors import ExchangeFailed, GatewayError, NotSent, RateLimited, WrongTime

T = TypeVar("T")

_ATTEMPTS = 3  # the first included
_REPEATED = (NotSent, ExchangeFailed, WrongTime)  # the failures after which a call is made again


def repeated(ask: Callable[[], T], deadline: Deadline, sleep: Callable[[float], None]) -> T:
    """Return what ``ask`` returns. It is called again when the call was not sent, or when the exchange's server failed,
    within the deadline. sleep: waits for seconds."""
    try:
        return ask()  # without tenacity, which costs more than the gateway's own part of a call
    except _REPEATED as error:
        first = error
    return _ask_again(ask, first, deadline, sleep)


def _ask_again(ask: Callable[[], T], first: GatewayError, deadline: Deadline, sleep: Callable[[float], None]) -> T:
    """Return what a call that has failed once returns in the end."""
    earlier = [first]

    def attempt() -> T:
        if earlier:
            raise earlier.pop()
        try:
            return ask()
        except RateLimited:
            # The limits leave no time to ask again: the first failure is the one to report.
            raise first from None

    tries = Retrying(
        retry=retry_if_exception_type(_REPEATED),
        stop=stop_after_attempt(_ATTEMPTS) | stop_before_delay(deadline.left()),
        wait=wait_exponential_jitter(multiplier=0.05, max=1.0, jitter=0.05),
        sleep=sleep,
        reraise=True,
    )
    return tries(attempt)
