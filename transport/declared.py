"""Signing schemes that are declared: what is joined, how it is signed, and where key, time and signature travel."""

import hashlib
import hmac
import json
from base64 import b64decode, b64encode
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import cached_property
from string import Formatter
from types import MappingProxyType
from typing import Any, ClassVar, Literal
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from requests import PreparedRequest

from protocol.errors import AuthenticationFailed
from transport.signing import Signer

Encoding = Literal["hex", "HEX", "base64"]

_ENCODINGS: Mapping[Encoding, Callable[[bytes], str]] = {
    "hex": bytes.hex,
    "HEX": lambda digest: digest.hex().upper(),
    "base64": lambda digest: b64encode(digest).decode(),
}
_WITH_BODY = ("POST", "PUT", "PATCH")  # as the pipeline sends them
FIELDS = (
    "key", "passphrase", "time", "seconds", "iso", "nonce", "verb", "host", "path", "query", "target", "body", "sorted",
    "signature",
)  # fmt: skip
"""The values that a template may name."""


def hmac_signer(
    text: str,
    *,
    digest: Literal["md5", "sha1", "sha256", "sha384", "sha512"] = "sha256",
    encoding: Encoding = "hex",
    key_form: Literal["text", "base64"] = "text",
    headers: Mapping[str, str] = MappingProxyType({}),
    params: Mapping[str, str] = MappingProxyType({}),
    sign_param: str = "",
    sends: Literal["query", "form", "json"] = "query",
    nonces: bool = False,
) -> type[Signer]:
    """Return an HMAC scheme.

    text: the template of what is signed. headers: templates by header; one with ``{signature}`` carries it. params:
    templates of parameters that are added, in this order, before the text is made. sign_param: the parameter that
    carries the signature, the last. sends: where those of a POST, PUT or PATCH are added, as the exchange's own
    ``sends`` says. key_form: ``base64`` if the HMAC's key is the decoded secret. nonces: True where the calls of an
    account must arrive in the order of ``{nonce}``.

    A template may name ``{key}``, ``{passphrase}``, ``{time}`` (the exchange's, in ms), ``{seconds}``, ``{iso}`` (ISO
    8601 in UTC with ms), ``{nonce}`` (µs, each greater than the last), ``{verb}``, ``{host}``, ``{path}``, ``{query}``
    as it goes out, ``{target}`` (path, and query behind a ?), ``{body}``, and ``{sorted}``: all parameters but the
    signature, by name, as ``a=1&b=2``. Raises ValueError for a template with another name, or a scheme that sends no
    signature.
    """
    for template in (text, *headers.values(), *params.values()):
        unknown = {name for _, name, _, _ in Formatter().parse(template) if name is not None} - set(FIELDS)
        if unknown:
            raise ValueError(
                f"{template!r} names {', '.join(sorted(unknown))}: a template may name {', '.join(FIELDS)}"
            )
    if not sign_param and not any("{signature}" in template for template in headers.values()):
        raise ValueError('the signature is sent nowhere: write headers={"X-SIGN": "{signature}"} or sign_param')

    class Declared(_Declared):
        serial = nonces
        templates = (text, dict(headers), dict(params), sign_param)
        decodes = key_form == "base64"
        place = sends

        @staticmethod
        def signature(text: bytes, secret: bytes) -> str:
            return _ENCODINGS[encoding](hmac.new(secret, text, getattr(hashlib, digest)).digest())

    return Declared


class _Declared(Signer):
    """A scheme by its templates: of the text, of headers, of parameters, and the name of the signature's parameter."""

    templates: ClassVar[tuple[str, Mapping[str, str], Mapping[str, str], str]]
    decodes: ClassVar[bool]
    place: ClassVar[str]

    @cached_property
    def moment(self) -> int:
        """The exchange's time of this request, in ms: the same in the text, in headers and in parameters."""
        return self.now()

    def stamp(self, request: PreparedRequest) -> None:
        text, headers, params, _ = self.templates
        wanted = " ".join((text, *headers.values(), *params.values()))
        if "{passphrase}" in wanted and not self.credentials.passphrase:
            raise AuthenticationFailed("a passphrase is needed: write it behind the secret key, after a comma")
        for name, template in params.items():
            self._add(request, name, self._filled(template, request))
        for name, template in headers.items():
            if "{signature}" not in template:
                request.headers[name] = self._filled(template, request)

    def text(self, request: PreparedRequest) -> bytes:
        return self._filled(self.templates[0], request).encode()

    def attach(self, request: PreparedRequest, signature: str) -> None:
        _, headers, _, sign_param = self.templates
        for name, template in headers.items():
            if "{signature}" in template:
                request.headers[name] = self._filled(template, request, signature)
        if sign_param:
            self._add(request, sign_param, signature)

    def secret(self) -> bytes:
        if not self.decodes:
            return self.credentials.secret.encode()
        try:
            return b64decode(self.credentials.secret, validate=True)
        except ValueError:
            raise AuthenticationFailed("the secret key is not base64: copy the whole private key") from None

    def _filled(self, template: str, request: PreparedRequest, signature: str = "") -> str:
        """Return a template with the request's values."""
        iso, in_order = "", ""
        if "{iso" in template:
            moment = datetime.fromtimestamp(self.moment / 1000, UTC)
            iso = moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
        if "{sorted" in template:
            in_order = "&".join(f"{name}={value}" for name, value in sorted(_params(request)))
        parts = urlsplit(str(request.url))
        return template.format(
            key=self.credentials.key,
            passphrase=self.credentials.passphrase,
            time=self.moment,
            seconds=self.moment // 1000,
            iso=iso,
            nonce=self.nonce,
            verb=request.method,
            host=parts.netloc,
            path=parts.path,
            query=parts.query,
            target=f"{parts.path}?{parts.query}" if parts.query else parts.path,
            body=_body(request),
            sorted=in_order,
            signature=signature,
        )

    def _add(self, request: PreparedRequest, name: str, value: str) -> None:
        """Add a parameter behind the others."""
        place = self.place if request.method in _WITH_BODY else "query"
        added = urlencode({name: value})
        if place == "json":
            request.body = json.dumps({**json.loads(_body(request) or "{}"), name: value}).encode()
            request.headers["Content-Type"] = "application/json"
        elif place == "form":
            request.body = "&".join(filter(None, (_body(request), added)))
            request.headers["Content-Type"] = "application/x-www-form-urlencoded"
        else:
            parts = urlsplit(str(request.url))
            request.url = urlunsplit(parts._replace(query="&".join(filter(None, (parts.query, added)))))


def _body(request: PreparedRequest) -> str:
    return request.body.decode() if isinstance(request.body, bytes) else str(request.body or "")


def _params(request: PreparedRequest) -> list[tuple[str, Any]]:
    """Return a request's parameters, wherever they are."""
    query = parse_qsl(urlsplit(str(request.url)).query, keep_blank_values=True)
    body = _body(request)
    if body.startswith("{"):
        return query + list(json.loads(body).items())
    return query + parse_qsl(body, keep_blank_values=True)
