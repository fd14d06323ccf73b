"""OKX, spot and futures: https://www.okx.com/docs-v5/en/"""

import hashlib
import hmac
import math
from base64 import b64encode
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from werkzeug import Request

from tests.fakes import PASSPHRASE, PRICE, SECRET, TOO_MUCH, Account, FakeExchange, FakeOrder, Refusal

STATES = {"open": "live", "filled": "filled", "cancelled": "canceled"}
SIZES = {"tickSz": "0.1", "lotSz": "0.01", "minSz": "0.01", "maxLmtSz": "100000000", "maxMktSz": "35000"}


def refusal(status: int, code: str, words: str) -> Refusal:
    """Return a refusal of the whole call."""
    return Refusal(status, {"code": code, "msg": words, "data": []})


def order_refusal(code: str, words: str, client_id: str = "", order_id: str = "") -> Refusal:
    """Return a refusal of what is about one order, which comes with HTTP 200."""
    item = {"clOrdId": client_id, "ordId": order_id, "tag": "", "ts": "1700000000000", "sCode": code, "sMsg": words}
    return Refusal(200, {"code": "1", "msg": "All operations failed", "data": [item]})


def success(*rows: Any) -> Any:
    """Return a success."""
    return {"code": "0", "msg": "", "data": list(rows)}


def done(order: FakeOrder) -> Any:
    """Return a success of what is about one order."""
    return success(
        {"clOrdId": order.client_id, "ordId": order.id, "tag": "", "ts": "1700000000000", "sCode": "0", "sMsg": ""}
    )


class FakeOKX(FakeExchange):
    """Refusals of an order hide in a 200, inside the item. level: of all accounts, as ``acctLv``."""

    level = "1"
    symbol = "BTC_USDT"
    routes = {
        ("POST", "/api/v5/trade/order"): "new",
        ("GET", "/api/v5/trade/order"): "one",
        ("POST", "/api/v5/trade/amend-order"): "modify",
        ("POST", "/api/v5/trade/cancel-order"): "cancel",
        ("GET", "/api/v5/trade/orders-pending"): "open",
        ("GET", "/api/v5/account/balance"): "balance",
        ("GET", "/api/v5/account/config"): "config",
        ("GET", "/api/v5/public/instruments"): "info",
        ("GET", "/api/v5/public/time"): "time",
    }
    kind = "SPOT"
    instrument = {"instId": "BTC-USDT", "baseCcy": "BTC", "quoteCcy": "USDT", **SIZES}

    def key(self, request: Request) -> str:
        return request.headers.get("OK-ACCESS-KEY", "")

    def check(self, request: Request, account: Account | None) -> Mapping[str, Any]:
        query = f"?{request.query_string.decode()}" if request.query_string else ""
        time = request.headers.get("OK-ACCESS-TIMESTAMP", "")
        prehash = f"{time}{request.method}{request.path}{query}".encode() + request.get_data()
        right = b64encode(hmac.new(SECRET.encode(), prehash, hashlib.sha256).digest()).decode()
        if account is None:
            raise refusal(401, "50111", "Invalid OK-ACCESS-KEY")
        if request.headers.get("OK-ACCESS-PASSPHRASE") != PASSPHRASE:
            raise refusal(401, "50105", "Request header OK-ACCESS-PASSPHRASE incorrect.")
        if request.headers.get("OK-ACCESS-SIGN") != right:
            raise refusal(401, "50113", "Invalid Sign")
        if abs(self.now() - datetime.fromisoformat(time).timestamp() * 1000) > 30_000:
            raise refusal(401, "50102", "Timestamp request expired")
        return request.get_json() if request.method == "POST" else dict(request.args)

    def until(self, request: Request, params: Mapping[str, Any]) -> float:
        return float(request.headers.get("expTime", math.inf))

    def too_late(self) -> Refusal:
        words = "The expTime can't be earlier than the current system time. Please adjust the expTime and try again."
        return order_refusal("50036", words)

    def new(self, account: Account, params: Mapping[str, Any]) -> Any:
        client_id = params.get("clOrdId", "")
        if params["tdMode"] not in self.margin_modes(account, params):
            raise order_refusal("51000", "Parameter tdMode error", client_id)
        if params["sz"] == TOO_MUCH:
            raise order_refusal("51008", "Order failed. Insufficient USDT balance in account", client_id)
        if account.uses(client_id):
            raise order_refusal("51016", "Duplicated client order ID", client_id)
        order = self.place(
            account,
            client_id=client_id,
            market=params["instId"],
            side=params["side"],
            price=params.get("px", ""),
            amount=params["sz"],
            money=params.get("tgtCcy") == "quote_ccy",
            position=params.get("posSide", "net"),
            state="filled" if params["ordType"] == "market" else "open",
        )
        return done(order)

    def margin_modes(self, account: Account, params: Mapping[str, Any]) -> set[str]:
        """Return the values of ``tdMode`` that an order may have."""
        return {"cross"} if self.level in ("3", "4") else {"cash"}

    def config(self, account: Account, params: Mapping[str, Any]) -> Any:
        return success({"acctLv": self.level, "posMode": self._mode(account), "uid": account.key})

    def one(self, account: Account, params: Mapping[str, Any]) -> Any:
        found = account.listed(market=params["instId"], **self._by(params))
        if not found:
            raise refusal(200, "51603", "Order does not exist")
        return success(self._shown(found[-1]))

    def cancel(self, account: Account, params: Mapping[str, Any]) -> Any:
        found = account.listed(market=params["instId"], state="open", **self._by(params))
        if not found:
            words = "Cancellation failed as the order has been filled, canceled or does not exist."
            raise order_refusal("51400", words, order_id=params.get("ordId", ""))
        found[-1].state = "cancelled"
        return done(found[-1])

    def modify(self, account: Account, params: Mapping[str, Any]) -> Any:
        found = account.listed(market=params["instId"], id=params["ordId"])
        if not found or found[0].state == "cancelled":
            words = "Order modification failed as the order has been filled, canceled or does not exist."
            raise order_refusal("51503", words, order_id=params["ordId"])
        if found[0].state == "filled":
            words = "Modification failed as the order has been completed."
            raise order_refusal("51510", words, order_id=params["ordId"])
        if params["newSz"] == TOO_MUCH:
            raise order_refusal("51502", "Failed to amend order. Insufficient balance.", order_id=params["ordId"])
        found[0].price, found[0].amount = params["newPx"], params["newSz"]
        return done(found[0])

    def open(self, account: Account, params: Mapping[str, Any]) -> Any:
        wanted = {"market": params["instId"]} if "instId" in params else {}
        newest_first = reversed(account.listed(state="open", **wanted)) if params.get("instType") == self.kind else ()
        older = (order for order in newest_first if int(order.id) < float(params.get("after", math.inf)))
        return success(*[self._shown(order) for order in older][: int(params.get("limit", 100))])

    def balance(self, account: Account, params: Mapping[str, Any]) -> Any:
        details = {
            "ccy": "USDT",
            "cashBal": "1000",
            "availBal": "1000",
            "frozenBal": "0",
            "eq": "1000",
            "availEq": "1000",
        }
        return success({"totalEq": "1000", "details": [details]})

    def time(self, account: Account, params: Mapping[str, Any]) -> Any:
        return success({"ts": str(self.now())})

    def info(self, account: Account, params: Mapping[str, Any]) -> Any:
        row = {"instType": self.kind, "state": "live", "alias": "", **self.instrument}
        if params.get("instId", self.instrument["instId"]) != self.instrument["instId"]:
            raise refusal(200, "51001", "Instrument ID, Instrument ID code, or Spread ID doesn't exist.")
        return success(*([row] if params["instType"] == self.kind else []))

    def _mode(self, account: Account) -> str:
        return str(account.settings.get("mode", "net_mode"))

    def _by(self, params: Mapping[str, Any]) -> dict[str, str]:
        return {"id": params["ordId"]} if "ordId" in params else {"client_id": params["clOrdId"]}

    def _shown(self, order: FakeOrder) -> dict[str, Any]:
        return {
            "instType": self.kind,
            "instId": order.market,
            "ordId": order.id,
            "clOrdId": order.client_id,
            "side": order.side,
            "posSide": order.position,
            "ordType": "limit" if order.price else "market",
            "px": order.price,
            "sz": order.amount,
            "accFillSz": order.done,
            "avgPx": str(PRICE) if order.state == "filled" else "",
            "state": STATES[order.state],
            "tgtCcy": "quote_ccy" if order.money else "",
            "cTime": "1700000000000",
            "uTime": "1700000000000",
        }


class FakeFuturesOKX(FakeOKX):
    """One market, BTC-USDT-SWAP; an account is in net mode until it says otherwise. Of positions only those are kept
    that a test gives: ``isolated``, side → number of contracts, in isolated margin."""

    level = "2"
    symbol = "BTC_USDT.swap"
    routes = FakeOKX.routes | {
        ("GET", "/api/v5/account/positions"): "held",
        ("POST", "/api/v5/account/set-position-mode"): "set_mode",
        ("POST", "/api/v5/account/set-leverage"): "set_leverage",
    }
    kind = "SWAP"
    instrument = {
        "instId": "BTC-USDT-SWAP",
        "uly": "BTC-USDT",
        "settleCcy": "USDT",
        "ctType": "linear",
        "ctVal": "0.01",
        "ctMult": "1",
        "ctValCcy": "BTC",
        **SIZES,
    }
    isolated: Mapping[str, str] = {}
    positions = {"net_mode": {"net"}, "long_short_mode": {"long", "short"}}

    def new(self, account: Account, params: Mapping[str, Any]) -> Any:
        if params.get("posSide", "net") not in self.positions[self._mode(account)]:
            raise order_refusal("51000", "Parameter posSide error", params.get("clOrdId", ""))
        return super().new(account, params)

    def margin_modes(self, account: Account, params: Mapping[str, Any]) -> set[str]:
        pairs = {"sell": "long", "buy": "short"}  # the side of an order → that of the position it closes
        side = pairs[params["side"]]
        closes = params["posSide"] == side if "posSide" in params else params.get("reduceOnly", False)
        if not (closes and side in self.isolated):
            return {"cross", "isolated"}
        return {"isolated"}

    def held(self, account: Account, params: Mapping[str, Any]) -> Any:
        net = self._mode(account) == "net_mode"
        rows = [
            {
                "instType": self.kind,
                "instId": self.instrument["instId"],
                "mgnMode": "isolated",
                "posSide": "net" if net else side,
                "pos": f"-{amount}" if net and side == "short" else amount,
            }
            for side, amount in self.isolated.items()
        ]
        return success(*rows)

    def set_mode(self, account: Account, params: Mapping[str, Any]) -> Any:
        account.settings["mode"] = params["posMode"]
        return success({"posMode": params["posMode"]})

    def set_leverage(self, account: Account, params: Mapping[str, Any]) -> Any:
        account.settings["leverage", params["instId"]] = params["lever"]
        return success({"posSide": "", **params})
