"""Bitunix, USDT perpetual futures: https://www.bitunix.com/api-docs/futures/common/introduction.html"""

import hashlib
from collections.abc import Mapping
from typing import Any

from werkzeug import Request

from tests.fakes import PRICE, SECRET, TOO_MUCH, Account, FakeExchange, FakeOrder, Refusal

STATES = {"open": "NEW", "filled": "FILLED", "cancelled": "CANCELED"}
ROOT = "/api/v1/futures"


def refusal(code: int, words: str) -> Refusal:
    """Return a refusal, which comes with HTTP 200."""
    return Refusal(200, {"code": code, "data": None, "msg": words})


def success(data: Any) -> dict[str, Any]:
    """Return a success."""
    return {"code": 0, "data": data, "msg": "Success"}


class FakeFuturesBitunix(FakeExchange):
    """One market, BTCUSDT; an account is in one-way mode until it says otherwise. No positions are kept."""

    symbol = "BTC_USDT.swap"
    routes = {
        ("POST", f"{ROOT}/trade/place_order"): "new",
        ("GET", f"{ROOT}/trade/get_order_detail"): "one",
        ("GET", f"{ROOT}/trade/get_history_trades"): "fills",
        ("POST", f"{ROOT}/trade/cancel_orders"): "cancel",
        ("GET", f"{ROOT}/trade/get_pending_orders"): "open",
        ("GET", f"{ROOT}/account"): "balance",
        ("POST", f"{ROOT}/account/change_position_mode"): "set_mode",
        ("POST", f"{ROOT}/account/change_leverage"): "set_leverage",
        ("GET", f"{ROOT}/market/trading_pairs"): "info",
    }

    def key(self, request: Request) -> str:
        return request.headers.get("api-key", "")

    def check(self, request: Request, account: Account | None) -> Mapping[str, Any]:
        query = "".join(name + value for name, value in sorted(request.args.items()))
        head = "".join(request.headers.get(name, "") for name in ("nonce", "timestamp", "api-key"))
        digest = hashlib.sha256((head + query).encode() + request.get_data()).hexdigest()
        if account is None:
            raise refusal(10003, "The API key does not exist")
        if request.headers.get("sign") != hashlib.sha256((digest + SECRET).encode()).hexdigest():
            raise refusal(10007, "Signature Error")
        if len(request.headers.get("nonce", "")) != 32:
            raise refusal(10002, "Parameter error: nonce")
        return request.get_json() if request.method == "POST" else dict(request.args)

    def unknown(self, request: Request) -> Any:
        return {"code": 404, "data": None, "msg": request.path}

    def new(self, account: Account, params: Mapping[str, Any]) -> Any:
        client_id = params.get("clientId", "")
        if account.uses(client_id):
            raise refusal(30042, "The client ID is a duplicate")
        if params["qty"] == TOO_MUCH:
            raise refusal(20003, "Insufficient balance")
        if self._mode(account) == "HEDGE" and "tradeSide" not in params:
            raise refusal(10002, "Parameter error: tradeSide")
        if params.get("tradeSide") == "CLOSE" or params.get("reduceOnly"):
            raise refusal(30004, "The position does not exist")
        order = self.place(
            account,
            client_id=client_id,
            market=params["symbol"],
            side=params["side"],
            price=params.get("price", "0"),
            amount=params["qty"],
            position=params.get("tradeSide", ""),
            state="filled" if params["orderType"] == "MARKET" else "open",
        )
        return success({"orderId": order.id, "clientId": client_id})

    def one(self, account: Account, params: Mapping[str, Any]) -> Any:
        found = account.listed(**self._by(params))
        if not found:
            raise refusal(20007, "Order not found")
        return success(self._shown(found[-1]))

    def fills(self, account: Account, params: Mapping[str, Any]) -> Any:
        done = [order for order in account.listed(**self._by(params)) if order.state == "filled"]
        rows = [{"orderId": order.id, "qty": order.done, "price": str(PRICE)} for order in done]
        return success({"tradeList": rows, "total": str(len(rows))})

    def cancel(self, account: Account, params: Mapping[str, Any]) -> Any:
        done, failed = [], []
        for wanted in params["orderList"]:
            found = account.listed(market=params["symbol"], state="open", **self._by(wanted))
            if found:
                found[-1].state = "cancelled"
                done.append({"orderId": found[-1].id, "clientId": found[-1].client_id})
            else:
                failed.append({**wanted, "errorMsg": "order not found", "errorCode": 20007})
        return success({"successList": done, "failureList": failed})

    def open(self, account: Account, params: Mapping[str, Any]) -> Any:
        wanted = {"market": params["symbol"]} if "symbol" in params else {}
        found = list(reversed(account.listed(state="open", **wanted)))
        start = int(params.get("skip", 0))
        rows = [self._shown(order) for order in found[start : start + int(params.get("limit", 10))]]
        return success({"orderList": rows, "total": str(len(found))})

    def balance(self, account: Account, params: Mapping[str, Any]) -> Any:
        amounts = {"available": "1000", "frozen": "0", "margin": "0", "transfer": "1000"}
        return success({"marginCoin": params["marginCoin"], **amounts, "positionMode": self._mode(account)})

    def set_mode(self, account: Account, params: Mapping[str, Any]) -> Any:
        account.settings["mode"] = params["positionMode"]
        return success([{"positionMode": params["positionMode"]}])

    def set_leverage(self, account: Account, params: Mapping[str, Any]) -> Any:
        account.settings["leverage", params["symbol"]] = params["leverage"]
        return success([dict(params)])

    def info(self, account: Account, params: Mapping[str, Any]) -> Any:
        sizes = {"minTradeVolume": "0.0001", "basePrecision": 4, "quotePrecision": 1, "maxLimitOrderVolume": "1000"}
        return success([{"symbol": "BTCUSDT", "base": "BTC", "quote": "USDT", "symbolStatus": "OPEN", **sizes}])

    def _by(self, params: Mapping[str, Any]) -> dict[str, str]:
        return {"id": params["orderId"]} if "orderId" in params else {"client_id": params["clientId"]}

    def _shown(self, order: FakeOrder) -> dict[str, Any]:
        return {
            "orderId": order.id,
            "clientId": order.client_id,
            "symbol": order.market,
            "qty": order.amount,
            "tradeQty": order.done,
            "price": order.price,
            "side": order.side,
            "orderType": "MARKET" if order.price == "0" else "LIMIT",
            "effect": "GTC",
            "reduceOnly": False,
            "status": STATES[order.state],
            "ctime": "1700000000000",
            "mtime": "1700000000000",
        }

    def _mode(self, account: Account) -> str:
        return str(account.settings.get("mode", "ONE_WAY"))
