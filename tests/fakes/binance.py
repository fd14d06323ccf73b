"""Binance, spot and futures: https://developers.binance.com/docs/binance-spot-api-docs/rest-api and
https://developers.binance.com/docs/derivatives/usds-margined-futures/general-info
"""

import hashlib
import hmac
from collections.abc import Mapping
from typing import Any

from werkzeug import Request

from tests.fakes import PRICE, SECRET, TOO_MUCH, Account, FakeExchange, FakeOrder, Refusal

STATES = {"open": "NEW", "filled": "FILLED", "cancelled": "CANCELED"}


def refusal(code: int, words: str, status: int = 400) -> Refusal:
    """Return a refusal."""
    return Refusal(status, {"code": code, "msg": words})


def below(root: str) -> dict[tuple[str, str], str]:
    """Return the routes that spot and futures have in common."""
    return {
        ("POST", f"{root}/order"): "new",
        ("GET", f"{root}/order"): "one",
        ("DELETE", f"{root}/order"): "cancel",
        ("GET", f"{root}/openOrders"): "open",
        ("GET", f"{root}/exchangeInfo"): "info",
        ("GET", f"{root}/time"): "time",
    }


class FakeBinance(FakeExchange):
    """Orders by id and by client id; a client id is free again when its order is done."""

    symbol = "BTC_USDT"
    routes = below("/api/v3") | {("GET", "/api/v3/account"): "balance"}
    poor = (-2010, "Account has insufficient balance for requested action.")
    taken = (-2010, "Duplicate order sent.")

    def key(self, request: Request) -> str:
        return request.headers.get("X-MBX-APIKEY", "")

    def check(self, request: Request, account: Account | None) -> Mapping[str, str]:
        query, _, signature = request.query_string.decode().rpartition("&signature=")
        right = hmac.new(SECRET.encode(), query.encode() + request.get_data(), hashlib.sha256).hexdigest()
        if account is None:
            raise refusal(-2015, "Invalid API-key, IP, or permissions for action.", 401)
        if signature != right:
            raise refusal(-1022, "Signature for this request is not valid.")
        if int(request.args["timestamp"]) >= self.now() + 1000:
            raise refusal(-1021, "Timestamp for this request was 1000ms ahead of the server's time.")
        return dict(request.args)

    def until(self, request: Request, params: Mapping[str, str]) -> float:
        return int(params["timestamp"]) + int(params.get("recvWindow", 5000))

    def too_late(self) -> Refusal:
        return refusal(-1021, "Timestamp for this request is outside of the recvWindow.")

    def new(self, account: Account, params: Mapping[str, str]) -> Any:
        amount = params.get("quantity") or params["quoteOrderQty"]
        client_id = params.get("newClientOrderId", "")
        if account.uses(client_id):
            raise refusal(*self.taken)
        if amount == TOO_MUCH:
            raise refusal(*self.poor)
        order = self.place(
            account,
            client_id=client_id,
            market=params["symbol"],
            side=params["side"],
            price=params.get("price", "0"),
            amount=amount,
            money="quoteOrderQty" in params,
            position=params.get("positionSide", ""),
            state="filled" if params["type"] == "MARKET" else "open",
        )
        return self.shown(order)

    def one(self, account: Account, params: Mapping[str, str]) -> Any:
        order = self._wanted(account, params)
        if order is None:
            raise refusal(-2013, "Order does not exist.")
        return self.shown(order)

    def cancel(self, account: Account, params: Mapping[str, str]) -> Any:
        order = self._wanted(account, params)
        if order is None or order.state != "open":
            raise refusal(-2011, "Unknown order sent.")
        order.state = "cancelled"
        return self.shown(order)

    def open(self, account: Account, params: Mapping[str, str]) -> Any:
        wanted = {"market": params["symbol"]} if "symbol" in params else {}
        return [self.shown(order) for order in account.listed(state="open", **wanted)]

    def balance(self, account: Account, params: Mapping[str, str]) -> Any:
        return {"balances": [{"asset": "USDT", "free": "1000.00000000", "locked": "0.00000000"}]}

    def time(self, account: Account, params: Mapping[str, str]) -> Any:
        return {"serverTime": self.now()}

    def info(self, account: Account, params: Mapping[str, str]) -> Any:
        if params.get("symbol", "BTCUSDT") != "BTCUSDT":
            raise refusal(-1121, "Invalid symbol.")
        filters = [
            {"filterType": "PRICE_FILTER", "minPrice": "0.01", "maxPrice": "1000000", "tickSize": "0.01"},
            {"filterType": "LOT_SIZE", "minQty": "0.00001", "maxQty": "9000", "stepSize": "0.00001"},
            {"filterType": "NOTIONAL", "minNotional": "5.00000000", "applyMinToMarket": True},
        ]
        market = {"symbol": "BTCUSDT", "status": "TRADING", "baseAsset": "BTC", "quoteAsset": "USDT"}
        return {"symbols": [{**market, "isSpotTradingAllowed": True, "filters": filters}]}

    def shown(self, order: FakeOrder) -> dict[str, Any]:
        """Return an order's row."""
        return {
            "symbol": order.market,
            "orderId": int(order.id),
            "clientOrderId": order.client_id,
            "price": order.price,
            "origQty": order.done if order.money else order.amount,
            "executedQty": order.done,
            "status": STATES[order.state],
            "type": "MARKET" if order.price == "0" else "LIMIT",
            "side": order.side,
            "time": 1700000000000,
            "updateTime": 1700000000000,
            **self.extra_fields(order),
        }

    def extra_fields(self, order: FakeOrder) -> dict[str, Any]:
        """Return the fields of an order's row that only spot, or only futures, has."""
        return {"orderListId": -1, "cummulativeQuoteQty": str(float(order.done) * PRICE)}

    def _wanted(self, account: Account, params: Mapping[str, str]) -> FakeOrder | None:
        by = {"id": params["orderId"]} if "orderId" in params else {"client_id": params["origClientOrderId"]}
        return next(reversed(account.listed(market=params["symbol"], **by)), None)


class FakeFuturesBinance(FakeBinance):
    """One market, BTCUSDT; an account is in one-way mode until it says otherwise. No positions are kept."""

    symbol = "BTC_USDT.swap"
    routes = below("/fapi/v1") | {
        ("GET", "/fapi/v3/account"): "balance",
        ("PUT", "/fapi/v1/order"): "modify",
        ("GET", "/fapi/v1/positionSide/dual"): "mode",
        ("POST", "/fapi/v1/positionSide/dual"): "set_mode",
        ("POST", "/fapi/v1/leverage"): "set_leverage",
    }
    poor = (-2019, "Margin is insufficient.")
    taken = (-4116, "ClientOrderId is duplicated.")
    positions = {"false": {"BOTH"}, "true": {"LONG", "SHORT"}}

    def new(self, account: Account, params: Mapping[str, str]) -> Any:
        if params.get("positionSide", "BOTH") not in self.positions[self._mode(account)]:
            raise refusal(-4061, "Order's position side does not match user's setting.")
        return super().new(account, params)

    def balance(self, account: Account, params: Mapping[str, str]) -> Any:
        return {"assets": [{"asset": "USDT", "marginBalance": "1000.00", "initialMargin": "0.00"}]}

    def modify(self, account: Account, params: Mapping[str, str]) -> Any:
        order = self._wanted(account, params)
        if order is None or order.state != "open" or order.side != params["side"]:
            raise refusal(-2013, "Order does not exist.")
        if params["quantity"] == TOO_MUCH:
            raise refusal(*self.poor)
        if (order.price, order.amount) == (params["price"], params["quantity"]):
            raise refusal(-5027, "No need to modify the order.")
        order.price, order.amount = params["price"], params["quantity"]
        return self.shown(order)

    def mode(self, account: Account, params: Mapping[str, str]) -> Any:
        return {"dualSidePosition": self._mode(account) == "true"}

    def set_mode(self, account: Account, params: Mapping[str, str]) -> Any:
        if params["dualSidePosition"] == self._mode(account):
            raise refusal(-4059, "No need to change position side.")
        account.settings["mode"] = params["dualSidePosition"]
        return {"code": 200, "msg": "success"}

    def set_leverage(self, account: Account, params: Mapping[str, str]) -> Any:
        if not 1 <= int(params["leverage"]) <= 125:
            raise refusal(-4028, f"Leverage {params['leverage']} is not valid")
        account.settings["leverage", params["symbol"]] = params["leverage"]
        return {"leverage": int(params["leverage"]), "maxNotionalValue": "1000000", "symbol": params["symbol"]}

    def info(self, account: Account, params: Mapping[str, str]) -> Any:
        filters = [
            {"filterType": "PRICE_FILTER", "minPrice": "556.80", "maxPrice": "4529764", "tickSize": "0.10"},
            {"filterType": "LOT_SIZE", "minQty": "0.001", "maxQty": "1000", "stepSize": "0.001"},
            {"filterType": "MIN_NOTIONAL", "notional": "50"},
        ]
        market = {"symbol": "BTCUSDT", "pair": "BTCUSDT", "contractType": "PERPETUAL", "status": "TRADING"}
        return {"symbols": [{**market, "baseAsset": "BTC", "quoteAsset": "USDT", "filters": filters}]}

    def extra_fields(self, order: FakeOrder) -> dict[str, Any]:
        average = f"{PRICE if order.state == 'filled' else 0}.00000"
        return {
            "avgPrice": average,
            "cumQuote": str(float(order.done) * PRICE),
            "positionSide": order.position or "BOTH",
        }

    def _mode(self, account: Account) -> str:
        return str(account.settings.get("mode", "false"))
