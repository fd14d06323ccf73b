"""Credentials, and one requests.auth.AuthBase per signing scheme.

requests calls a signer last, on the final URL, headers and body, so what is signed is what goes out.
"""

import hashlib
import hmac
import json
import re
import secrets
from base64 import b64decode, b64encode
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import ClassVar
from urllib.parse import parse_qsl, quote, quote_plus, urlencode, urlsplit, urlunsplit

from requests import PreparedRequest
from requests.auth import AuthBase

from protocol.errors import AuthenticationFailed
from transport.clock import epoch_ms

_QUOTABLE = 20  # signatures; an exchange quotes the request that it answers, and a call's threads make a few
_GRAM = 6  # characters of a secret in a row that count as a leak
_FORMS: tuple[Callable[[str], str], ...] = (
    str,
    quote_plus,
    quote,
    lambda value: quote(value, safe=""),
    lambda value: json.dumps(value)[1:-1],
    lambda value: json.dumps(value, ensure_ascii=False)[1:-1],
    lambda value: json.dumps(value)[1:-1].replace("/", r"\/"),  # PHP's way
    lambda value: re.sub("%..", lambda octet: octet[0].lower(), quote(value, safe="")),
    lambda value: quote(quote(value, safe=""), safe=""),
)
"""How an exchange may quote a key or secret to us: as it is, from a query or a form, from JSON."""


@dataclass(frozen=True, slots=True, repr=False)
class Credentials:
    """An account's keys. FMZ has two fields for them; what an exchange wants beyond a secret, such as a passphrase,
    follows the secret's first comma in the second field."""

    key: str = ""
    secret: str = ""
    passphrase: str = ""
    signatures: deque[str] = field(default_factory=lambda: deque(maxlen=_QUOTABLE), init=False, compare=False)
    """The latest that were made with them, which are scrubbed like them."""

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

    def fingerprint(self, exchange: str, request: str) -> int:
        """128 bits that stand for one request of this account, the same when it is repeated; random for an empty one,
        which cannot be told from others."""
        if not request:
            return secrets.randbits(128)
        text = "\0".join((exchange, self.key, request)).encode()
        return int.from_bytes(hashlib.blake2b(text, digest_size=16, person=b"fmz-gateway").digest())

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
    """A signing scheme, holding the account's keys for one request. ``now`` is the clock, in ms since the epoch;
    ``nonce`` is greater than every one before it, for the schemes that want one."""

    serial: ClassVar[bool] = False
    """Whether the account's calls must arrive in the order of their nonces, one after the other."""

    credentials: Credentials = field(repr=False)
    now: Callable[[], int] = epoch_ms
    nonce: int = 0

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


class HmacQuery(Signer):
    """HMAC-SHA256 in hex over the query, which it ends, with the key in a header.

    The window is what ends an order whose fate is unclear, so it is small.
    """

    header = "X-MBX-APIKEY"
    window = 5000  # ms

    @staticmethod
    def signature(query: bytes, secret: bytes) -> str:
        """The signature of a percent-encoded query."""
        return hmac.new(secret, query, hashlib.sha256).hexdigest()

    def __call__(self, request: PreparedRequest) -> PreparedRequest:
        parts = urlsplit(str(request.url))
        query = "&".join(filter(None, (parts.query, f"recvWindow={self.window}&timestamp={self.now()}")))
        sign = self.signed(self.signature(query.encode(), self.credentials.secret.encode()))
        request.url = urlunsplit(parts._replace(query=f"{query}&signature={sign}"))
        request.headers[self.header] = self.credentials.key
        return request


class HmacHeaders(Signer):
    """HMAC-SHA256 in base64 over time, verb, path with query, and body; key, signature, time and passphrase in headers.

    The time is ISO 8601 in UTC with milliseconds.
    """

    prefix = "OK-ACCESS-"

    @staticmethod
    def signature(prehash: bytes, secret: bytes) -> str:
        """The signature of the four parts, joined without separators."""
        return b64encode(hmac.new(secret, prehash, hashlib.sha256).digest()).decode()

    def __call__(self, request: PreparedRequest) -> PreparedRequest:
        if not self.credentials.passphrase:
            raise AuthenticationFailed("a passphrase is needed: write it behind the secret key, after a comma")
        now = datetime.fromtimestamp(self.now() / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        prehash = f"{now}{request.method}{request.path_url}".encode() + _body(request)
        request.headers[f"{self.prefix}KEY"] = self.credentials.key
        request.headers[f"{self.prefix}SIGN"] = self.signed(self.signature(prehash, self.credentials.secret.encode()))
        request.headers[f"{self.prefix}TIMESTAMP"] = now
        request.headers[f"{self.prefix}PASSPHRASE"] = self.credentials.passphrase
        return request


class HmacNonceForm(Signer):
    """HMAC-SHA512 in base64, with the secret decoded from base64, over the path and the SHA-256 of nonce and form.

    The nonce, made in ``turns``, goes in front of the form.
    """

    serial = True

    @staticmethod
    def signature(path: bytes, nonce: bytes, form: bytes, secret: bytes) -> str:
        """The signature of a form that contains its nonce."""
        return b64encode(
            hmac.new(secret, path + hashlib.sha256(nonce + form).digest(), hashlib.sha512).digest()
        ).decode()

    def __call__(self, request: PreparedRequest) -> PreparedRequest:
        try:
            secret = b64decode(self.credentials.secret, validate=True)
        except ValueError:
            raise AuthenticationFailed("the secret key is not base64: copy the whole private key") from None
        nonce = str(self.nonce)
        form = "&".join(filter(None, (f"nonce={nonce}", str(request.body or ""))))
        path = request.path_url.encode()
        request.body = form
        request.headers["API-Key"] = self.credentials.key
        request.headers["API-Sign"] = self.signed(self.signature(path, nonce.encode(), form.encode(), secret))
        request.headers["Content-Type"] = "application/x-www-form-urlencoded"
        return request


def _body(request: PreparedRequest) -> bytes:
    return request.body if isinstance(request.body, bytes) else str(request.body or "").encode()
