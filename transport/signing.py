"""Credentials, and one requests.auth.AuthBase per signing scheme.

requests calls a signer last, on the final URL, headers and body, so what is signed is what goes out.
"""

import hashlib
import hmac
import json
import re
import secrets
from abc import ABC, abstractmethod
from base64 import b64decode, b64encode
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from typing import ClassVar, Self
from urllib.parse import parse_qsl, quote, quote_plus, urlencode, urlsplit, urlunsplit

from requests import PreparedRequest
from requests.auth import AuthBase

from protocol.errors import AuthenticationFailed, kinds
from transport.clock import epoch_ms

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
            for form in {encoded(value) for encoded in _FORMS}
            for start in range(len(form) - _GRAM + 1)
        }
        leaked = {place + i for place in range(len(text)) if text[place : place + _GRAM] in grams for i in range(_GRAM)}
        if leaked:
            leaked -= _our_own(text, exchange, leaked)
        return "".join("*" if place in leaked else letter for place, letter in enumerate(text))


@lru_cache(1000)
def _stretched(digest: bytes, salt: bytes) -> str:
    return hashlib.scrypt(digest, salt=salt, n=4096, r=8, p=1, dklen=32).hex()  # 4 MiB and some 10 ms


def _our_own(text: str, exchange: str, leaked: set[int]) -> set[int]:
    """Return the places of the labels and names in a text that are not a part of a longer leak."""
    names = "|".join(re.escape(name) for name in {exchange, *(kind.label for kind in kinds())} if name)
    words = (range(*word.span()) for word in re.finditer(rf"\b(?:{names})\b", text))
    return {place for word in words if not {word.start - 1, word.stop} & leaked for place in word}


@dataclass(frozen=True, slots=True, eq=False)
class Signer(AuthBase, ABC):
    """A signing scheme, with the account's keys for one request.

    now: returns the exchange's clock, in ms since the epoch. nonce: greater than every one before it, for the schemes
    that want one. Four steps: ``stamp`` puts key, time and nonce into the request, ``text`` returns exactly what is
    signed, ``signature`` signs it, ``attach`` puts the signature into the request.
    """

    serial: ClassVar[bool] = False
    """True where the account's calls must arrive in the order of their nonces, one after the other."""

    credentials: Credentials = field(repr=False)
    now: Callable[[], int] = epoch_ms
    nonce: int = 0

    @classmethod
    def named(cls, **attributes: object) -> "type[Self]":
        """Return this scheme with another exchange's names of headers or parameters."""
        return type(cls.__name__, (cls,), {"__slots__": (), **attributes})

    @abstractmethod
    def stamp(self, request: PreparedRequest) -> None:
        """Put key, time and nonce into the request. Raises AuthenticationFailed for a key that cannot be right."""

    @abstractmethod
    def text(self, request: PreparedRequest) -> bytes:
        """Return the exact text that is signed."""

    @staticmethod
    @abstractmethod
    def signature(text: bytes, secret: bytes) -> str:
        """Return the signature of a text."""

    @abstractmethod
    def attach(self, request: PreparedRequest, signature: str) -> None:
        """Put the signature into the request."""

    def secret(self) -> bytes:
        """Return the secret in the form that the scheme needs."""
        return self.credentials.secret.encode()

    def __call__(self, request: PreparedRequest) -> PreparedRequest:
        self.stamp(request)
        signature = self.signature(self.text(request), self.secret())
        self.credentials.signatures.append(signature)  # to be scrubbed from what an exchange quotes of the request
        self.attach(request, signature)
        return request


class Md5Query(Signer):
    """Plain MD5 over the sorted query and the secret, in upper-case hex; ``action`` names the call and is not signed.

    The text that is signed is not percent-encoded; the query that goes out is.
    """

    def stamp(self, request: PreparedRequest) -> None:
        _set_query(request, {**_query(request), "api_key": self.credentials.key})

    def text(self, request: PreparedRequest) -> bytes:
        query = _query(request)
        return "&".join(f"{name}={query[name]}" for name in sorted(query) if name != "action").encode()

    @staticmethod
    def signature(text: bytes, secret: bytes) -> str:
        return hashlib.md5(text + b"&secret_key=" + secret, usedforsecurity=False).hexdigest().upper()

    def attach(self, request: PreparedRequest, signature: str) -> None:
        _set_query(request, {**_query(request), "sign": signature})


class HmacMd5Form(Signer):
    """HMAC-MD5 in lower-case hex over the form's ``cmds`` text, sent beside it with the key."""

    def stamp(self, request: PreparedRequest) -> None:
        """Do nothing: the key goes out unsigned."""

    def text(self, request: PreparedRequest) -> bytes:
        [(_, cmds)] = parse_qsl(str(request.body), strict_parsing=True)
        return cmds.encode()

    @staticmethod
    def signature(text: bytes, secret: bytes) -> str:
        return hmac.new(secret, text, hashlib.md5).hexdigest()

    def attach(self, request: PreparedRequest, signature: str) -> None:
        cmds = self.text(request).decode()
        request.body = urlencode({"cmds": cmds, "apikey": self.credentials.key, "sign": signature})


class HmacQuery(Signer):
    """HMAC-SHA256 in hex over the query, appended to it, with the key in a header.

    The window is small, because an order whose outcome is unclear cannot be accepted after it.
    """

    header: ClassVar[str]
    window: ClassVar[int] = 5000  # ms

    def stamp(self, request: PreparedRequest) -> None:
        parts = urlsplit(str(request.url))
        query = "&".join(filter(None, (parts.query, f"recvWindow={self.window}&timestamp={self.now()}")))
        request.url = urlunsplit(parts._replace(query=query))
        request.headers[self.header] = self.credentials.key

    def text(self, request: PreparedRequest) -> bytes:
        return urlsplit(str(request.url)).query.encode()

    @staticmethod
    def signature(text: bytes, secret: bytes) -> str:
        return hmac.new(secret, text, hashlib.sha256).hexdigest()

    def attach(self, request: PreparedRequest, signature: str) -> None:
        request.url = f"{request.url}&signature={signature}"


class HmacHeaders(Signer):
    """HMAC-SHA256 in base64 over time, verb, path with query, and body; key, signature, time and passphrase in headers.

    The time is ISO 8601 in UTC with milliseconds.
    """

    prefix: ClassVar[str]
    """The prefix of the four headers' names."""

    def stamp(self, request: PreparedRequest) -> None:
        if not self.credentials.passphrase:
            raise AuthenticationFailed("a passphrase is needed: write it behind the secret key, after a comma")
        now = datetime.fromtimestamp(self.now() / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        request.headers[f"{self.prefix}KEY"] = self.credentials.key
        request.headers[f"{self.prefix}TIMESTAMP"] = now
        request.headers[f"{self.prefix}PASSPHRASE"] = self.credentials.passphrase

    def text(self, request: PreparedRequest) -> bytes:
        head = str(request.headers[f"{self.prefix}TIMESTAMP"]) + str(request.method) + request.path_url
        return head.encode() + _body(request)

    @staticmethod
    def signature(text: bytes, secret: bytes) -> str:
        return b64encode(hmac.new(secret, text, hashlib.sha256).digest()).decode()

    def attach(self, request: PreparedRequest, signature: str) -> None:
        request.headers[f"{self.prefix}SIGN"] = signature


class HmacNonceForm(Signer):
    """HMAC-SHA512 in base64, with the secret decoded from base64, over the path and the SHA-256 of nonce and form.

    The nonce, made in ``transport.nonces``, goes in front of the form.
    """

    serial = True

    def stamp(self, request: PreparedRequest) -> None:
        request.body = "&".join(filter(None, (f"nonce={self.nonce}", _body(request).decode())))
        request.headers["API-Key"] = self.credentials.key
        request.headers["Content-Type"] = "application/x-www-form-urlencoded"

    def text(self, request: PreparedRequest) -> bytes:
        digest = hashlib.sha256(str(self.nonce).encode() + _body(request)).digest()
        return request.path_url.encode() + digest

    @staticmethod
    def signature(text: bytes, secret: bytes) -> str:
        return b64encode(hmac.new(secret, text, hashlib.sha512).digest()).decode()

    def attach(self, request: PreparedRequest, signature: str) -> None:
        request.headers["API-Sign"] = signature

    def secret(self) -> bytes:
        try:
            return b64decode(self.credentials.secret, validate=True)
        except ValueError:
            raise AuthenticationFailed("the secret key is not base64: copy the whole private key") from None


def _body(request: PreparedRequest) -> bytes:
    return request.body if isinstance(request.body, bytes) else str(request.body or "").encode()


def _query(request: PreparedRequest) -> dict[str, str]:
    return dict(parse_qsl(urlsplit(str(request.url)).query, keep_blank_values=True))


def _set_query(request: PreparedRequest, query: dict[str, str]) -> None:
    request.url = urlunsplit(urlsplit(str(request.url))._replace(query=urlencode(sorted(query.items()))))
