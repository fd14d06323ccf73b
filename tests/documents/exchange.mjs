// FMZ's exchange objects. What neither FMZ's article nor its manual says is marked as a guess.

const PERIOD = 300                        // seconds of a bar, where the robot names none
const BUYS = ["buy", "closesell"]

export function exchangeOf(given, host) {
    let pair = given.pair, direction = "", digits = null, raw = ""

    // Returns the data of an answer, null after an error.
    const call = (name, method, params, headers) => {
        const reply = host.post(given, method, params, headers)
        raw = reply.text ?? ""
        let answer
        try {
            answer = reply.error ? {error: reply.error} : JSON.parse(reply.text)
        } catch {
            answer = {error: `unexpected answer ${reply.text.slice(0, 80)}`}
        }
        if (answer.error !== undefined || answer.data === undefined) {
            host.fail(name, answer.error ?? "received no data")
            return null
        }
        return {data: answer.data, Info: answer.raw ?? answer.data}
    }
    const io = (name, code, args) => call(name, "io", {code, args})?.data ?? null
    const list = (name, method, params, read) => call(name, method, params)?.data.map(read) ?? null
    const fitted = (value, place) => String(digits && value > 0 ? cut(value, digits[place]) : value)
    const place = (name, symbol, type, price, amount) => {
        const params = {amount: fitted(amount, 1), price: fitted(price, 0), symbol, type}
        const answer = call(name, "trade", params)
        if (answer) {
            host.ids.push({exchange: given.address, id: answer.data.id})
        }
        return answer?.data.id ?? null
    }
    const trade = (name, type, price, amount) => {
        if (direction && (type === "buy") !== BUYS.includes(direction)) {
            host.fail(name, `direction is ${direction}, invalid order type ${name}`)
            return null
        }
        return place(name, pair, type, price, amount)
    }
    const setCurrency = (symbol) => {
        pair = symbol
        return true
    }
    const readOrder = (symbol) => (row) => ({
        Info: row, Symbol: symbol || pair, Id: row.id, Price: row.price, Amount: row.amount, DealAmount: row.deal_amount,
        AvgPrice: row.avg_price ?? 0, Status: ["open", "closed", "cancelled"].indexOf(row.status),
        Type: row.type === "buy" ? 0 : 1, Offset: 0, ContractType: "",
    })
    const balance = (rows, name) =>
        rows.find((row) => row.currency.toUpperCase() === name.toUpperCase()) ?? {free: 0, frozen: 0}

    const object = {
        GetName: () => "Exchange",
        Go: (name, ...args) => {
            const result = object[name](...args)
            return {wait: () => result}
        },
        GetLabel: () => given.label ?? "",
        GetCurrency: () => pair,
        GetQuoteCurrency: () => pair.split("_")[1],
        GetPeriod: () => PERIOD,
        GetRawJSON: () => raw,
        GetRate: () => 1,
        SetRate: () => 1,
        SetProxy: () => true,
        SetMaxBarLen() {},
        SetCurrency: setCurrency,
        SetTimeout(ms) { host.timeout = ms },
        SetPrecision(price, amount) { digits = [price, amount] },

        GetTicker(symbol) {
            const answer = call("GetTicker", "ticker", {symbol: symbol ?? pair})
            const row = answer?.data
            return row ? {
                Info: answer.Info, Symbol: symbol ?? pair, Time: row.time, High: row.high, Low: row.low, Sell: row.sell,
                Buy: row.buy, Last: row.last, Open: row.last, Volume: row.vol, OpenInterest: 0,
            } : null
        },
        GetDepth(symbol) {
            const answer = call("GetDepth", "depth", {symbol: symbol ?? pair})
            const levels = (rows) => rows.map(([Price, Amount]) => ({Price, Amount}))
            const {time, asks, bids} = answer?.data ?? {}
            return answer ? {Time: time, Asks: levels(asks), Bids: levels(bids)} : null
        },
        GetTrades: (symbol) => list("GetTrades", "trades", {symbol: symbol ?? pair}, (row) => ({
            Id: row.id, Time: row.time, Price: row.price, Amount: row.amount, Type: row.type === "buy" ? 0 : 1,
        })),
        GetRecords(...words) {
            const symbol = typeof words[0] === "string" ? words.shift() : pair
            const [period = PERIOD, limit] = words
            const params = {period: String(period / 60), symbol}
            // A guess: the article knows no limit.
            return list("GetRecords", "records", limit ? {...params, limit: String(limit)} : params, (row) => ({
                Time: row[0] * 1000, Open: row[1], High: row[2], Low: row[3], Close: row[4], Volume: row[5],
            }))
        },
        GetAccount() {
            const answer = call("GetAccount", "accounts", {})
            if (!answer) {
                return null
            }
            const [base, quote] = pair.split("_").map((name) => balance(answer.data, name))
            return {
                Info: answer.Info, Balance: quote.free, FrozenBalance: quote.frozen, Stocks: base.free,
                FrozenStocks: base.frozen,
            }
        },
        GetAssets: () => list("GetAssets", "accounts", {}, (row) => ({
            Currency: row.currency, Amount: row.free, FrozenAmount: row.frozen,
        })),

        Buy: (price, amount) => trade("Buy", "buy", price, amount),
        Sell: (price, amount) => trade("Sell", "sell", price, amount),
        CreateOrder: (symbol, side, price, amount) => place("CreateOrder", symbol || pair, side, price, amount),
        CancelOrder: (id) => call("CancelOrder", "cancel", {id: String(id), symbol: pair})?.data ?? false,
        GetOrder(id) {
            const answer = call("GetOrder", "order", {id: String(id), symbol: pair})
            return answer ? readOrder(pair)(answer.data) : null
        },
        GetOrders: (symbol) => list("GetOrders", "orders", {symbol: symbol ?? pair}, readOrder(symbol)),

        SetMarginLevel: (...args) => io("SetMarginLevel", 0, args),
        SetDirection(name) {
            direction = name
            return io("SetDirection", 1, [name])
        },
        SetContractType: (code) => io("SetContractType", 2, [code]),
        GetPosition: (...args) => io("GetPosition", 3, args)?.map(capitals) ?? null,
        GetPositions: (...args) => io("GetPositions", 3, args)?.map(capitals) ?? null,
        IO(command, ...args) {
            if (command === "currency") {
                return setCurrency(args[0])
            }
            if (command === "rate" || command === "quota") {
                return true                                   // the host's own limits, which it does not have
            }
            if (command !== "api") {
                return io("IO", 4, [command, ...args])        // a guess, from the codes in FMZ's headers
            }
            const [verb, resource, query = "", body] = args
            // A guess: nobody has seen where a body goes.
            const params = body ? JSON.parse(body) : Object.fromEntries(new URLSearchParams(query))
            return call("IO", `__api_${resource}`, params, {"Http-Method": verb})?.data ?? null
        },
        ...guessed(call),
    }
    return object
}

// The functions that came after FMZ's article: nobody of this project has seen their names on the wire.
function guessed(call) {
    const data = (name, params) => call(name, name, params)?.data ?? null
    const rows = (name, params) => data(name, params)?.map(capitals) ?? null
    return {
        GetMarkets() {
            const markets = data("GetMarkets", {})
            return markets && Object.fromEntries(Object.entries(markets).map(([name, row]) => [name, capitals(row)]))
        },
        GetTickers: () => rows("GetTickers", {}),
        GetFundings: (symbol) => rows("GetFundings", symbol ? {symbol} : {}),
        GetHistoryOrders: (symbol, since, limit) => data("GetHistoryOrders", {symbol, since, limit}),
        ModifyOrder: (id, side, price, amount) => data("ModifyOrder", {id, side, price, amount})?.id ?? null,
        CreateConditionOrder: (symbol, side, amount, condition) =>
            data("CreateConditionOrder", {symbol, side, amount, condition}),
        GetConditionOrder: (id) => data("GetConditionOrder", {id}),
        GetConditionOrders: (symbol) => data("GetConditionOrders", {symbol}),
        GetHistoryConditionOrders: (symbol) => data("GetHistoryConditionOrders", {symbol}),
        CancelConditionOrder: (id) => data("CancelConditionOrder", {id}) ?? false,
    }
}

// The members of a structure in FMZ's own spelling.
function capitals(row) {
    return Object.fromEntries(Object.entries(row).filter(([name]) => /^[A-Z]/.test(name)))
}

// Cuts a number down to so many decimals; a negative count cuts before the point.
export function cut(value, decimals = 4) {
    const [whole, fraction = ""] = value.toFixed(Math.max(10, decimals + 5)).split(".")
    if (decimals < 0) {
        return Math.trunc(Number(whole) / 10 ** -decimals) * 10 ** -decimals
    }
    return Number(`${whole}.${fraction.slice(0, decimals)}`)
}
