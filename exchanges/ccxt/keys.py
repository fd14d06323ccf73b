"""The two fields of FMZ, and the up to five keys that an exchange of ccxt may want.

The access key is the first of PUBLIC that the exchange wants, or any name for the account where it wants none. The
secret key is all others with commas between them, first those of PRIVATE, then the rest of PUBLIC. Only the last may
have a comma in it.
"""

from collections.abc import Sequence

from protocol.errors import AuthenticationFailed
from transport.credentials import Credentials

PUBLIC = ("apiKey", "walletAddress", "uid", "login", "accountId")
PRIVATE = ("secret", "privateKey", "password", "twofa", "token")


def fields(required: Sequence[str]) -> tuple[str, list[str]]:
    """Return what the access key is, empty for any name, and the parts of the secret key in their order."""
    public = [name for name in PUBLIC if name in required]
    private = [name for name in PRIVATE if name in required]
    return (public[0] if public else ""), private + public[1:]


def unpack(name: str, required: Sequence[str], credentials: Credentials) -> dict[str, str]:
    """Return ccxt's names of keys → the keys. Raises AuthenticationFailed where one is missing; it says the form."""
    first, rest = fields(required)
    given = ",".join(filter(None, (credentials.secret, credentials.passphrase)))
    parts = given.split(",", max(0, len(rest) - 1)) if rest else []
    if not credentials.key or len(parts) != len(rest) or not all(parts):
        raise AuthenticationFailed(
            f"{name} needs as access key {first or 'any name for the account'}, and as secret key "
            f"{','.join(rest) or 'nothing'}{' (with the commas)' if len(rest) > 1 else ''}; nothing was sent"
        )
    keys = dict(zip(rest, parts, strict=True))
    return {first: credentials.key, **keys} if first else keys
