// Calls every function of FMZ's API once, so that "fmz-gateway probe" sees what FMZ's host sends for each.
// Needs two exchange objects, General Protocol, both with the pair BTC_USDT and any keys, in this order:
//     ADDRESS/SPOT
//     ADDRESS/FUTURES
// No function here reaches a real exchange: what answers is simulated.
function attempt(object, name, act) {
    object.IO("api", "GET", "mark/" + name, "")          // so that the record says which call comes next
    var result
    try {
        result = act()
    } catch (error) {
        result = "thrown: " + error
    }
    Log(name, result === undefined ? "nothing" : JSON.stringify(result).slice(0, 200))
    Sleep(300)
    return result
}

function main() {
    SetErrorFilter("mark|UNSUPPORTED|ORDER_NOT_FOUND")
    var spot = exchanges[0], futures = exchanges[1]
    var now = new Date().getTime()
    var condition = {ConditionType: ORDER_CONDITION_TYPE_SL, SlTriggerPrice: 50, SlOrderPrice: -1}

    attempt(spot, "GetName", function () { return spot.GetName() })
    attempt(spot, "GetCurrency", function () { return spot.GetCurrency() })
    attempt(spot, "SetCurrency", function () { return spot.SetCurrency("ETH_USDT") })
    attempt(spot, "GetTicker", function () { return spot.GetTicker() })
    attempt(spot, "GetTicker-symbol", function () { return spot.GetTicker("LTC_USDT") })
    attempt(spot, "GetDepth", function () { return spot.GetDepth() })
    attempt(spot, "GetTrades", function () { return spot.GetTrades() })
    attempt(spot, "GetRecords", function () { return spot.GetRecords() })
    attempt(spot, "GetRecords-period", function () { return spot.GetRecords(PERIOD_H1) })
    attempt(spot, "GetRecords-all", function () { return spot.GetRecords("BTC_USDT", PERIOD_D1, 10) })
    attempt(spot, "GetMarkets", function () { return spot.GetMarkets() })
    attempt(spot, "GetTickers", function () { return spot.GetTickers() })
    attempt(spot, "GetAccount", function () { return spot.GetAccount() })
    attempt(spot, "GetAssets", function () { return spot.GetAssets() })
    var id = attempt(spot, "Buy", function () { return spot.Buy(100, 0.1, "a word for the log") })
    attempt(spot, "Buy-market", function () { return spot.Buy(-1, 20) })
    attempt(spot, "Sell", function () { return spot.Sell(999999, 0.1) })
    attempt(spot, "Sell-market", function () { return spot.Sell(-1, 0.01) })
    attempt(spot, "CreateOrder", function () { return spot.CreateOrder("BTC_USDT", "buy", 100, 0.1) })
    attempt(spot, "CreateOrder-options", function () { return spot.CreateOrder("BTC_USDT", "buy;timeInForce=GTC", 100, 0.1) })
    attempt(spot, "GetOrder", function () { return spot.GetOrder(id) })
    attempt(spot, "GetOrders", function () { return spot.GetOrders() })
    attempt(spot, "GetOrders-symbol", function () { return spot.GetOrders("BTC_USDT") })
    attempt(spot, "GetHistoryOrders", function () { return spot.GetHistoryOrders() })
    attempt(spot, "GetHistoryOrders-all", function () { return spot.GetHistoryOrders("BTC_USDT", now - 3600000, 5) })
    attempt(spot, "ModifyOrder", function () { return spot.ModifyOrder(id, "buy", 101, 0.1) })
    attempt(spot, "CancelOrder", function () { return spot.CancelOrder(id) })
    attempt(spot, "CreateConditionOrder", function () { return spot.CreateConditionOrder("BTC_USDT", "sell", 0.1, condition) })
    attempt(spot, "GetConditionOrder", function () { return spot.GetConditionOrder("1") })
    attempt(spot, "GetConditionOrders", function () { return spot.GetConditionOrders() })
    attempt(spot, "GetHistoryConditionOrders", function () { return spot.GetHistoryConditionOrders("BTC_USDT") })
    attempt(spot, "CancelConditionOrder", function () { return spot.CancelConditionOrder("1") })
    attempt(spot, "IO-GET", function () { return spot.IO("api", "GET", "time", "a=1&b=two") })
    attempt(spot, "IO-path", function () { return spot.IO("api", "POST", "/api/v1/some_path", "a='1'") })
    attempt(spot, "IO-body", function () { return spot.IO("api", "POST", "some_path", "", JSON.stringify({a: [1, "two"]})) })
    attempt(spot, "IO-address", function () { return spot.IO("api", "GET", "https://example.com/some_path", "a=1") })
    attempt(spot, "IO-currency", function () { return spot.IO("currency", "BTC_USDT") })
    attempt(spot, "IO-simulate", function () { return spot.IO("simulate", true) })
    attempt(spot, "GetRawJSON", function () { return spot.GetRawJSON() })

    attempt(futures, "SetContractType", function () { return futures.SetContractType("swap") })
    attempt(futures, "SetMarginLevel", function () { return futures.SetMarginLevel(10) })
    attempt(futures, "SetMarginLevel-symbol", function () { return futures.SetMarginLevel("BTC_USDT.swap", 10) })
    attempt(futures, "GetTicker-futures", function () { return futures.GetTicker("BTC_USDT.swap") })
    attempt(futures, "GetFundings", function () { return futures.GetFundings() })
    attempt(futures, "GetFundings-symbol", function () { return futures.GetFundings("BTC_USDT.swap") })
    attempt(futures, "SetDirection", function () { return futures.SetDirection("buy") })
    attempt(futures, "Buy-futures", function () { return futures.Buy(-1, 1) })
    attempt(futures, "GetPosition", function () { return futures.GetPosition() })
    attempt(futures, "GetPositions", function () { return futures.GetPositions() })
    attempt(futures, "GetPositions-range", function () { return futures.GetPositions("USDT.swap") })
    attempt(futures, "CreateOrder-futures", function () { return futures.CreateOrder("BTC_USDT.swap", "closebuy", -1, 1) })
    attempt(futures, "GetOrders-range", function () { return futures.GetOrders("USDT.swap") })
    Log("Done. Send the record in, as docs/PROBE.md says.")
}
