"""The outcome of an order through ccxt: it is sent once, and never called failed while it exists, whatever the exchange
answers and ccxt raises."""

from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.exchanges.ccxt.conftest import Call, bridged, calls
from tests.exchanges.ccxt.fake_xt import FakeXT
from tests.exchanges.ccxt.fakes import FULL, FullOKX
from tests.exchanges.ccxt.others import OTHERS
from tests.fakes import KEY, FakeExchange
from tests.fakes.broken import BEFORE, FAULTS, Broken, Plan
from tests.service import until

LIMIT = {"type": "buy", "price": "60000.50", "amount": "0.010"}
FAKES: dict[str, tuple[str, type[FakeExchange]]] = {
    **{name: (name.lower(), kind) for name, kind in FULL.items()},
    **OTHERS,
}
UNKNOWN, NOT_SENT = "ORDER_STATE_UNKNOWN ", "NOT_SENT "

pytestmark = pytest.mark.usefixtures("unlimited")


@pytest.fixture(params=FAKES)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def server(name: str) -> Iterator[Broken]:
    with Broken(FAKES[name][1]()) as broken:
        yield broken


@pytest.fixture
def call(name: str, server: Broken) -> Iterator[Call]:
    with calls(bridged(FAKES[name][0], name), server.url, deadline=1.5) as call:
        call("markets")
        yield call


@pytest.mark.long
def test_no_fault_makes_two_orders_or_hides_one(name: str, server: Broken, call: Call) -> None:
    cells = {
        f"{KEY} {fault} {created}": Plan(fault, created) for fault in (*FAULTS, "503 json", "cut json", "400 page")
        for created in (True, False)
    }  # fmt: skip
    server.plan = lambda account, attempt: cells[account] if attempt == 0 else None

    def placed(key: str) -> dict[str, Any]:
        return call("trade", LIMIT, key=key, nonce=7)

    with ThreadPoolExecutor(len(cells)) as pool:
        answers = dict(zip(cells, pool.map(placed, cells), strict=True))
    expected = {key for key, plan in cells.items() if plan.created and plan.fault != BEFORE and server.placements[key]}
    until(lambda: expected <= {order.account for order in server.fake.orders})  # who hangs up does not wait for it
    made = {order.account: order.id for order in server.fake.orders}
    for key, answer in answers.items():
        assert server.placements[key] <= 1, key
        if not server.placements[key]:  # its time ended before, because all of them hang at once
            assert answer["error"].startswith(NOT_SENT), (key, answer)
        elif key in made:
            found = answer.get("data", {}).get("id")
            assert found == made[key] or answer["error"].startswith(UNKNOWN), (key, answer)
        else:
            assert answer["error"].startswith(UNKNOWN), (key, answer)
    with ThreadPoolExecutor(len(cells)) as pool:  # FMZ asks again, with the same nonce
        again = dict(zip(cells, pool.map(placed, cells), strict=True))
    counted = Counter(order.account for order in server.fake.orders)
    for key, answer in again.items():
        assert server.placements[key] <= 1 or answers[key]["error"].startswith(NOT_SENT), key
        assert counted[key] <= 1, f"{key}: two orders"
        assert "data" not in answer or counted[key] == 1
    assert server.redirect_target.connections == 0


def test_an_order_whose_answer_is_lost_is_found(server: Broken, call: Call) -> None:
    server.plan = lambda account, attempt: Plan("close", created=True) if attempt == 0 else None
    answer = call("trade", LIMIT)
    [order] = server.fake.orders
    assert answer["data"]["id"] == order.id
    assert server.placements[KEY] == 1


@pytest.mark.parametrize("name", OTHERS)
def test_a_strategy_that_tries_again_makes_one_order(server: Broken, call: Call) -> None:
    server.fake.lag = 2.5  # look-ups of the first call find nothing yet
    server.plan = lambda account, attempt: Plan("close", created=True) if attempt == 0 else None
    answers = [call("trade", LIMIT, nonce=1)]
    assert answers[0]["error"].startswith(UNKNOWN)
    while "data" not in answers[-1] and len(answers) < 6:
        answers.append(call("trade", LIMIT, nonce=len(answers) + 1))
    [order] = server.fake.orders
    assert answers[-1]["data"]["id"] == order.id
    assert server.placements[KEY] == 1


@pytest.mark.parametrize("name", ["Binance", *OTHERS])
def test_a_connection_that_is_refused_leaves_nothing(server: Broken, call: Call) -> None:
    server.__exit__(None, None, None)
    try:
        assert call("trade", LIMIT)["error"].startswith(NOT_SENT)
    finally:
        server.__enter__()


class Garbled(FullOKX):
    """Answers a new order in a form that no reader expects, or with words."""

    reply_to_orders: Any = {"code": "0", "msg": "", "data": [{}]}

    def new(self, account: Any, params: Any) -> Any:
        super().new(account, params)
        return self.reply_to_orders


@pytest.mark.parametrize(
    "reply",
    [
        {"code": "0", "msg": "", "data": [{}]},
        {"code": "0", "msg": "", "data": []},
        {"code": "0", "msg": "", "data": None},
        {"code": "0", "msg": ""},
        {"code": "0", "msg": "", "data": [{"ordId": "", "sCode": "0"}]},
        {"code": "0", "data": "done"},
        ["done"],
        "done",
        7,
        None,
        {"code": "50004", "msg": "Endpoint request timeout", "data": []},
        {"code": "50026", "msg": "System error, please try again later.", "data": []},
        {"code": "51016", "msg": "Duplicated client order ID", "data": []},
        {"code": "70707", "msg": "The system is busy", "data": []},
    ],
)
def test_an_order_that_exists_is_found_whatever_the_answer(reply: Any) -> None:
    with Garbled() as fake, calls(bridged("okx", "OKX"), fake.url) as call:
        fake.reply_to_orders = reply
        answer = call("trade", LIMIT)
        [order] = fake.orders
    assert answer["data"]["id"] == order.id
    assert answer["raw"]["found"] is True if isinstance(answer["raw"], dict) and "found" in answer["raw"] else True


@pytest.mark.parametrize(
    ("reply", "error"),
    [
        (
            {"code": "51008", "msg": "Insufficient balance", "data": []},
            "INSUFFICIENT_FUNDS OKX 51008 Insufficient balance",
        ),
        ({"code": "50011", "msg": "Rate limit reached.", "data": []}, "RATE_LIMITED OKX 50011 Rate limit reached."),
        (
            {"code": "50102", "msg": "Timestamp expired", "data": []},
            "AUTHENTICATION_FAILED OKX 50102 Timestamp expired",
        ),
        ({"code": "70708", "msg": "No such thing", "data": []}, "REFUSED OKX 70708 No such thing"),
    ],
)
def test_a_business_refusal_is_definite(reply: Any, error: str) -> None:
    class Refusing(FullOKX):
        def new(self, account: Any, params: Any) -> Any:
            return reply

    with Refusing() as fake, calls(bridged("okx", "OKX"), fake.url) as call:
        assert call("trade", LIMIT)["error"].partition("; ")[0] == error
        assert fake.orders == []


@pytest.mark.parametrize("code", ["COMMON_002", "COMMON_003", "ORDER_099"])
def test_a_code_without_words_is_no_definite_refusal(code: str) -> None:
    class Wordless(FakeXT):
        def new(self, account: Any, params: Any) -> Any:
            super().new(account, params)
            return {"rc": 1, "mc": code, "ma": [], "result": None}

    with Wordless() as fake, calls(bridged("xt", "XT"), fake.url) as call:
        answer = call("trade", LIMIT)
        [order] = fake.orders
    assert answer["data"]["id"] == order.id, "the order exists, and is found"
