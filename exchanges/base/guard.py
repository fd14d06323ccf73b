"""The check for calls that a strategy must not make: those that move money out of the account or manage its keys.

Exchanges publish no list of these, so they are recognized by their names. A name is compared by its letters and digits
alone, so that no case, dash, underscore, dot or slash hides a word; one that merely contains a word is refused as well,
until its adapter lists it among its allowed calls.
"""

import re
from collections.abc import Iterable

_SENSITIVE = (
    "withdraw|transfer|payout|cashout|remittance|payment|fiat|gift|voucher|redeemcode|redpacket|"
    "sub(account|acct|user|member|api)|broker|custod|"
    "api(key|secret|restriction)|password|addressbook|whitelist|allowlist"
)
"""The words that exchanges use for such calls; sub-accounts, and their keys, are a way out of the account."""


def is_sensitive(path: str, words: Iterable[str] = ()) -> bool:
    """Return True for a resource that, by its name, moves money out or manages keys. words: further ones of its
    exchange, in small letters and digits."""
    letters = re.sub("[^a-z0-9]", "", path.lower())
    return bool(re.search(_SENSITIVE, letters)) or any(word in letters for word in words)
