"""The signing schemes, one requests.auth.AuthBase each.

requests calls a signer last, on the final URL, headers and body, so what is signed is what goes out.
"""

import hashlib
import hmac
import json
from abc import ABC, abstractmethod
from base64 import b64decode, b64encode
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from secrets import token_hex
from typing import ClassVar, Self
from urllib.parse import parse_qsl, quote, quote_plus, urlencode, urlsplit, urlunsplit

from requests import PreparedRequest
from requests.auth import AuthBase

from protocol.errors import AuthenticationFailed
from transport.clock import epoch_ms
from transport.credentials import Credentials


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


class HmacHostQuery(Signer):
    """HMAC-SHA256 in base64 over verb, host, path and the sorted query, each on a line of its own; key, time and
    signature in the query.

    The time is ISO 8601 in UTC with milliseconds. The host is the exchange's own, whatever host a request goes to.
    """

    host: ClassVar[str]

    def stamp(self, request: PreparedRequest) -> None:
        own = {"AccessKeyId": self.credentials.key, "SignatureMethod": "HmacSHA256", "SignatureVersion": "2"}
        _set_query(request, {**_query(request), **own, "Timestamp": _iso(self.now())}, encode=quote)

    def text(self, request: PreparedRequest) -> bytes:
        parts = urlsplit(str(request.url))
        return "\n".join((str(request.method), self.host, parts.path, parts.query)).encode()

    @staticmethod
    def signature(text: bytes, secret: bytes) -> str:
        return b64encode(hmac.new(secret, text, hashlib.sha256).digest()).decode()

    def attach(self, request: PreparedRequest, signature: str) -> None:
        request.url = f"{request.url}&Signature={quote(signature, safe='')}"


class HmacNonceForm(Signer):
    """HMAC-SHA512 in base64, with the secret decoded from base64, over the path and the SHA-256 of nonce and form.

    The nonce, made in ``transport.nonces``, goes in front of the form, and the password of a key's second factor behind
    it.
    """

    serial = True

    def stamp(self, request: PreparedRequest) -> None:
        password = self.credentials.passphrase
        otp = urlencode({"otp": password}) if password else ""
        request.body = "&".join(filter(None, (f"nonce={self.nonce}", _body(request).decode(), otp)))
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


class Sha256Headers(Signer):
    """SHA-256 in hex over nonce, time, key, sorted query and body, and once more over that and the secret; no HMAC.

    Nothing is between a name and its value in the text that is signed. A JSON body goes out without spaces.
    """

    def stamp(self, request: PreparedRequest) -> None:
        if body := _body(request):
            request.body = json.dumps(json.loads(body), separators=(",", ":")).encode()
        own = {"api-key": self.credentials.key, "nonce": token_hex(16), "timestamp": str(self.now())}
        request.headers.update(own)

    def text(self, request: PreparedRequest) -> bytes:
        head = "".join(str(request.headers[name]) for name in ("nonce", "timestamp", "api-key"))
        query = "".join(name + value for name, value in sorted(_query(request).items()))
        return (head + query).encode() + _body(request)

    @staticmethod
    def signature(text: bytes, secret: bytes) -> str:
        return hashlib.sha256(hashlib.sha256(text).hexdigest().encode() + secret).hexdigest()

    def attach(self, request: PreparedRequest, signature: str) -> None:
        request.headers["sign"] = signature


def _iso(time_ms: int) -> str:
    return datetime.fromtimestamp(time_ms / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _body(request: PreparedRequest) -> bytes:
    return request.body if isinstance(request.body, bytes) else str(request.body or "").encode()


def _query(request: PreparedRequest) -> dict[str, str]:
    return dict(parse_qsl(urlsplit(str(request.url)).query, keep_blank_values=True))


def _set_query(request: PreparedRequest, query: dict[str, str], encode: Callable[..., str] = quote_plus) -> None:
    sorted_query = urlencode(sorted(query.items()), quote_via=encode)
    request.url = urlunsplit(urlsplit(str(request.url))._replace(query=sorted_query))
