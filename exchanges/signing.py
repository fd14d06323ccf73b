"""Credentials, and one requests.auth.AuthBase per signing scheme.

requests calls a signer last, on the final URL, headers and body, so what is signed is what goes out.
"""

import hashlib
import hmac
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, quote, quote_plus, urlencode, urlsplit, urlunsplit

from requests import PreparedRequest
from requests.auth import AuthBase

_GRAM = 6  # characters of a secret in a row that count as a leak
_FORMS: tuple[Callable[[str], str], ...] = (
    str,
    quote_plus,
    quote,
    lambda value: quote(value, safe=""),
    lambda value: json.dumps(value)[1:-1],
    lambda value: json.dumps(value, ensure_ascii=False)[1:-1],
)
"""How an exchange may quote a key or secret to us: as it is, from a query or a form, from JSON."""


@dataclass(frozen=True, slots=True, repr=False)
class Credentials:
    """An account's keys. FMZ has two fields for them; what an exchange wants beyond a secret, such as a passphrase,
    follows the secret's first comma in the second field."""

    key: str = ""
    secret: str = ""
    passphrase: str = ""
    signatures: list[str] = field(default_factory=list, init=False, compare=False)
    """Those made with them so far, which are scrubbed like them."""

    @classmethod
    def from_fields(cls, access_key: str, secret_key: str) -> "Credentials":
        """Read FMZ's two fields."""
        secret, _, passphrase = secret_key.partition(",")
        return cls(access_key, secret, passphrase)

    def __repr__(self) -> str:
        return "Credentials(…)"

    @property
    def account(self) -> str:
        """A name for the account that can be stored: the key cannot be read back from it."""
        return hashlib.blake2b(self.key.encode(), digest_size=16, person=b"fmz-gateway").hexdigest()

    def scrub(self, text: str) -> str:
        """The text with every run of six characters of a key, secret or signature, raw or encoded, starred out."""
        grams = {
            form[start : start + _GRAM]
            for value in (self.key, self.secret, self.passphrase, *self.signatures)
            for form in {encoded(value) for encoded in _FORMS}
            for start in range(len(form) - _GRAM + 1)
        }
        leaked = {place + i for place in range(len(text)) if text[place : place + _GRAM] in grams for i in range(_GRAM)}
        return "".join("*" if place in leaked else letter for place, letter in enumerate(text))


@dataclass(frozen=True, slots=True, eq=False)
class Signer(AuthBase):
    """A signing scheme, holding the account's keys for one request."""

    credentials: Credentials = field(repr=False)

    def signed(self, signature: str) -> str:
        """The signature that goes out, noted to be scrubbed from whatever an exchange quotes of the request."""
        self.credentials.signatures.append(signature)
        return signature


class Md5Query(Signer):
    """Plain MD5 over the sorted query and the secret, in upper-case hex; ``action`` names the call and is not signed.

    The text that is signed is not percent-encoded; the query that goes out is.
    """

    @staticmethod
    def signature(prehash: bytes, secret: bytes) -> str:
        """The signature of ``k=v&k=v``, sorted by name."""
        return hashlib.md5(prehash + b"&secret_key=" + secret, usedforsecurity=False).hexdigest().upper()

    def __call__(self, request: PreparedRequest) -> PreparedRequest:
        parts = urlsplit(str(request.url))
        query = dict(parse_qsl(parts.query, keep_blank_values=True)) | {"api_key": self.credentials.key}
        prehash = "&".join(f"{name}={query[name]}" for name in sorted(query) if name != "action")
        query["sign"] = self.signed(self.signature(prehash.encode(), self.credentials.secret.encode()))
        request.url = urlunsplit(parts._replace(query=urlencode(sorted(query.items()))))
        return request


class HmacMd5Form(Signer):
    """HMAC-MD5 in lower-case hex over the form's ``cmds`` text, sent beside it with the key."""

    @staticmethod
    def signature(cmds: bytes, secret: bytes) -> str:
        """The signature of the commands' JSON text."""
        return hmac.new(secret, cmds, hashlib.md5).hexdigest()

    def __call__(self, request: PreparedRequest) -> PreparedRequest:
        [(_, cmds)] = parse_qsl(str(request.body), strict_parsing=True)
        sign = self.signed(self.signature(cmds.encode(), self.credentials.secret.encode()))
        request.body = urlencode({"cmds": cmds, "apikey": self.credentials.key, "sign": sign})
        return request
