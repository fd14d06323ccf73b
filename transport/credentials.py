"""An account's keys: their names in the database, and the removal of their traces from texts."""

import hashlib
import json
import re
import secrets
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache
from urllib.parse import quote, quote_plus

from protocol.errors import kinds

_QUOTABLE = 20  # signatures: an exchange may quote the request that it answers, and a call makes only a few
_GRAM = 6  # characters of a secret in a row that count as a leak


def _in_quotes(value: str) -> str:
    return value.replace("\\", "\\\\").replace("'", "\\'")


_FORMS: tuple[Callable[[str], str], ...] = (
    str,
    quote_plus,
    quote,
    lambda value: quote(value, safe=""),
    lambda value: json.dumps(value)[1:-1],
    lambda value: json.dumps(value, ensure_ascii=False)[1:-1],
    lambda value: json.dumps(value)[1:-1].replace("/", r"\/"),  # as PHP writes it
    lambda value: re.sub("%..", lambda octet: octet[0].lower(), quote(value, safe="")),
    lambda value: quote(quote(value, safe=""), safe=""),
    _in_quotes,
    lambda value: json.dumps(_in_quotes(value))[1:-1],
)
"""The forms in which an exchange may quote a key or secret: as it is, from a query or a form, from JSON, from a
program's own quotes, and those in JSON."""


@dataclass(frozen=True, slots=True, repr=False)
class Credentials:
    """An account's keys. FMZ has two fields for them; a passphrase, or whatever else an exchange wants beyond a secret,
    follows the secret's first comma in the second field."""

    key: str = ""
    secret: str = ""
    passphrase: str = ""
    signatures: deque[str] = field(default_factory=lambda: deque(maxlen=_QUOTABLE), init=False, compare=False)
    """The latest signatures made with these keys, which are scrubbed too."""

    @classmethod
    def from_fields(cls, access_key: str, secret_key: str) -> "Credentials":
        """Return the keys in FMZ's two fields."""
        secret, _, passphrase = secret_key.partition(",")
        return cls(access_key, secret, passphrase)

    def __repr__(self) -> str:
        return "Credentials(…)"

    def copy(self) -> "Credentials":
        """Return the same keys, with signatures of their own."""
        return Credentials(self.key, self.secret, self.passphrase)

    @property
    def account(self) -> str:
        """Return a name for the account that can be stored: the key cannot be read back from it."""
        return hashlib.blake2b(self.key.encode(), digest_size=16, person=b"fmz-gateway").hexdigest()

    def fingerprint(self, exchange: str, request: str) -> int:
        """Return 128 bits that stand for one request of this account, the same when it is repeated; random for an empty
        request, which cannot be told from others."""
        if not request:
            return secrets.randbits(128)
        text = "\0".join((exchange, self.key, request)).encode()
        return int.from_bytes(hashlib.blake2b(text, digest_size=16, person=b"fmz-gateway").digest())

    @property
    def secret_digest(self) -> str:
        """Return a digest that can be stored, and that only who has the secret can make: it is slow to compute, so that
        a short secret cannot be guessed from it, and then remembered."""
        text = "\0".join((self.secret, self.passphrase)).encode()
        return _stretched(hashlib.sha256(text).digest(), self.account.encode())

    def scrub(self, text: str, exchange: str = "") -> str:
        """Return the text with every run of six characters of a key, secret or signature, raw or encoded, starred
        out. Errors' labels and the exchange's name, for which strategies look, stay where they stand by themselves:
        where keys are made up, one may be such a word."""
        grams = {
            form[start : start + _GRAM]
            for value in (self.key, self.secret, self.passphrase, *self.signatures)
            for form in _forms(value)
            for start in range(len(form) - _GRAM + 1)
        }
        leaked = {place + i for place in range(len(text)) if text[place : place + _GRAM] in grams for i in range(_GRAM)}
        if leaked:
            leaked -= _our_own(text, exchange, leaked)
        if not leaked:
            return text
        return "".join("*" if place in leaked else letter for place, letter in enumerate(text))


def _forms(value: str) -> set[str]:
    """Return the forms of a key, secret or signature. Letters and digits, of which most are made, have only one."""
    return {value} if value.isascii() and value.isalnum() else {encoded(value) for encoded in _FORMS}


@lru_cache(1000)
def _stretched(digest: bytes, salt: bytes) -> str:
    return hashlib.scrypt(digest, salt=salt, n=4096, r=8, p=1, dklen=32).hex()  # 4 MiB and some 10 ms


def _our_own(text: str, exchange: str, leaked: set[int]) -> set[int]:
    """Return the places of the labels and names in a text that are not a part of a longer leak."""
    names = "|".join(re.escape(name) for name in {exchange, *(kind.label for kind in kinds())} if name)
    words = (range(*word.span()) for word in re.finditer(rf"\b(?:{names})\b", text))
    return {place for word in words if not {word.start - 1, word.stop} & leaked for place in word}
