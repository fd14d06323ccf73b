"""Pass-throughs: what moves money or manages keys is refused, unless its adapter or the settings say otherwise."""

from dataclasses import replace

import pytest

from exchanges.base.guard import is_sensitive
from protocol.errors import NotAllowed
from tests.lent import Lent
from tests.tiny import Canned, tiny

WORDS = ("localentity",)
CALLS = ("GET *", "* withdraw/status", "POST v*/transfer/free")


@pytest.mark.parametrize(
    ("path", "sensitive"),
    [
        ("api/v1/order", False), ("sapi/v1/capital/withdraw/apply", True), ("WITH-DRAW", True), ("with_draw.x", True),
        ("0/private/WalletTransfer", True), ("local-Entity/x", True), ("entity", False), ("api/v5/users/apikey", True),
    ],
)  # fmt: skip
def test_a_name_is_compared_by_its_letters_and_digits(path: str, sensitive: bool) -> None:
    assert is_sensitive(path, WORDS) is sensitive


@pytest.mark.parametrize(
    ("verb", "path", "allowed"),
    [
        ("POST", "order", True), ("GET", "withdraw/all", True), ("POST", "withdraw/status", True),
        ("POST", "withdraw/status/x", False), ("POST", "x/withdraw/status", False), ("POST", "withdraw", False),
        ("POST", "v2/transfer/free", True), ("PUT", "v2/transfer/free", False), ("DELETE", "Local_Entity", False),
        ("GET", "localentity", True),
    ],
)  # fmt: skip
def test_a_call_is_allowed_by_its_whole_name(lent: Lent, verb: str, path: str, allowed: bool) -> None:
    for withdrawals in (False, True):
        http = Canned()
        exchange = tiny(replace(lent, withdrawals=withdrawals), http, sensitive_words=WORDS, allowed_calls=CALLS)
        if allowed or withdrawals:
            assert exchange.pass_through(verb, path, {}) == {}
        else:
            with pytest.raises(NotAllowed, match=f"^NOT_ALLOWED Tiny: {verb} {path} may withdraw, .* nothing was sent"):
                exchange.pass_through(verb, path, {})
        assert len(http.sent) == int(allowed or withdrawals)
