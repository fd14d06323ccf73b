"""A second signer, which signs a request as the exchange's documentation says, with the standard library alone.

It shares nothing with the signers that send requests: a mistake in one of those is in the conversations that it made,
and would never be found by playing them. ``signature`` in ``exchange.json`` says what is signed; docs/ADAPTERS.md
explains it.
"""

import hashlib
import hmac
import json
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Self
from urllib.parse import parse_qsl, quote, unquote, urlsplit

from exchanges.kit.cases import Request
from exchanges.kit.differences import difference, in_text
from exchanges.kit.files import DIGEST, EXAMPLE, check

SIGNATURE = "signature"
"""The member of ``exchange.json``, and the word for the signature in it."""

_ENCODINGS: Mapping[str, Callable[[bytes], bytes]] = {
    "raw": bytes,
    "hex": lambda digest: digest.hex().encode(),
    "HEX": lambda digest: digest.hex().upper().encode(),
    "base64": b64encode,
}

Values = Callable[[str], str]
"""A function that returns the value of a word, for one request."""


@dataclass(frozen=True)
class Digest:
    """A digest of parts that are joined: words, texts, and digests themselves. keyed: True for an HMAC with the secret.
    key_form: ``base64`` if the HMAC's key is the decoded secret."""

    parts: tuple["str | bytes | Digest", ...]
    join: str
    algorithm: str
    keyed: bool
    encoding: str
    key_form: str

    @classmethod
    def of(cls, given: Mapping[str, Any]) -> Self:
        """Return the digest that a part of ``exchange.json`` describes. Raises ValueError."""
        algorithm = str(given.get("digest", "")).removeprefix("hmac-")
        encoding = given.get("encoding", "hex")
        if algorithm not in hashlib.algorithms_guaranteed or encoding not in _ENCODINGS or not given.get("of"):
            raise ValueError(
                "`signature` says the parts that it is `of`, a `digest` such as hmac-sha256 or md5, and an `encoding` "
                f"of {', '.join(_ENCODINGS)}"
            )
        keyed = given["digest"] != algorithm
        parts = tuple(cls._part(part) for part in given["of"])
        return cls(parts, given.get("join", ""), algorithm, keyed, encoding, given.get("secret", "text"))

    @classmethod
    def _part(cls, given: Any) -> "str | bytes | Digest":
        if isinstance(given, str):
            return given
        if isinstance(given, dict) and given.keys() == {"text"}:
            return str(given["text"]).encode()
        return cls.of(check(given, DIGEST, "a digest in `signature`"))

    def text(self, value: Values, *, secret: bool = True) -> bytes:
        """Return the text that the digest is made of. secret: False to leave the secret out."""
        return self.join.encode().join(self._bytes(part, value) for part in (self.parts if secret else self._open))

    @property
    def _open(self) -> list["str | bytes | Digest"]:
        return [part for part in self.parts if part != "secret"]

    def shown(self, value: Values) -> bytes:
        """Return the text that is signed as a reader knows it: without the secret, and before it is hashed twice."""
        match self._open:
            case [Digest() as only]:
                return only.shown(value)
        return self.text(value, secret=False)

    def hashed(self, value: Values) -> list[bytes]:
        """Return the texts of the digests that are parts of the shown text."""
        return [part.text(value) for part in self._open if isinstance(part, Digest) and len(self._open) > 1]

    def made(self, value: Values) -> bytes:
        """Return the digest, encoded."""
        text = self.text(value)
        if self.keyed:
            return _ENCODINGS[self.encoding](hmac.digest(self.key(value("secret")), text, self.algorithm))
        return _ENCODINGS[self.encoding](hashlib.new(self.algorithm, text, usedforsecurity=False).digest())

    def key(self, secret: str) -> bytes:
        """Return the secret in the form that the HMAC needs."""
        return b64decode(secret) if self.key_form == "base64" else secret.encode()

    def _bytes(self, part: "str | bytes | Digest", value: Values) -> bytes:
        if isinstance(part, Digest):
            return part.made(value)
        return part if isinstance(part, bytes) else value(part).encode()


@dataclass(frozen=True)
class Example:
    """A published example: the values of the words, and the signature that they give."""

    values: Mapping[str, str]
    signature: str


@dataclass(frozen=True)
class Scheme:
    """A scheme: what is signed, and where key, time and signature travel.

    headers, params: names → words, one of which is ``signature``. unsigned: parameters that are not signed. examples:
    those of the documentation.
    """

    digest: Digest
    headers: Mapping[str, str]
    params: Mapping[str, str]
    unsigned: tuple[str, ...]
    examples: tuple[Example, ...]

    @classmethod
    def of(cls, given: Mapping[str, Any]) -> Self:
        """Return the scheme that ``exchange.json`` describes. Raises ValueError."""
        headers, params = given.get("headers", {}), given.get("params", {})
        if [*headers.values(), *params.values()].count(SIGNATURE) != 1:
            raise ValueError("`signature` says which one of its `headers` or `params` carries the signature")
        examples = [check(one, EXAMPLE, "an example of `signature`") for one in given.get("examples", ())]
        return cls(
            Digest.of(given),
            headers,
            params,
            tuple(given.get("unsigned", ())),
            tuple(Example(one["values"], one[SIGNATURE]) for one in examples),
        )

    @property
    def carriers(self) -> set[str]:
        """Return the parameter that carries the signature; empty where a header does."""
        return {name for name, word in self.params.items() if word == SIGNATURE}

    def mistakes(
        self, sent: Sequence[Request], signed: Sequence[bytes], keys: Mapping[str, str], now_ms: int
    ) -> Iterator[str]:
        """Yield how the signed ones of some requests are not signed as the scheme says. signed: the texts that the
        adapter signed, in order. keys: as FMZ sends them. now_ms: the time that is sent."""
        requests = [request for request in sent if self.is_signed(request)]
        if len(requests) != len(signed):
            yield f"{len(signed)} requests were signed, and {len(requests)} carry a signature where exchange.json says"
        for request, text in zip(requests, signed, strict=False):
            if wrong := self.mistake(request, keys, now_ms, text):
                yield f"{request.method} {urlsplit(request.url).path}: {wrong}"

    def is_signed(self, request: Request) -> bool:
        """Return True if a request carries a signature where the scheme has it."""
        return _Signed(self, request, {}, 0).carried(SIGNATURE) is not None

    def mistake(self, request: Request, keys: Mapping[str, str], now_ms: int, signed: bytes) -> str:
        """Return how a request is not signed as the scheme says, empty if it is. signed: the text that the adapter
        signed. Parameters may be in any order, unless their order is signed."""
        one = _Signed(self, request, keys, now_ms)
        for name, word in (*self.headers.items(), *self.params.items()):
            sent, expected = one.sent(name), one.value(word)
            if word != SIGNATURE and sent != expected:
                return f"{name} is {sent!r}, and {expected!r} by exchange.json ({word})"
        ours, theirs = self.digest.made(one.value).decode(), one.carried(SIGNATURE)
        if ours == theirs:
            return ""
        text = self.digest.shown(one.value)
        if text != signed:
            hashed = [f"\n  a digest in it is of {in_text(inner)!r}" for inner in self.digest.hashed(one.value)]
            return "".join((difference("the text that is signed", in_text(text), in_text(signed)), *hashed))
        kind = f"{'hmac-' if self.digest.keyed else ''}{self.digest.algorithm}, {self.digest.encoding}"
        return f"{in_text(text)!r} is signed, and gives {ours} by exchange.json ({kind}), and {theirs} by the adapter"

    def wrong_example(self, sign: Callable[[bytes, bytes], str]) -> str:
        """Return how a published example differs from what is signed, empty if none does. sign: the adapter's
        function."""
        for example in self.examples:
            value = _of_example(example)
            ours = self.digest.made(value).decode()
            theirs = sign(self.digest.shown(value), self.digest.key(value("secret")))
            if not ours == theirs == example.signature:
                return f"a published example is {example.signature}: exchange.json gives {ours}, the adapter {theirs}"
        return ""


@dataclass(frozen=True)
class _Signed:
    """A signed request, and the words of its scheme. keys: as FMZ sends them."""

    scheme: Scheme
    request: Request
    keys: Mapping[str, str]
    now_ms: int

    def value(self, word: str) -> str:
        """Return a word's value; a word that is none of those is a parameter. Raises ValueError for any other."""
        known = {**self._of_account(), **self._of_time(), **self._of_request(), SIGNATURE: ""}
        found = known.get(word, self.sent(word))
        if found is None:
            call = f"{self.request.method} {urlsplit(self.request.url).path}"
            raise ValueError(f"`signature` names {word!r}, which is no word and no parameter of {call}")
        return found

    def _of_account(self) -> dict[str, str]:
        secret, _, passphrase = self.keys.get("secret_key", "").partition(",")
        return {"key": self.keys.get("access_key", ""), "secret": secret, "passphrase": passphrase}

    def _of_time(self) -> dict[str, str]:
        seconds, ms = divmod(self.now_ms, 1000)
        iso = f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{ms:03}Z"
        return {"time": str(self.now_ms), "seconds": str(seconds), "iso": iso, "nonce": self.carried("nonce") or ""}

    def _of_request(self) -> dict[str, str]:
        parts = urlsplit(self.request.url)
        query, body = self._unsigned(parts.query), self._unsigned(self.request.body)
        named = self._sorted(query)
        return {
            "verb": self.request.method,
            "host": parts.netloc,
            "path": parts.path,
            "query": query,
            "target": parts.path + (f"?{query}" if query else ""),
            "body": body,
            "sorted": "&".join(f"{name}={value}" for name, value in self._sorted(query, body)),
            "encoded": "&".join(f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in named),
            "glued": "".join(name + value for name, value in named),
        }

    def carried(self, word: str) -> str | None:
        """Return what a request carries where the scheme has a word; None if nothing."""
        for name, meant in (*self.scheme.headers.items(), *self.scheme.params.items()):
            if meant == word:
                return self.sent(name)
        return None

    def sent(self, name: str) -> str | None:
        """Return the value of a header or parameter of the scheme, None without it."""
        if name in self.scheme.headers:
            return self.request.headers.get(name.lower())
        return dict(_params(urlsplit(self.request.url).query, self.request.body)).get(name)

    def _unsigned(self, text: str) -> str:
        """Return a query or form without the signature."""
        return "&".join(pair for pair in text.split("&") if unquote(pair.partition("=")[0]) not in self.scheme.carriers)

    def _sorted(self, *texts: str) -> Sequence[tuple[str, str]]:
        """Return parameters by name, without those that are not signed."""
        left_out = self.scheme.carriers | {*self.scheme.unsigned}
        return sorted(pair for pair in _params(*texts) if pair[0] not in left_out)


def _params(*texts: str) -> list[tuple[str, str]]:
    """Return the parameters of a query, a form and a JSON object, whose numbers keep their digits."""
    found: list[tuple[str, str]] = []
    for text in texts:
        if text.startswith("{"):
            members = json.loads(text, parse_float=str, parse_int=str).items()
            found += [(name, value if isinstance(value, str) else json.dumps(value)) for name, value in members]
        else:
            found += parse_qsl(text, keep_blank_values=True)
    return found


def _of_example(example: Example) -> Values:
    def value(word: str) -> str:
        if word not in example.values:
            raise ValueError(f"an example of `signature` lacks the value of {word!r}")
        return example.values[word]

    return value
