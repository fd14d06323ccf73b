"""Pass-through calls: what moves money or manages keys is refused unless it is allowed, and no name, verb or parameter,
however hostile, reaches another host than the exchange's own."""

import json
import logging
import random
import socket
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import cache
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import pytest
from flask.testing import FlaskClient

from app import create_app
from database import open_state
from exchanges import EXCHANGES
from exchanges.base.guard import is_sensitive
from exchanges.kit.faults import FaultServer, Seen
from settings import Settings
from tests.conftest import NOW, Clock
from tests.lent import Lent
from tests.servers import database
from transport.http import Http

ROUTES = [route for route, exchange in EXCHANGES.items() if exchange.url]
ANYTHING = b'{"code": "0", "error": [], "result": [], "data": []}'  # a success, or a refusal, of every exchange
KEYS = {"access_key": "k", "secret_key": "c2VjcmV0,losung"}


class Hurrying(Clock):
    """A clock that is a minute on whenever it is read, so that no limit of an exchange is ever reached."""

    def __call__(self) -> int:
        self.ms += 60_000
        return self.ms


@dataclass
class Gateway:
    """The service, without and with leave to withdraw, and the exchanges behind it."""

    strict: FlaskClient
    lax: FlaskClient
    exchanges: Mapping[str, FaultServer]

    def ask(
        self, route: str, resource: str, verb: str = "POST", params: Any = None, *, lax: bool = False
    ) -> tuple[dict[str, Any], list[Seen]]:
        """Return the answer to a pass-through, and what the exchange saw of it. The verb may be no legal header."""
        body = json.dumps({**KEYS, "method": f"__api_{resource}", "params": params or {}}).encode()
        client = self.lax if lax else self.strict
        requests = self.exchanges[route].requests
        requests.clear()
        reply = client.post(f"/{route}", data=body, environ_overrides={"HTTP_HTTP_METHOD": verb})
        assert (reply.status_code, reply.mimetype) == (200, "application/json")
        answer = json.loads(reply.get_data())
        assert len(answer.keys() & {"data", "error"}) == len(answer) == 1
        return answer, list(requests)

    def connections(self) -> int:
        return sum(server.connections for server in self.exchanges.values())


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    with ExitStack() as stack:
        servers = {route: stack.enter_context(FaultServer()) for route in ROUTES}
        for server in servers.values():
            server.body = ANYTHING
        state = open_state(stack.enter_context(database(tmp_path_factory.mktemp("state"))))
        stack.callback(state.dispose)
        lent = Lent(
            http=Http(),
            state=state,
            deadline=5.0,
            urls={EXCHANGES[route].name: server.url for route, server in servers.items()},
            now=Hurrying(NOW),
            sleep=lambda seconds: None,
            measure_clocks=False,
        )
        lax = replace(lent, http=Http(), withdrawals=True)
        yield Gateway(lent.app().test_client(), lax.app().test_client(), servers)


def path_of(seen: Seen) -> str:
    return seen.target.partition("?")[0]


# What moves money, or manages keys --------------------------------------------------------------------------------

# Names from the exchanges' documentation, as the ccxt library lists them too; Kraken: https://docs.kraken.com/api/docs,
# CoinPark: those of Bibox, whose platform it ran on. BitGo has none: these are what it might call them.
REFUSED: dict[str, dict[str, str]] = {
    "binance": {
        "POST": """
            sapi/v1/capital/withdraw/apply sapi/v1/localentity/withdraw/apply
            sapi/v1/localentity/broker/deposit/provide-info wapi/v3/withdraw.html sapi/v1/asset/transfer
            sapi/v1/asset/convert-transfer sapi/v1/futures/transfer sapi/v1/margin/transfer
            sapi/v1/margin/isolated/transfer sapi/v1/account/enableFastWithdrawSwitch
            sapi/v1/account/disableFastWithdrawSwitch sapi/v1/account/apiRestrictions/ipRestriction
            sapi/v1/sub-account/virtualSubAccount sapi/v1/sub-account/universalTransfer
            sapi/v1/sub-account/transfer/subToMaster sapi/v1/sub-account/futures/internalTransfer
            sapi/v1/sub-account/margin/enable sapi/v2/sub-account/subAccountApi/ipRestriction
            sapi/v1/managed-subaccount/deposit sapi/v1/managed-subaccount/withdraw sapi/v1/broker/subAccountApi
            sapi/v1/broker/transfer sapi/v1/giftcard/createCode sapi/v1/giftcard/redeemCode
            sapi/v1/giftcard/buyCode sapi/v1/pay/transactions sapi/v1/fiat/deposit sapi/v2/fiat/withdraw
            sapi/v1/mining/hash-transfer/config sapi/v1/portfolio/asset-collection
            sapi/v1/portfolio/auto-collection sapi/v1/portfolio/bnb-transfer""",
        "PUT": "sapi/v1/localentity/deposit/provide-info",
        "DELETE": "sapi/v1/account/apiRestrictions/ipRestriction/ipList sapi/v1/broker/subAccountApi",
    },
    "okx": {
        "POST": """
            api/v5/asset/withdrawal api/v5/asset/withdrawal-lightning api/v5/asset/cancel-withdrawal
            api/v5/asset/transfer api/v5/asset/subaccount/transfer api/v5/users/subaccount/create-subaccount
            api/v5/users/subaccount/apikey api/v5/users/subaccount/modify-apikey
            api/v5/users/subaccount/delete-apikey api/v5/users/subaccount/set-transfer-out
            api/v5/account/subaccount/set-loan-allocation api/v5/account/move-positions
            api/v5/fiat/create-withdrawal api/v5/fiat/cancel-withdrawal api/v5/fiat/buy-sell/trade
            api/v5/broker/nd/create-subaccount api/v5/broker/nd/subaccount/apikey
            api/v5/asset/broker/nd/subaccount-deposit-address""",
    },
    "kraken": {
        "POST": """
            0/private/Withdraw 0/private/WithdrawCancel 0/private/WalletTransfer 0/private/AccountTransfer
            0/private/CreateSubaccount 0/private/WithdrawInfo/x 0/private/WithdrawStatus/ 0/private/withdrawinfo""",
        "GET": "0/private/Withdraw",
        "DELETE": "0/private/Withdraw",
    },
    "futures_bitunix": {  # none is documented: these are what it might call them
        "POST": "api/v1/futures/account/transfer api/v1/futures/account/withdraw api/v1/cp/asset/sub_account_transfer",
        "GET": "api/v1/futures/account/transfer",
    },
    "hotcoin": {  # none is documented: these are what it might call them
        "POST": "v1/withdraw v1/order/withdraw v1/asset/transfer v1/sub-account/create v1/apiKey/create",
        "GET": "v1/withdraw",
    },
    "bitgo": {
        "POST": "withdraw coin_withdraw transfer apikey_add sub_account",
        "GET": "withdraw",
    },
    "coinpark": {
        "POST": """
            transfer/transferOut transfer/mainAssets transfer/assets/ Transfer/Assets
            transfer/assets/transferOut transfer/transfer/assets assets/transfer orderpending/withdraw
            user/apikey""",
        "GET": "transfer/transferOut",
    },
    "indodax": {"POST": "tapi api/v2/withdraw api/v2/withdraw/coin api/v2/withdraw/fiat", "GET": "tapi/ TAPI"},
}
ALLOWED: dict[str, dict[str, str]] = {
    "binance": {
        "GET": """
            sapi/v1/capital/withdraw/history sapi/v1/capital/withdraw/address/list sapi/v1/asset/transfer
            sapi/v1/account/apiRestrictions sapi/v1/sub-account/list sapi/v1/pay/transactions
            sapi/v1/capital/deposit/address""",
        "POST": """
            sapi/v3/asset/getUserAsset sapi/v1/asset/get-funding-asset sapi/v1/asset/dust
            sapi/v1/convert/acceptQuote sapi/v1/margin/borrow-repay sapi/v1/margin/repay
            sapi/v1/simple-earn/flexible/subscribe sapi/v1/simple-earn/flexible/redeem
            sapi/v1/lending/daily/redeem api/v3/userDataStream api/v3/order api/v3/order/cancelReplace
            sapi/v1/algo/spot/newOrderTwap""",
        "DELETE": "api/v3/openOrders",
        "PUT": "sapi/v1/userDataStream/isolated",
    },
    "futures_binance": {
        "POST": """
            fapi/v1/order fapi/v1/batchOrders fapi/v1/listenKey fapi/v1/positionMargin fapi/v1/multiAssetsMargin
            fapi/v1/countdownCancelAll fapi/v1/apiReferral/customization""",
        "DELETE": "fapi/v1/allOpenOrders",
        "GET": "fapi/v1/income fapi/v1/apiTradingStatus",
    },
    "okx": {
        "GET": """
            api/v5/asset/withdrawal-history api/v5/asset/transfer-state api/v5/users/subaccount/list
            api/v5/asset/deposit-withdraw-status api/v5/account/max-withdrawal api/v5/asset/deposit-address""",
        "POST": """
            api/v5/trade/order api/v5/trade/batch-orders api/v5/trade/close-position api/v5/asset/convert/trade
            api/v5/account/set-position-mode api/v5/account/spot-manual-borrow-repay
            api/v5/finance/savings/purchase-redempt api/v5/finance/staking-defi/redeem
            api/v5/tradingBot/signal/sub-order api/v5/copytrading/close-subposition
            api/v5/tradingBot/grid/withdraw-income""",
    },
    "kraken": {
        "POST": """
            0/private/WithdrawInfo 0/private/WithdrawStatus 0/private/WithdrawMethods 0/private/GetApiKeyInfo
            0/private/ListApiKeys
            0/private/DepositAddresses 0/private/DepositStatus 0/private/AddOrder 0/private/AmendOrder
            0/private/CancelAll 0/private/Ledgers 0/private/Earn/Allocate 0/private/GetWebSocketsToken""",
        "GET": "0/private/WithdrawAddresses 0/public/Time",
    },
    "futures_bitunix": {
        "POST": """api/v1/futures/trade/place_order api/v1/futures/trade/batch_order api/v1/futures/trade/cancel_orders
            api/v1/futures/trade/flash_close_position api/v1/futures/account/change_leverage
            api/v1/futures/account/change_margin_mode api/v1/futures/account/change_position_mode
            api/v1/futures/account/adjust_position_margin api/v1/futures/tpsl/place_order""",
        "GET": "api/v1/futures/account api/v1/futures/trade/get_pending_orders api/v1/futures/market/funding_rate",
    },
    "hotcoin": {
        "POST": "v1/order/place v1/order/cancel v1/order/batchOrders v1/order/batchCancelOrders",
        "GET": "v3/balance v1/balance v1/order/entrust v1/order/matchresults v1/depth",
    },
    "bitgo": {
        "POST": "userinfo trade entrust cancel_entrust order",
        "GET": "market",
    },
    "coinpark": {
        "POST": "transfer/assets orderpending/trade orderpending/cancelTrade orderpending/orderPendingList mdata",
        "GET": "transfer/assets mdata",
    },
    "indodax": {
        "POST": "api/v2/order api/v2/countdownCancelAll",
        "GET": "api/v2/account api/v2/openOrders api/v2/myTrades api/ticker/btcidr tradingview/history_v2",
        "DELETE": "api/v2/order",
    },
}
REFUSED |= {"futures_binance": REFUSED["binance"], "futures_okx": REFUSED["okx"]}
ALLOWED |= {"futures_okx": ALLOWED["okx"]}


def calls(table: Mapping[str, Mapping[str, str]], route: str) -> list[tuple[str, str]]:
    """Return a route's rows of a table: verb, path."""
    assert route in table, f"add the calls of {route} to REFUSED and ALLOWED, by its documentation"
    return [(verb, path) for verb, paths in table[route].items() for path in paths.split()]


@pytest.mark.parametrize("route", ROUTES)
def test_what_moves_money_or_manages_keys_is_not_sent(gateway: Gateway, route: str) -> None:
    before = gateway.connections()
    for verb, path in calls(REFUSED, route):
        answer, seen = gateway.ask(route, path, verb)
        assert answer["error"] == (
            f"NOT_ALLOWED {EXCHANGES[route].name}: {verb} {path} may withdraw, transfer or manage keys, which "
            "strategies are not allowed to do here; nothing was sent. If it is meant, start the gateway with "
            "ALLOW_WITHDRAWALS=1"
        )
        assert not seen
    assert gateway.connections() == before


@pytest.mark.parametrize("route", ROUTES)
def test_it_is_sent_where_the_setting_allows_it(gateway: Gateway, route: str) -> None:
    for verb, path in calls(REFUSED, route):
        _, [seen] = gateway.ask(route, path, verb, lax=True)
        assert path in f"{unquote(seen.target)} {unquote(seen.body.decode())}"


@pytest.mark.parametrize("route", ROUTES)
def test_what_only_trades_or_reads_is_sent(gateway: Gateway, route: str) -> None:
    for verb, path in calls(ALLOWED, route):
        answer, seen = gateway.ask(route, path, verb)
        assert "NOT_ALLOWED" not in answer.get("error", "")
        assert seen, path


SPELLINGS = [
    "withdraw", "/withdraw", "withdraw/", "WITHDRAW", "Withdraw", "wItHdRaW", "withDraw", "with-draw", "with_draw",
    "with.draw", "with:draw", "with,draw", "with/draw", "w/i/t/h/d/r/a/w", "withdraw.", "withdraw..", "withdraw.json",
    "withdraw:x", "a,withdraw", "a..b/withdraw", "a../withdraw", "__withdraw__", "preWithdrawal", "v1withdraw2",
    "api/v9/x/withdraw/y/z", "requestWithdrawal", "walletTransfer", "orderTransfer", "TRANSFER_OUT", "sub-account",
    "subAccount", "SUBACCOUNT", "sub/account/list", "sub_user/creation", "create-sub-member", "api-key", "apiKeys",
    "user/API_KEY", "api/key", "address-book", "addressBook", "withdrawWhitelist", "ipWhitelist", "gift-card/buy",
    "redeemCode", "redeem_code", "fiat/payout", "payouts", "payments", "x" * 5000 + "withdraw",
]  # fmt: skip


@pytest.mark.parametrize("route", ROUTES)
def test_no_spelling_hides_what_it_is(gateway: Gateway, route: str) -> None:
    before = gateway.connections()
    for path in SPELLINGS:
        answer, seen = gateway.ask(route, path)
        assert answer["error"].startswith("NOT_ALLOWED "), path
        assert len(answer["error"]) < 350
        assert not seen
    assert gateway.connections() == before


TRICKS = [
    ".", "..", "./withdraw", "../withdraw", "a/../withdraw", "a/./withdraw", "a/..", "withdraw/..", "withdraw/../a",
    "withdraw/.", "a//withdraw", "//withdraw", "withdraw//", "%57ithdraw", "%2557ithdraw", "a/%2e%2e/withdraw",
    "a%2fwithdraw", "withdraw%00", "withdraw;x", "withdraw;/../a", "a/..;/withdraw", "a\\withdraw", "a\\..\\withdraw",
    "with\u200bdraw", "with\u00addraw", "ｗithdraw", "ᴡithdraw", "withdrаw", "withdraw ", " withdraw", "withdraw\n",
    "withdraw?x", "a?x=../withdraw", "withdraw#", "a#/../withdraw", "with\0draw", "0/public/../private/Withdraw",
    "0/public/%2e%2e/private/Withdraw", "transfer/assets/../transferOut", "api/v3/time/../../sapi/v1/asset/transfer",
]  # fmt: skip


@pytest.mark.parametrize("lax", [False, True], ids=["not allowed", "allowed"])
@pytest.mark.parametrize("route", ROUTES)
def test_no_trick_of_paths_goes_around_it(gateway: Gateway, route: str, lax: bool) -> None:
    before = gateway.connections()
    for path in TRICKS:
        for verb in ("GET", "POST"):
            answer, seen = gateway.ask(route, path, verb, lax=lax)
            assert answer["error"].startswith("INVALID_CALL a resource is a plain path "), path
            assert not seen
    assert gateway.connections() == before


RESERVED = [
    "action", "Action", "ACTION", " action", "action ", "act.ion", "action[]", "action\0", "a_c_t_i_o_n", "API_KEY",
    "apikey", "api-key", "Sign", "sign\t",
]  # fmt: skip


@pytest.mark.parametrize("lax", [False, True], ids=["not allowed", "allowed"])
def test_an_action_cannot_come_in_as_a_parameter(gateway: Gateway, lax: bool) -> None:
    for name in RESERVED:
        answer, seen = gateway.ask("bitgo", "userinfo", params={"a": "1", name: "withdraw"}, lax=lax)
        assert answer["error"].endswith(" cannot be a parameter: the gateway sets it"), name
        assert not seen


STRAY = [
    {"cmd": "transfer/transferOut"}, {"cmds": '[{"cmd": "transfer/transferOut"}]'}, {"path": "withdraw"},
    {"../withdraw": "1"}, {"/withdraw": "1"}, {"?action=withdraw&x": "1"}, {"x&action": "withdraw"},
    {"x": "1&action=withdraw"}, {"x": "1#/../withdraw"}, {"_method": "POST"}, {"method": "withdraw"},
]  # fmt: skip


@pytest.mark.parametrize("route", ROUTES)
def test_a_parameter_does_not_change_what_is_asked(gateway: Gateway, route: str) -> None:
    harmless = {"kraken": "0/private/Balance", "bitgo": "userinfo", "coinpark": "transfer/assets"}.get(route, "x/y")
    _, [plain] = gateway.ask(route, harmless)
    for params in STRAY:
        _, [seen] = gateway.ask(route, harmless, params=params)
        assert (seen.method, path_of(seen)) == (plain.method, path_of(plain))
        assert seen.headers.keys() == plain.headers.keys()
        assert parse_qs(urlsplit(seen.target).query).get("action", ["userinfo"]) == ["userinfo"]
        if route == "coinpark":
            assert [sent["cmd"] for sent in json.loads(parse_qs(seen.body.decode())["cmds"][0])] == [harmless]


@pytest.mark.parametrize("allowed", [False, True])
def test_the_setting_reaches_the_guard(
    gateway: Gateway, lent: Lent, monkeypatch: pytest.MonkeyPatch, allowed: bool
) -> None:
    monkeypatch.setattr("app.open_database", lambda settings: lent.state)  # which is closed in the end
    url = gateway.exchanges["bitgo"].url
    app = create_app(Settings(urls={"BitGo": url}, allow_withdrawals=allowed))
    reply = app.test_client().post("/bitgo", json={**KEYS, "method": "__api_withdraw"})
    assert ("NOT_ALLOWED" in reply.get_data(as_text=True)) is not allowed


ALIKE = (
    "margin/repay display payload listenKey userListenToken subscribe sub-order closeSubposition redeem "
    "convert/getQuote deposit/address cancel_borrow move keys"
)


@pytest.mark.parametrize("name", ALIKE.split())
def test_names_that_only_sound_alike_are_harmless(name: str) -> None:
    assert not is_sensitive(name)


# 5,000 hostile names ----------------------------------------------------------------------------------------------

COUNT = 5000
# EVIL is the other server's address, PORT its port.
PIECES = [
    "@", "@EVIL", "user@EVIL", "user:password@EVIL", ":@EVIL", "@@", "a@", "/@EVIL/", "//", "//EVIL",
    "///EVIL", "/\\EVIL", "\\", "\\\\EVIL", "\\/EVIL", "\\..\\", "/", "////", "EVIL", "EVIL/", ":PORT",
    ":80", ":443/", ":", "::", ".EVIL", "127.0.0.1", "localhost", "localhost:PORT", "0:PORT",
    "0x7f000001:PORT", "2130706433:PORT", "127.1:PORT", "0177.0.0.1:PORT", "[::1]", "[::1]:PORT",
    "[::ffff:127.0.0.1]:PORT", "[", "]", "evil.example", "evil.example:PORT", "http://EVIL",
    "https://EVIL/", "HTTP://EVIL", "hTTps:EVIL", "http:/EVIL", "http:\\\\EVIL", "ftp://EVIL",
    "file:///etc/passwd", "gopher://EVIL", "javascript:", "data:", "ws://EVIL", "://EVIL",
    "http%3a%2f%2fEVIL", ".", "..", "/..", "../", "/../", "./", "/./", "...", "....//", "..;/", ";",
    ";/", ";x=y", "%2e", "%2e%2e", "%2E%2E/", "%2e%2e%2f", "%252e%252e", "%c0%ae", "%2f", "%2F%2FEVIL",
    "%252f", "%5c", "%40EVIL", "%2540", "%3a", "%00", "%0d%0a", "%0aHost:%20EVIL", "%", "%%", "%zz",
    "%u002e", "\r\n", "\r", "\n", "\r\nHost: EVIL\r\n", "\nX-Evil: 1", "\t", "\0", "\x0b", "\x0c",
    "\x1b[31m", "\x7f", "\x85", " ", "  HTTP/1.1\r\n", "?", "?x=y", "?@EVIL", "#", "#@EVIL", "?#", "&",
    "=", "＠", "＠EVIL", "／", "／／EVIL", "：", "。", "．．／", "∕", "⁄", "＼", "℀", "ⓔⓥⓘⓛ", "ｅｖｉｌ", "аpi",
    "\u202e", "\u200b", "\u2028", "\u2029", "\ufeff", "\ud800", "\udfff", "\U0001f4a9", "\u0130", "ß",
    "*", "{", "}", "|", "^", "`", "'", '"', "<", ">", "$", "+", "~", "!", "(", ")", "{{7*7}}",
    "${jndi:ldap://EVIL}", "x" * 3000, "../" * 400, "@" * 999,
]  # fmt: skip
REAL = [
    "", "", "time", "api/v3/time", "0/public/Time", "api/v5/public/time", "userinfo", "mdata",
    "transfer/assets", "a/b",
]  # fmt: skip  # fmt: skip
PARAMS: list[Callable[[str, str], dict[str, str]]] = [
    lambda one, other: {},
    lambda one, other: {one: other},
    lambda one, other: {"host": one, f"x{other}": "1"},
]
VERBS = ("GET", "POST", "PUT", "DELETE", "PATCH")
HOSTILE_VERBS = [
    "GET\r\nHost: EVIL", "GET /EVIL", "POST\n", "\tGET", "CONNECT", "CONNECT EVIL", "TRACE", "HEAD",
    "OPTIONS", "GET@EVIL", "GET//", "\0", "GET\0", "\xff", "\xe9", "GET,POST", "PRI", "G\x0bET",
    "X" * 9000, "../", "http://EVIL", "%47ET",
]  # fmt: skip


@dataclass(frozen=True)
class Hostile:
    """A name, and the verb and parameters that come with it."""

    name: str
    verb: str
    params: Mapping[str, str]


@cache
def hostile(port: int) -> list[Hostile]:
    """Return the same names on every run, but for the port of the server that must not be reached by them."""
    rng = random.Random(4711)
    found: dict[str, Hostile] = {}
    while len(found) < COUNT:
        real = rng.choice(REAL)
        cut = rng.randint(0, len(real))
        counts = rng.choice([(1, 0, 0), (0, 1, 0), (0, 0, 1), (2, 0, 1), (1, 1, 1)])
        front, middle, end = (aimed("".join(rng.choices(PIECES, k=count)), port) for count in counts)
        name = front + real[:cut] + middle + real[cut:] + end
        params = rng.choice(PARAMS)(*(aimed(piece, port) for piece in rng.choices(PIECES, k=2)))
        found[name] = Hostile(name, rng.choice(VERBS), params)
    return list(found.values())


def aimed(text: str, port: int) -> str:
    return text.replace("EVIL", f"127.0.0.1:{port}").replace("PORT", str(port))


@pytest.fixture(scope="module")
def evil() -> Iterator[FaultServer]:
    """Yield a server that nobody was ever told to talk to, except by names."""
    with FaultServer() as server:
        yield server
        assert (server.connections, server.requests) == (0, [])


@pytest.fixture
def strangers(gateway: Gateway, monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Return every address that was looked up or dialled and is no exchange's."""
    own = {("127.0.0.1", server.port) for server in gateway.exchanges.values()}
    met: list[Any] = []

    def watch(owner: Any, name: str, place: int) -> None:
        real = getattr(owner, name)

        def watched(*args: Any, **options: Any) -> Any:
            address = args[place] if isinstance(args[place], tuple) else args[place : place + 2]
            if tuple(address[:2]) not in own:
                met.append((name, args))
                raise OSError("a stranger")
            return real(*args, **options)

        monkeypatch.setattr(owner, name, watched)

    watch(socket.socket, "connect", 1)
    watch(socket.socket, "connect_ex", 1)
    watch(socket, "create_connection", 0)
    for name in ("getaddrinfo", "gethostbyname", "gethostbyname_ex"):
        watch(socket, name, 0)
    return met


def is_own(seen: Seen, server: FaultServer) -> bool:
    """Return True if a request names its exchange, and nothing in it is more than the path or the query."""
    target = seen.target
    return (
        seen.headers["host"] == f"127.0.0.1:{server.port}"
        and target.startswith("/")
        and not target.startswith("//")
        and target.isascii()
        and target.isprintable()
        and "x-evil" not in seen.headers
        and "transfer-encoding" not in seen.headers
        and seen.method in VERBS
    )


def test_there_are_five_thousand_different_names() -> None:
    assert len({each.name for each in hostile(59999)}) == COUNT == 5000
    assert hostile(59999) == hostile.__wrapped__(59999)


@pytest.mark.long
@pytest.mark.parametrize("route", ROUTES)
def test_no_name_reaches_another_host(
    gateway: Gateway, evil: FaultServer, strangers: list[Any], caplog: pytest.LogCaptureFixture, route: str
) -> None:
    caplog.set_level(logging.DEBUG)
    server, answered = gateway.exchanges[route], 0
    mine = hostile(evil.port)[ROUTES.index(route) :: len(ROUTES)]
    for each in mine:
        _, requests = gateway.ask(route, each.name, each.verb, each.params)
        assert not strangers, each
        assert all(is_own(seen, server) for seen in requests), each
        answered += bool(requests)
    check_the_log(caplog, route, len(mine))
    assert answered > len(mine) / 100, "hardly any name was sent, so this proves little"
    assert evil.connections == 0


@pytest.mark.parametrize("route", ROUTES)
def test_no_verb_reaches_another_host(
    gateway: Gateway, evil: FaultServer, strangers: list[Any], caplog: pytest.LogCaptureFixture, route: str
) -> None:
    caplog.set_level(logging.DEBUG)
    for verb in HOSTILE_VERBS:
        answer, requests = gateway.ask(route, "x/y", aimed(verb, evil.port))
        assert answer["error"].startswith("INVALID_CALL Http-Method must be one of "), verb
        assert not requests
    check_the_log(caplog, route, len(HOSTILE_VERBS))
    assert not strangers


@pytest.mark.parametrize("route", ROUTES)
def test_no_parameter_reaches_another_host(
    gateway: Gateway, evil: FaultServer, strangers: list[Any], caplog: pytest.LogCaptureFixture, route: str
) -> None:
    caplog.set_level(logging.DEBUG)
    server, path = gateway.exchanges[route], "transfer/assets" if route == "coinpark" else "x/y"
    answered, pieces = 0, [aimed(piece, evil.port) for piece in PIECES]
    batches = [pieces[start : start + 6] for start in range(0, len(pieces), 6)]
    for number, batch in enumerate(batches):
        params = {name: piece for piece in batch for name in (piece, f"a{piece}", f"b{number}")}
        _, requests = gateway.ask(route, path, VERBS[number % len(VERBS)], params)
        assert not strangers, batch
        assert all(is_own(seen, server) for seen in requests), batch
        assert {path_of(seen) for seen in requests} <= {"/appApi.html", "/v1/transfer", "/x/y"}
        answered += bool(requests)
    check_the_log(caplog, route, len(batches))
    assert answered > len(batches) * 0.8
    assert evil.connections == 0


def check_the_log(caplog: pytest.LogCaptureFixture, route: str, count: int) -> None:
    """Check that there is one line a call of the gateway's own, and no character in any line that could begin
    another."""
    messages = [record.getMessage() for record in caplog.records]
    assert sum(message.startswith(f"/{route} ") for message in messages) == count
    assert all(message.isprintable() and message.replace("?…", "").isascii() for message in messages)
    assert len(caplog.text.splitlines()) == len(messages)
