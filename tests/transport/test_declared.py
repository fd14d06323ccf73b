"""Declared signing schemes: what is sent is as the standard library signs it by hand, to the byte."""

import hashlib
import hmac
import json
from base64 import b64encode
from itertools import count
from typing import Any
from urllib.parse import urlencode

import pytest
import requests

from protocol.errors import AuthenticationFailed
from tests.conftest import NOW
from transport.credentials import Credentials
from transport.declared import hmac_signer
from transport.signing import Signer

KEYS = Credentials("fmz-key", "fmz-secret", "fmz-passphrase")
AWKWARD = {"symbol": "BTC/USDT", "text": "a b&c=d é"}


def sent(kind: type[Signer], verb: str, keys: Credentials = KEYS, **options: Any) -> requests.PreparedRequest:
    signer = kind(keys, lambda: NOW, 17)
    return requests.Request(verb, "https://exchange.test/v1/orders", auth=signer, **options).prepare()


def signed_by_hand(text: str) -> bytes:
    return hmac.new(b"fmz-secret", text.encode(), hashlib.sha256).digest()


@pytest.mark.parametrize("params", [{}, AWKWARD])
@pytest.mark.parametrize("verb", ["GET", "POST", "DELETE"])
def test_a_query_is_signed_as_it_goes_out(verb: str, params: dict[str, str]) -> None:
    declared = hmac_signer(
        "{query}",
        headers={"X-KEY": "{key}"},
        params={"recvWindow": "5000", "timestamp": "{time}"},
        sign_param="signature",
    )
    request = sent(declared, verb, params=params)
    query = urlencode({**params, "recvWindow": "5000", "timestamp": NOW})
    assert request.url == f"https://exchange.test/v1/orders?{query}&signature={signed_by_hand(query).hex()}"
    assert (request.body, request.headers["X-KEY"]) == (None, "fmz-key")


@pytest.mark.parametrize("verb", ["GET", "POST"])
def test_time_verb_target_and_body_are_signed(verb: str) -> None:
    headers = {"X-KEY": "{key}", "X-SIGN": "{signature}", "X-TIMESTAMP": "{iso}", "X-PASSPHRASE": "{passphrase}"}
    declared = hmac_signer("{iso}{verb}{target}{body}", encoding="base64", headers=headers, sends="json")
    options: dict[str, Any] = {"json" if verb == "POST" else "params": AWKWARD}
    request = sent(declared, verb, **options)
    target, body = ("/v1/orders", json.dumps(AWKWARD)) if verb == "POST" else (f"/v1/orders?{urlencode(AWKWARD)}", "")
    signature = b64encode(signed_by_hand(f"2023-11-14T22:13:20.000Z{verb}{target}{body}")).decode()
    assert request.url == f"https://exchange.test{target}"
    assert request.body == (body.encode() or None)
    assert {name: request.headers[name] for name in headers} == {
        "X-KEY": "fmz-key", "X-SIGN": signature, "X-TIMESTAMP": "2023-11-14T22:13:20.000Z",
        "X-PASSPHRASE": "fmz-passphrase",
    }  # fmt: skip


@pytest.mark.parametrize("verb", ["GET", "POST"])
def test_parameters_are_added_to_a_form_or_to_the_query(verb: str) -> None:
    declared = hmac_signer(
        "{query}{body}",
        headers={"X-KEY": "{key}", "Sign": "{signature}"},
        params={"timestamp": "{time}", "recvWindow": "5000"},
        sends="form",
    )
    options: dict[str, Any] = {"data" if verb == "POST" else "params": AWKWARD}
    request = sent(declared, verb, **options)
    added = urlencode({**AWKWARD, "timestamp": NOW, "recvWindow": "5000"})
    url = "https://exchange.test/v1/orders"
    assert (request.url, request.body) == ((url, added) if verb == "POST" else (f"{url}?{added}", None))
    assert request.headers["Sign"] == signed_by_hand(added).hex()
    assert request.headers.get("Content-Type") == ("application/x-www-form-urlencoded" if verb == "POST" else None)


def test_parameters_are_added_to_json() -> None:
    declared = hmac_signer(
        "{sorted}", params={"time": "{seconds}"}, sign_param="sign", sends="json", digest="sha512", encoding="HEX"
    )
    request = sent(declared, "POST", json={"b": "2", "a": 1})
    text = f"a=1&b=2&time={NOW // 1000}"
    sign = hmac.new(b"fmz-secret", text.encode(), hashlib.sha512).hexdigest().upper()
    assert isinstance(request.body, bytes)
    assert json.loads(request.body) == {"b": "2", "a": 1, "time": str(NOW // 1000), "sign": sign}
    assert request.headers["Content-Length"] == str(len(request.body))


def test_the_time_of_a_request_is_one() -> None:
    times = count(NOW)
    declared = hmac_signer("{time}", headers={"T": "{time}", "S": "{signature}"})
    request = requests.Request("GET", "https://x.test/", auth=declared(KEYS, lambda: next(times), 0)).prepare()
    assert request.headers["T"] == str(NOW)
    assert request.headers["S"] == hmac.new(b"fmz-secret", str(NOW).encode(), hashlib.sha256).hexdigest()


def test_a_secret_may_be_base64() -> None:
    declared = hmac_signer("x", key_form="base64", headers={"S": "{signature}"})
    request = sent(declared, "GET", Credentials("k", "Zm16LXNlY3JldA=="))
    assert request.headers["S"] == hmac.new(b"fmz-secret", b"x", hashlib.sha256).hexdigest()
    with pytest.raises(AuthenticationFailed, match="not base64"):
        sent(declared, "GET", Credentials("k", "no base64"))


def test_a_missing_passphrase_is_told_before_anything_is_sent() -> None:
    declared = hmac_signer("x", headers={"P": "{passphrase}", "S": "{signature}"})
    with pytest.raises(AuthenticationFailed, match="a passphrase is needed"):
        sent(declared, "GET", Credentials("k", "s"))


def test_a_value_is_no_template() -> None:
    declared = hmac_signer("{query}", headers={"K": "{key}", "S": "{signature}"})
    request = sent(declared, "GET", Credentials("{secret}{time}", "s"), params={"a": "{key}"})
    assert request.headers["K"] == "{secret}{time}"
    assert "%7Bkey%7D" in str(request.url)


def test_nonces_are_declared() -> None:
    declared = hmac_signer("{nonce}", headers={"N": "{nonce}", "S": "{signature}"}, nonces=True)
    assert declared.serial
    assert sent(declared, "GET").headers["N"] == "17"


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"text": "{tiem}", "sign_param": "s"}, "'{tiem}' names tiem: a template may name key, passphrase, time"),
        ({"text": "x"}, "the signature is sent nowhere: write headers="),
    ],
)
def test_a_mistake_is_told_with_what_to_write(options: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        hmac_signer(**options)
