"""Client order ids: one for each request of FMZ, in the characters that an exchange accepts."""

import string
from dataclasses import dataclass
from math import ceil, log2

ALPHANUMERIC = string.ascii_letters + string.digits


@dataclass(frozen=True, slots=True)
class ClientId:
    """The form of an exchange's client order ids: the greatest length, and the characters allowed."""

    length: int
    alphabet: str

    def render(self, number: int) -> str:
        """Return a number of 128 bits in this alphabet, its lowest digit first: all digits, or as many as the length
        allows."""
        digits = []
        for _ in range(min(self.length, ceil(128 / log2(len(self.alphabet))))):
            number, digit = divmod(number, len(self.alphabet))
            digits.append(self.alphabet[digit])
        return "".join(digits)
