"""The parameters of a pass-through: by name, as FMZ decodes them, or as the arguments of ``exchange.IO``."""

from decimal import Decimal
from typing import Any

import pytest

from protocol.errors import Unsupported
from protocol.pass_through import RawArguments, RawParams
from tests.protocol.test_params import refusal


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ("cny", "cny"), ("", ""), ("'1'", "1"), ("''", ""), ("'", "'"), ("'a", "'a"), ('"1"', '"1"'), ("é", "é"),
        (1, "1"), (-1, "-1"), (10**30, str(10**30)), (Decimal("1.10"), "1.10"), (Decimal("1e-8"), "0.00000001"),
        (Decimal("0e5"), "0"), (True, "true"), (False, "false"),
    ],
    ids=ascii,
)  # fmt: skip
def test_a_pass_throughs_parameter_is_text(given: Any, text: str) -> None:
    assert RawParams().read({"params": {"a": given}})["params"] == {"a": text}


@pytest.mark.parametrize(
    "given", ["\ud800", Decimal("1e999999999"), Decimal("1e5000"), [], [Decimal("1.5")], {"a": 1}, None], ids=ascii
)
def test_a_pass_throughs_wrong_parameter_is_refused(given: Any) -> None:
    assert refusal(RawParams(), {"params": {"a": given}}) == "value must be a string or number"


def test_a_pass_throughs_parameter_has_a_name_that_can_be_sent() -> None:
    assert refusal(RawParams(), {"params": {"\ud800": "1"}}) == "key must be a name"


# The arguments of exchange.IO ---------------------------------------------------------------------------------------

A = {"a": "1", "b": "x y"}


@pytest.mark.parametrize("command", [[], ["api"]])
@pytest.mark.parametrize(
    "rest",
    [
        ["a=1&b=x y"], ["a=1&b=x+y"], ["a='1'&b=x%20y"], ["'a=1&b=x y'"], [{"a": 1, "b": "x y"}],
        [{"a": "'1'", "b": "x y"}], ['{"a": 1, "b": "x y"}'], [' {"a": "1", "b": "x y"} '],
        ["""'{"a": 1, "b": "x y"}'"""],
        ["", '{"a": 1, "b": "x y"}'], [None, '{"a": 1, "b": "x y"}'], [{}, {"a": 1, "b": "x y"}], ["a=1&b=x y", ""],
        ["a=1&b=x y", None],
    ],
)  # fmt: skip
def test_parameters_are_read_in_every_form(command: list[str], rest: list[Any]) -> None:
    asked = RawArguments().read([*command, "Delete", "v1/x", *rest])
    assert asked == {"verb": "Delete", "resource": "v1/x", "params": A}


@pytest.mark.parametrize("rest", [[], [""], [None], ["", ""], [{}], ["{}"], ["''"], [" "]])
def test_parameters_may_be_none(rest: list[Any]) -> None:
    assert RawArguments().read(["api", "GET", "v1/x", *rest]) == {"verb": "GET", "resource": "v1/x", "params": {}}


def test_without_an_http_method_the_command_must_be_named() -> None:
    old = RawArguments().read(["api", "get_loans", "market=cny"])
    assert old == {"verb": "", "resource": "get_loans", "params": {"market": "cny"}}


@pytest.mark.parametrize(
    "args",
    [
        [], ["simulate", True], ["base", "https://evil.example"], ["cross", "x=1"], ["get_loans", "market=cny"], [None],
        [{"a": 1}], ["API", "x"], ["HEAD", "x"], [4], ["status"],
    ],
)  # fmt: skip
def test_any_other_command_is_not_supported(args: list[Any]) -> None:
    with pytest.raises(Unsupported, match=r"not supported: exchange\.IO without .* Nothing was sent"):
        RawArguments().read(args)


@pytest.mark.parametrize(
    ("rest", "message"),
    [
        (["a"], "params must be a query such as a=1&b=2, or a JSON object"),
        (["a=1&b"], "params must be a query such as a=1&b=2, or a JSON object"),
        (["a=%ff"], "params must be a query such as a=1&b=2, or a JSON object"),
        (["a=\ud800"], "params must be a query such as a=1&b=2, or a JSON object"),
        (['{"a": 1'], "params must be a query such as a=1&b=2, or a JSON object"),
        (['{"a": 1, "a": 2}'], "params must be a query such as a=1&b=2, or a JSON object"),
        (['["a"]'], "params must be a query such as a=1&b=2, or a JSON object"),
        ([["a"]], "params must be a query such as a=1&b=2, or a JSON object"),
        ([7], "params must be a query such as a=1&b=2, or a JSON object"),
        (["a=1&a=2"], "params has a name twice"),
        (['{"a": [1]}'], "value must be a string or number"),
        (["a=1", "b=2"], "args takes parameters or a body, not both"),
        (["a=1", "", "b=2"], "args takes at most 3 after the HTTP method"),
    ],
)
def test_parameters_that_are_none_are_refused(rest: list[Any], message: str) -> None:
    assert refusal(RawArguments(), ["api", "GET", "v1/x", *rest]) == message


@pytest.mark.parametrize("resource", [[], [None], [7], [["v1/x"]], ["\ud800"]])
def test_a_resource_is_text(resource: list[Any]) -> None:
    assert refusal(RawArguments(), ["GET", *resource]) in ("resource must be a string", "resource must be a string.")
