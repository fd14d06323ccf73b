"""The first files of a new adapter, which load and answer ``UNSUPPORTED`` to what is not filled in yet."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from string import Template
from typing import Any

from exchanges.kit import layout
from exchanges.kit.gateway import KEYS, NOW

_TEMPLATES = Path(__file__).parent / "templates"
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,39}")


@dataclass(frozen=True)
class Like:
    """A kind of API. signer: lines of the adapter. signature, requests: what ``exchange.json`` says of what is signed,
    and of its requests."""

    signer: str
    signature: Mapping[str, Any]
    keys_needed: str = "access key; secret key"
    secret_key: str = KEYS["secret_key"]
    requests: Mapping[str, Any] = field(default_factory=dict)


LIKES: Mapping[str, Like] = {
    "binance": Like(
        """\
    signer = hmac_signer(
        "{query}",
        headers={"X-API-KEY": "{key}"},
        params={"recvWindow": "5000", "timestamp": "{time}"},
        sign_param="signature",
    )""",
        {
            "of": ["query"],
            "digest": "hmac-sha256",
            "encoding": "hex",
            "headers": {"X-API-KEY": "key"},
            "params": {"timestamp": "time", "signature": "signature"},
        },
        requests={
            "signed": {
                "headers": {"X-API-KEY": "fmz-key"},
                "query": {"recvWindow": "5000", "timestamp": str(NOW), "signature": "{signature}"},
            }
        },
    ),
    "okx": Like(
        """\
    sends = "json"
    signer = hmac_signer(
        "{iso}{verb}{target}{body}",
        encoding="base64",
        headers={
            "X-KEY": "{key}", "X-SIGN": "{signature}", "X-TIMESTAMP": "{iso}", "X-PASSPHRASE": "{passphrase}",
        },
        sends="json",
    )""",
        {
            "of": ["iso", "verb", "target", "body"],
            "digest": "hmac-sha256",
            "encoding": "base64",
            "headers": {
                "X-KEY": "key",
                "X-SIGN": "signature",
                "X-TIMESTAMP": "iso",
                "X-PASSPHRASE": "passphrase",
            },
        },
        keys_needed="access key; secret key, a comma, and the passphrase",
        secret_key="fmz-secret,fmz-passphrase",  # nosec B106  # made up
        requests={"signed": {"headers": {"X-KEY": "fmz-key", "X-SIGN": "{signature}"}}},
    ),
    "kraken": Like(
        """\
    sends = "form"
    signer = HmacNonceForm""",
        {
            "of": ["target", {"of": ["nonce", "body"], "digest": "sha256", "encoding": "raw"}],
            "digest": "hmac-sha512",
            "encoding": "base64",
            "secret": "base64",  # nosec B105  # its encoding
            "headers": {"API-Key": "key", "API-Sign": "signature"},
            "params": {"nonce": "nonce"},
        },
        secret_key="Zm16LXNlY3JldA==",  # nosec B106  # made up
        requests={"signed": {"headers": {"API-Key": "fmz-key", "API-Sign": "{signature}"}}},
    ),
    "bitgo": Like(
        "    signer = Md5Query",
        {
            "of": ["sorted", "secret"],
            "join": "&secret_key=",
            "digest": "md5",
            "encoding": "HEX",
            "unsigned": ["action"],
            "params": {"api_key": "key", "sign": "signature"},
        },
    ),
}
"""The kinds of API: how they sign."""


def write(name: str, like: str, folder: Path, *, package: bool) -> list[Path]:
    """Write a new adapter's files into a folder, a package into one of its own there; return their paths. Raises
    ValueError for a name that cannot be one, FileExistsError where a file is there already, and then writes nothing."""
    if not _NAME.fullmatch(name):
        raise ValueError(f"{name!r} cannot be an exchange's name: write letters, digits and _, at most 40")
    route, kind = name.lower(), LIKES[like]
    names = {"name": name, "route": route, "signer": kind.signer, "keys_needed": kind.keys_needed}
    common = {
        "host": f"https://api.{route}.example",
        "call": {"access_key": KEYS["access_key"], "secret_key": kind.secret_key},
        "requests": dict(kind.requests),
        "signature": {"source": f"https://docs.{route}.example", **kind.signature},
        "costs": {},
        "bans": {},
    }
    texts = {
        f"{route}.py": _filled("adapter.py", names),
        f"cases/{route}/exchange.json": layout.write(common, opened=1),
        "README.md" if package else f"{route}.README.md": _filled("README.md", names),
    }
    if package:
        folder = folder / f"fmz-gateway-{route}"
        texts["pyproject.toml"] = _filled("pyproject.toml", names)
        texts[".github/workflows/verify.yml"] = _filled("verify.yml", names)
    paths = {folder / place: text for place, text in texts.items()}
    for path in paths:
        if path.exists():
            raise FileExistsError(f"{path} is there already: nothing was written")
    for path, text in paths.items():
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        path.write_text(text, encoding="utf-8")
        path.chmod(0o600 if not package else 0o644)
    return list(paths)


def _filled(template: str, names: Mapping[str, str]) -> str:
    return Template((_TEMPLATES / f"{template}.txt").read_text(encoding="utf-8")).substitute(names)
