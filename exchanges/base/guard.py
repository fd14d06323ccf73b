"""What a strategy has no business with: resources that move money out of the account, or manage its keys.

Exchanges publish no list of these, so they are told by their names. A name is compared by its letters and digits alone,
so that no case, dash, underscore, dot or slash hides a word; one that merely contains a word is refused as well, until
its adapter declares it harmless.
"""

import re

_SUSPICIOUS = (
    "withdraw|transfer|payout|cashout|remittance|payment|fiat|gift|voucher|redeemcode|redpacket|"
    "sub(account|acct|user|member|api)|broker|custod|"
    "api(key|secret|restriction)|password|addressbook|whitelist|allowlist"
)
"""What exchanges call such things; sub-accounts, and their keys, are a way out of the account."""


def moves(path: str, further: str = "") -> bool:
    """Whether a resource moves money or manages keys, by its name. ``further``: a pattern of its exchange's words."""
    letters = re.sub("[^a-z0-9]", "", path.lower())
    return bool(re.search(_SUSPICIOUS, letters) or (further and re.search(further, letters)))
