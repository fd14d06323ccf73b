"""Signatures are proved over the bytes that go out; credentials by looking for their letters everywhere."""

import copy
import hashlib
import hmac
import json
import pickle
from base64 import b64encode
from collections.abc import Callable
from urllib.parse import parse_qsl, quote, quote_plus, unquote_plus, urlsplit

import pytest
import requests
from hypothesis import example, given, settings
from hypothesis import strategies as st

from transport import signing
from transport.credentials import Credentials
from transport.signing import HmacHostQuery, HmacMd5Form, Md5Query, Sha256Headers, Signer

KEYS = Credentials("fmz-key", "fmz-secret")
CANARY = Credentials("kanarie-0123456789", "zeisig-ABCDEFGHIJ", "stieglitz-!~%&=+,")
PARTS = (CANARY.key, CANARY.secret, CANARY.passphrase)
AWKWARD = st.text(alphabet=st.sampled_from("&=%+#?; ,/\\\"'\n\x00aé中😀") | st.characters(exclude_categories=["Cs"]))
NAMES = st.text(alphabet=st.characters(exclude_categories=["Cs"]), min_size=1).filter(
    lambda name: name not in {"action", "api_key", "sign"}
)
steadily = settings(derandomize=True, deadline=None)
SECRETS = st.text(alphabet=st.characters(exclude_categories=["Cs"]), min_size=1)


def prepared(signer: Signer, **options: object) -> requests.PreparedRequest:
    return requests.Request("POST", "https://exchange.test/appApi.html", auth=signer, **options).prepare()  # type: ignore[arg-type]


def sent_query(request: requests.PreparedRequest) -> list[tuple[str, str]]:
    """The query as a server reads it, by no code of ours: every pair, in the order of the URL."""
    pairs = [pair.partition("=") for pair in urlsplit(str(request.url)).query.split("&")]
    return [(unquote_plus(name), unquote_plus(value)) for name, _, value in pairs]


# Md5Query ---------------------------------------------------------------------------------------------------------


def test_md5_query_is_the_known_vector() -> None:
    request = prepared(Md5Query(KEYS), params={"symbol": "1", "action": "userinfo"})
    assert request.url == (
        "https://exchange.test/appApi.html"
        "?action=userinfo&api_key=fmz-key&sign=15D9F0A8094AFBBD578742BF3838D408&symbol=1"
    )
    assert not request.body


@steadily
@given(st.dictionaries(NAMES, AWKWARD, max_size=5), SECRETS, SECRETS)
@example({"a": "1&b=2", "c": "%26", "d": "+ ", "é": "中"}, "k&ey", "s%2B+")
def test_md5_query_signs_what_the_server_reads(params: dict[str, str], key: str, secret: str) -> None:
    request = prepared(Md5Query(Credentials(key, secret)), params={**params, "action": "trade"})
    query = sent_query(request)
    assert {name: value for name, value in query if name != "sign"} == {**params, "action": "trade", "api_key": key}
    signed = sorted(pair for pair in query if pair[0] not in ("action", "sign"))
    prehash = "&".join(f"{name}={value}" for name, value in signed) + f"&secret_key={secret}"
    assert dict(query)["sign"] == hashlib.md5(prehash.encode()).hexdigest().upper()
    assert str(request.url).isascii()


@steadily
@given(AWKWARD)
@example("1&amount=1000000")
@example("1#fragment")
@example("1;amount=2")
def test_a_value_cannot_become_a_parameter_of_a_query(value: str) -> None:
    request = prepared(Md5Query(KEYS), params={"price": value, "action": "trade"})
    assert [name for name, _ in sent_query(request)] == ["action", "api_key", "price", "sign"]
    assert urlsplit(str(request.url)).fragment == ""
    assert (urlsplit(str(request.url)).netloc, urlsplit(str(request.url)).path) == ("exchange.test", "/appApi.html")


@pytest.mark.parametrize("change", [{"symbol": "2"}, {"more": "1"}, {"Symbol": "1"}])
def test_every_parameter_but_the_action_changes_an_md5_signature(change: dict[str, str]) -> None:
    def sign(params: dict[str, str]) -> str:
        return dict(sent_query(prepared(Md5Query(KEYS), params=params)))["sign"]

    params = {"symbol": "1", "action": "userinfo"}
    assert sign(params | change) != sign(params)
    assert sign(params | {"action": "cancel"}) == sign(params)


def test_the_accounts_own_key_signs() -> None:
    request = prepared(Md5Query(KEYS), params={"api_key": "of-somebody-else"})
    assert [value for name, value in sent_query(request) if name == "api_key"] == ["fmz-key"]


# HmacMd5Form ------------------------------------------------------------------------------------------------------


def test_hmac_md5_form_is_the_known_vector() -> None:
    cmds = '[{"cmd": "transfer/assets", "body": {"select": 1}}]'
    request = prepared(HmacMd5Form(KEYS), data={"cmds": cmds})
    assert parse_qsl(str(request.body)) == [
        ("cmds", cmds),
        ("apikey", "fmz-key"),
        ("sign", "88ddb5cce0044110904ce043b1338f53"),
    ]
    assert request.headers["Content-Type"] == "application/x-www-form-urlencoded"
    assert request.headers["Content-Length"] == str(len(str(request.body)))
    assert urlsplit(str(request.url)).query == ""


@steadily
@given(st.dictionaries(NAMES, AWKWARD, max_size=4), SECRETS, SECRETS, st.booleans())
@example({"pair": 'LTC_BTC"}}]&sign=1&cmds=[{"cmd'}, "k&ey=", "s%2B+", False)
def test_hmac_md5_form_signs_what_the_server_reads(body: dict[str, str], key: str, secret: str, ascii_: bool) -> None:
    cmds = json.dumps([{"cmd": "orderpending/trade", "body": body}], ensure_ascii=ascii_)
    request = prepared(HmacMd5Form(Credentials(key, secret)), data={"cmds": cmds})
    form = [pair.partition("=") for pair in str(request.body).split("&")]
    assert [name for name, _, _ in form] == ["cmds", "apikey", "sign"]
    sent = {name: unquote_plus(value) for name, _, value in form}
    assert json.loads(sent["cmds"]) == [{"cmd": "orderpending/trade", "body": body}]
    assert sent["apikey"] == key
    assert sent["sign"] == hmac.new(secret.encode(), sent["cmds"].encode(), hashlib.md5).hexdigest()
    assert str(request.body).isascii()


# HmacHostQuery ----------------------------------------------------------------------------------------------------

HOST_KEYS = Credentials("AccessKeyHotcoin123456789", "SecretKeyHotcoin123456789")
HOST_PARAMS = {"symbol": "btc_gavc", "type": "buy", "tradePrice": "40000", "tradeAmount": "0.1"}
HOST_QUERY = (
    "AccessKeyId=AccessKeyHotcoin123456789&SignatureMethod=HmacSHA256&SignatureVersion=2"
    "&Timestamp=2017-05-11T16%3A22%3A06.123Z&symbol=btc_gavc&tradeAmount=0.1&tradePrice=40000&type=buy"
)


def host_query(verb: str, host: str, params: dict[str, str], url: str = "") -> str:
    """Return the query of a signed request, as it goes out."""
    signer = HmacHostQuery.named(host=host)(HOST_KEYS, lambda: 1_494_519_726_123)  # 2017-05-11T16:22:06.123Z
    address = url or f"https://{host}/v1/order/place"
    request = requests.Request(verb, address, params=params, auth=signer).prepare()
    assert not request.body
    return urlsplit(str(request.url)).query


@pytest.mark.parametrize(
    ("verb", "host", "signature"),
    [
        # The published value belongs to the host that the documentation named before; it was not renewed with the name.
        ("GET", "hkapi.hotcoin.top", "2oEC+yhkHTsNkgPUq4ZB/5mlY7EZAtUDWOQ5EO01D+I="),
        ("GET", "api.hotcoinfin.com", "/7zjm0ZDHeOcNinCZ+BYrz/WUa7K3V9Imww/5KpLZYo="),
        ("POST", "api.hotcoinfin.com", "5dcZdCTWChEkxJgi6I05O6q0xnr5L8F7gxhCHI6U2F4="),
    ],
)
def test_hmac_host_query_is_the_published_vector(verb: str, host: str, signature: str) -> None:
    text = f"{verb}\n{host}\n/v1/order/place\n{HOST_QUERY}".encode()
    assert b64encode(hmac.new(HOST_KEYS.secret.encode(), text, hashlib.sha256).digest()).decode() == signature
    assert host_query(verb, host, HOST_PARAMS) == f"{HOST_QUERY}&Signature={quote(signature, safe='')}"


@pytest.mark.parametrize("url", ["https://PROXY.example:8443/v1/order/place", "http://127.0.0.1:8080/v1/order/place"])
def test_hmac_host_query_signs_the_exchanges_own_host_whatever_the_address(url: str) -> None:
    host = "api.hotcoinfin.com"
    assert host_query("POST", host, HOST_PARAMS, url) == host_query("POST", host, HOST_PARAMS)


def test_hmac_host_query_encodes_values_and_replaces_parameters_of_its_own_name() -> None:
    given = {"z": "a b+c/d=e&f~é", "AccessKeyId": "another", "Timestamp": "x", "A": "1"}
    query, _, signature = host_query("GET", "a.test", given, "https://a.test/v1/x").rpartition("&Signature=")
    assert [name for name, _ in parse_qsl(query)] == [
        "A", "AccessKeyId", "SignatureMethod", "SignatureVersion", "Timestamp", "z",
    ]  # fmt: skip
    assert query.endswith("&z=a%20b%2Bc%2Fd%3De%26f~%C3%A9")
    assert "AccessKeyId=AccessKeyHotcoin123456789" in query
    digest = hmac.new(HOST_KEYS.secret.encode(), f"GET\na.test\n/v1/x\n{query}".encode(), hashlib.sha256).digest()
    assert signature == quote(b64encode(digest).decode(), safe="")


# Sha256Headers ----------------------------------------------------------------------------------------------------

SHA256_VECTORS = [
    # https://github.com/BitunixOfficial/open-api, the Go SDK's test
    (
        ("1" * 17, "2" * 17, "3" * 17, "1747104711262"), "marginCoin=USDT", "",
        "40e87256554e263e39201a3979469b7fbb640d1c7c41759abf5c6a18f937f922",
    ),
    # https://www.bitunix.com/api-docs/futures/common/sign.html has this input, and no result
    (
        ("yourApiKey", "yourSecretKey", "123456", "20241120123045"), "uid=200&id=1",
        '{"uid":"2899","arr":[{"id":1,"name":"maple"},{"id":2,"name":"lily"}]}',
        "00397cd1e52c7dce3258067324363b6361fabc9178a0912b330c138db8745655",
    ),
    (
        ("fmz-key", "fmz-secret", "0123456789abcdef0123456789abcdef", "1700000000000"), "",
        '{"symbol":"BTCUSDT","qty":"0.001","side":"BUY","orderType":"MARKET","clientId":"1700000000001"}',
        "154f7e46682159d8f7f27f04ac9539e1699a7a3b64415dfc849284253a1c20a2",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("account", "query", "body", "expected"), SHA256_VECTORS)
def test_sha256_headers_are_the_published_vector(
    account: tuple[str, str, str, str], query: str, body: str, expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    key, secret, nonce, time = account
    monkeypatch.setattr(signing, "token_hex", lambda size: nonce)
    signer = Sha256Headers(Credentials(key, secret), lambda: int(time))
    asked = json.loads(body) if body else None  # which requests writes with spaces
    request = requests.Request(
        "POST" if body else "GET", f"https://exchange.test/x?{query}", json=asked, auth=signer
    ).prepare()
    glued = "".join(name + value for name, value in sorted(parse_qsl(query)))
    digest = hashlib.sha256(f"{nonce}{time}{key}{glued}{body}".encode()).hexdigest()
    assert hashlib.sha256(f"{digest}{secret}".encode()).hexdigest() == expected
    headers = {name: request.headers[name] for name in ("api-key", "nonce", "timestamp", "sign")}
    assert headers == {"api-key": key, "nonce": nonce, "timestamp": time, "sign": expected}
    assert (request.body or b"") == body.encode()
    assert request.headers.get("Content-Length", "0") == str(len(body))


@steadily
@given(st.dictionaries(NAMES, AWKWARD, min_size=1, max_size=4), st.booleans())
@example({"b": "1 &=2", "a": "\u4e2d  x"}, True)
def test_sha256_headers_sign_what_the_server_reads(params: dict[str, str], posted: bool) -> None:
    place = {"json": params} if posted else {"params": params}
    auth = Sha256Headers(KEYS, lambda: 7)
    request = requests.Request("POST" if posted else "GET", "https://exchange.test/x", auth=auth, **place).prepare()  # type: ignore[arg-type]
    pairs = [] if posted else sent_query(request)
    body = request.body if isinstance(request.body, bytes) else b""
    assert (json.loads(body) if posted else dict(pairs)) == params
    head = str(request.headers["nonce"]) + "7" + KEYS.key + "".join(name + value for name, value in sorted(pairs))
    digest = hashlib.sha256(head.encode() + body).hexdigest()
    assert request.headers["sign"] == hashlib.sha256(f"{digest}{KEYS.secret}".encode()).hexdigest()


# Credentials ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("second", "secret", "passphrase"),
    [
        ("", "", ""),
        ("secret", "secret", ""),
        ("secret,phrase", "secret", "phrase"),
        ("secret,a,b,", "secret", "a,b,"),
        (",phrase", "", "phrase"),
        (" secret , phrase ", " secret ", " phrase "),
    ],
)
def test_the_second_field_is_split_at_its_first_comma(second: str, secret: str, passphrase: str) -> None:
    read = Credentials.from_fields("key,with,commas", second)
    assert (read.key, read.secret, read.passphrase) == ("key,with,commas", secret, passphrase)


SHOWN = {
    "repr": repr,
    "str": str,
    "format": "{:}".format,
    "f-string": lambda value: f"{value} {value!r} {value!s} {value!a}",
    "percent": lambda value: "%s %r" % (value, value),  # noqa: UP031 - how logging does it
    "in a list": lambda value: str([value]),
    "in a dict": lambda value: repr({"keys": value}),
    "of its class": lambda value: str(vars(type(value))),
    "of a signer": lambda value: f"{Md5Query(value)} {HmacMd5Form(value)!r}",
    "of a prepared request": lambda value: repr(prepared(Md5Query(value))),
    "of an error": lambda value: repr(ValueError(value)) + str(KeyError(value)),
    "of what it lacks": lambda value: _error(lambda: value.password),
    "of what it refuses": lambda value: _error(lambda: setattr(value, "key", "x")),
    "of a copy": lambda value: repr(copy.deepcopy(value)),
}


def _error(action: object) -> str:
    with pytest.raises((AttributeError, TypeError)) as caught:
        action()  # type: ignore[operator]
    return repr(caught.value)


@pytest.mark.parametrize("how", SHOWN)
def test_credentials_cannot_be_shown(how: str) -> None:
    shown = SHOWN[how](CANARY)  # type: ignore[operator]
    assert shown
    assert not [part for part in PARTS if any(part[i : i + 6] in shown for i in range(len(part) - 5))]


def test_credentials_have_no_dict_to_look_into() -> None:
    with pytest.raises(TypeError):
        vars(CANARY)
    with pytest.raises(AttributeError):
        CANARY.__dict__  # noqa: B018


def test_credentials_pickle_only_into_themselves() -> None:
    """Frozen and slotted dataclasses can be pickled; what comes back hides its parts as well."""
    again = pickle.loads(pickle.dumps(CANARY))
    assert again == CANARY
    assert repr(again) == repr(CANARY) == "Credentials(…)"


@steadily
@given(SECRETS, SECRETS, SECRETS)
def test_an_accounts_name_depends_on_its_key_alone_and_tells_nothing_of_it(key: str, secret: str, other: str) -> None:
    account = Credentials(key, secret, "phrase").account
    assert account == Credentials(key, other).account
    assert len(account) == 32
    assert int(account, 16) >= 0
    assert len(key) < 6 or key not in account
    assert (account == Credentials(other).account) is (key == other)


def test_an_accounts_name_stays_the_same_over_releases() -> None:
    """It is a column of the database: another name would lose a trader's settings."""
    assert KEYS.account == "52b56c2026a9ea6d3799d6336ea6d563"


# scrub ------------------------------------------------------------------------------------------------------------

LETTERS = st.text(st.sampled_from("ab01 +/=%&\"\\\n\x1fé中😀'~!"), min_size=6, max_size=40)
FORMS: dict[str, Callable[[str], str]] = {
    "raw": str,
    "percent-encoded": lambda value: quote(value, safe=""),
    "percent-encoded as a path": quote,
    "form-encoded": quote_plus,
    "in JSON": lambda value: json.dumps(value)[1:-1],
    "in JSON with unicode": lambda value: json.dumps(value, ensure_ascii=False)[1:-1],
}


def runs(text: str) -> set[str]:
    return {text[start : start + 6] for start in range(len(text) - 5)}


@pytest.mark.parametrize("form", FORMS)
@steadily
@given(value=LETTERS, data=st.data())
def test_scrub_leaves_no_run_of_six(form: str, value: str, data: st.DataObject) -> None:
    write = FORMS[form]
    start = data.draw(st.integers(0, len(value) - 6))
    stop = data.draw(st.integers(start + 6, len(value)))
    leak = write(value[start:stop])
    for credentials in (Credentials(key=value), Credentials(secret=value), Credentials(passphrase=value)):
        scrubbed = credentials.scrub(f"<{leak}>")
        assert not (runs(write(value)) - {"*" * 6}) & runs(scrubbed)
        assert (scrubbed[0], scrubbed[-1]) == ("<", ">") or "<" in leak or ">" in leak
        assert len(scrubbed) == len(leak) + 2


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("value", ["a/b c/d e/f g/h", "a+b=c/d+e=f/g==", 'a"b\\c d"e\\f é', "ключ-中文 ключ"])
def test_scrub_of_what_mixes_specials(value: str, form: str) -> None:
    leak = FORMS[form](value)
    assert Credentials(secret=value).scrub(f"<{leak}>") == f"<{'*' * len(leak)}>"


@steadily
@given(LETTERS, st.text(max_size=200))
def test_scrub_touches_nothing_else(value: str, text: str) -> None:
    credentials = Credentials("k" + value, value)
    leaking = any(gram in text for write in FORMS.values() for gram in runs(write(value)) | runs(write("k" + value)))
    assert leaking or credentials.scrub(text) == text


def test_scrub_of_a_message() -> None:
    said = "REFUSED BitGo 7 the key kanarie-0123456789 and isig-ABCDE are wrong, zeisi was not said"
    assert CANARY.scrub(said) == f"REFUSED BitGo 7 the key {'*' * 18} and {'*' * 10} are wrong, zeisi was not said"


@pytest.mark.parametrize(
    "word", ["ORDER_STATE_UNKNOWN", "STATE_U", "NOT_SENT", "Kraken", "ORDER", "usdt", "K", "REFUSED", "Futures_OKX"]
)
def test_a_key_that_is_a_word_of_ours_stars_out_no_label_and_no_name(word: str) -> None:
    for credentials in (Credentials(key=word), Credentials(secret=word), Credentials(passphrase=word)):
        for name in ("Kraken", "Futures_OKX"):
            for label in ("ORDER_STATE_UNKNOWN", "NOT_SENT", "REFUSED"):
                text = f"{label} {name}: connection refused on {name}"
                assert credentials.scrub(text, name) == text


@pytest.mark.parametrize(
    "key", ["NOT_SENT-8f3a91c07d", "8f3a91_NOT_SENT", "Kraken-4711", "4711-Kraken", "KrakenKraken"]
)
def test_a_key_that_contains_a_word_of_ours_is_no_less_secret(key: str) -> None:
    said = f"NOT_SENT Kraken 7 the key {key}, {key}. is wrong"
    stars = "*" * len(key)
    assert Credentials(key).scrub(said, "Kraken") == f"NOT_SENT Kraken 7 the key {stars}, {stars}. is wrong"


def test_another_exchanges_name_is_no_word_of_ours() -> None:
    assert Credentials("Binance").scrub("REFUSED Kraken 7 Binance", "Kraken") == "REFUSED Kraken 7 *******"


def test_signatures_are_scrubbed_and_do_not_pile_up() -> None:
    credentials = Credentials.from_fields("a key", "a secret")
    for number in range(1000):
        request = prepared(Md5Query(credentials), params={"number": f"{number}"})
    [signature] = [value for name, value in sent_query(request) if name == "sign"]
    assert len(signature) == 32
    assert credentials.scrub(f"said {signature}") == f"said {'*' * 32}"
    assert len(credentials.signatures) < 100


@pytest.mark.parametrize("credentials", [Credentials(), Credentials("short", "secre", "five5")])
def test_nothing_shorter_than_six_is_a_leak(credentials: Credentials) -> None:
    assert credentials.scrub("short secre five5") == "short secre five5"
