"""The time, as exchanges count it, and the nonces made from it."""

import threading
import time


def epoch_ms() -> int:
    """Milliseconds since the epoch, by this machine's clock."""
    return time.time_ns() // 1_000_000


_last: dict[str, int] = {}
_lock = threading.Lock()


def next_nonce(account: str, now: int) -> int:
    """A number that grows with every call for an account, by all threads of this process: ``now`` (ms since the epoch)
    in microseconds, or one more than the last where that is not more."""
    with _lock:
        _last[account] = max(now * 1000, _last.get(account, 0) + 1)
        return _last[account]
