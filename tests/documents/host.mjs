// Runs a robot as FMZ's host does, with a clock of its own, and asks the gateway over HTTP: node host.mjs < job.json
//
// The job: robot (its text), now (ms since the epoch), steps (calls and Sleeps until it is stopped), orders (ids until it
// is stopped, 0 for never), clock (true where the gateway is sent the time), exchanges (address, access_key, secret_key,
// pair). Printed is how it ended, its log, and the ids of its orders.
import fs from "node:fs"
import vm from "node:vm"

import {cut, exchangeOf} from "./exchange.mjs"
import {connection} from "./network.mjs"

const ROUND_TRIP = 20                     // ms that a call takes on the robot's clock
const RETRY = 3000                        // ms between two tries of _C
const PATIENCE = 30000                    // ms that a call may really take, where the robot sets nothing

function run(job) {
    const ask = connection()
    const host = {now: job.now, left: job.steps, log: [], ids: [], error: null, filter: null, timeout: PATIENCE, kept: {}}

    host.end = (how) => {
        fs.writeSync(1, JSON.stringify({ended: how, log: host.log, ids: host.ids, now: host.now}))
        process.exit(0)
    }
    host.step = (ms) => {
        host.now += ms
        host.left -= 1
        if (host.left < 0) {
            host.end("out of steps")
        }
    }
    host.fail = (name, text) => {
        host.error = `${name}: ${text}`
        if (!host.filter || !host.filter.test(host.error)) {
            host.log.push(host.error)
        }
    }
    host.post = ({address, access_key, secret_key}, method, params, headers) => {
        host.step(ROUND_TRIP)
        // A nonce is in nanoseconds, which a number of JavaScript cannot hold.
        const [key, name, given, secret] = [access_key, method, params, secret_key].map((it) => JSON.stringify(it))
        const body = `{"access_key":${key},"method":${name},"nonce":${host.now}000000,"params":${given},"secret_key":${secret}}`
        const clock = job.clock ? {"X-Clock-Ms": host.now} : {}
        const sent = {"Content-Length": Buffer.byteLength(body), ...headers, ...clock}
        return ask({address, headers: sent, body, timeout: host.timeout})
    }

    const exchanges = job.exchanges.map((given) => exchangeOf(given, host))
    const context = vm.createContext({...globals(host, job), exchanges, exchange: exchanges[0]})
    try {
        vm.runInContext(`${job.robot}\nmain()`, context, {filename: "robot.js"})
    } catch (error) {
        host.log.push(String(error.stack ?? error))
        host.end("error")
    }
    host.end("main returned")
}

function globals(host, job) {
    const sleep = (ms) => {
        if (job.orders && host.ids.length >= job.orders) {
            host.end("traded")
        }
        host.step(ms)
    }
    const log = (...words) => { host.log.push(words.map(shown).join(" ")) }
    let delay = RETRY
    return {
        ...CONSTANTS,
        Date: class extends Date {
            constructor(...given) {
                given.length ? super(...given) : super(host.now)
            }
            static now() { return host.now }
        },
        Log: log,
        LogStatus: log,
        LogProfit: log,
        LogProfitReset() {},
        LogReset() {},
        Sleep: sleep,
        Unix: () => Math.floor(host.now / 1000),
        UnixNano: () => host.now * 1e6,
        IsVirtual: () => false,
        GetCommand: () => "",
        GetLastError() {
            const error = host.error
            host.error = null
            return error
        },
        SetErrorFilter(text) { host.filter = text ? new RegExp(text) : null },
        _G(name, value) {
            if (value !== undefined) {
                host.kept[name] = value
            }
            return host.kept[name] ?? null
        },
        _CDelay(ms) { delay = ms },
        _C(call, ...given) {
            for (;;) {
                const result = call(...given)
                if (result !== null && result !== false && result !== undefined) {
                    return result
                }
                sleep(delay)
            }
        },
        _N: cut,
        _D: (ms = host.now) => new Date(ms).toISOString().slice(0, 19).replace("T", " "),
    }
}

const CONSTANTS = {
    PERIOD_M1: 60, PERIOD_M3: 180, PERIOD_M5: 300, PERIOD_M15: 900, PERIOD_M30: 1800, PERIOD_H1: 3600, PERIOD_H2: 7200,
    PERIOD_H4: 14400, PERIOD_H6: 21600, PERIOD_H12: 43200, PERIOD_D1: 86400, PERIOD_D3: 259200, PERIOD_W1: 604800,
    ORDER_STATE_PENDING: 0, ORDER_STATE_CLOSED: 1, ORDER_STATE_CANCELED: 2, ORDER_STATE_UNKNOWN: 3,
    ORDER_TYPE_BUY: 0, ORDER_TYPE_SELL: 1, PD_LONG: 0, PD_SHORT: 1,
    ORDER_CONDITION_TYPE_OCO: 0, ORDER_CONDITION_TYPE_TP: 1, ORDER_CONDITION_TYPE_SL: 2,
}

function shown(value) {
    return typeof value === "string" ? value : JSON.stringify(value) ?? "undefined"
}

run(JSON.parse(fs.readFileSync(0, "utf8")))
