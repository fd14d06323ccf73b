"""The basis of a dated contract: what it trades above its market's price, less and less until none is left at its
delivery.

It is one number of ticks for a whole block of four hours, so that the bars of the contract are those of its market,
moved; in the last block before a delivery, which is at 08:00 UTC, it is nothing.
"""

from exchanges.paper import chance

BLOCK = 240
"""Minutes that one basis lasts."""

_A_YEAR = 365 * 1440 // BLOCK  # blocks
_LONGEST = _A_YEAR * 200 // 365  # older bars than those of a contract's life are not further away
_TURN = 48  # blocks between two turning points of the rate
_LEAST, _REACH = 20_000, 60_000  # millionths of the price, for a year: from 2 % to 8 %


def basis(asset: str, delivery: int, block: int, price: int) -> int:
    """Return the basis, in ticks, in a block. delivery: the minute in which the contract is delivered. price: of its
    market when the block begins."""
    left = min(delivery // BLOCK - 1 - block, _LONGEST)
    return price * _rate(asset, block) * left // (_A_YEAR * 1_000_000) if left > 0 else 0


def _rate(asset: str, block: int) -> int:
    """Return the rate of an asset for a year, in millionths: straight lines between turning points."""
    index, past = divmod(block, _TURN)
    before, after = (chance.numbers(1, asset, "basis", turn)[0] for turn in (index, index + 1))
    return _LEAST + (_REACH * (before * (_TURN - past) + after * past) // _TURN >> 32)
