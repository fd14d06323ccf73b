"""Chance that is the same every time: numbers hashed from a place, such as a market and a minute."""

SEED = 1
"""The number that all history is made from; another one gives every market another history."""

_WORD = 2**64 - 1


def numbers(count: int, *place: str | int) -> tuple[int, ...]:
    """Return ``count`` numbers below 2**32, the same for the same place on every machine: splitmix64, seeded by the
    place."""
    state = SEED
    for part in place:
        state = _mix(state ^ (part if isinstance(part, int) else int.from_bytes(part.encode(), "big")))
    return tuple(_mix(state + step * 0x9E3779B97F4A7C15) >> 32 for step in range(1, count + 1))


def _mix(number: int) -> int:
    number &= _WORD
    number = (number ^ number >> 30) * 0xBF58476D1CE4E5B9 & _WORD
    number = (number ^ number >> 27) * 0x94D049BB133111EB & _WORD
    return number ^ number >> 31
