// Requests of the gateway, for a robot: its calls return their results, and only a second thread can wait for them.
import http from "node:http"
import {isMainThread, MessageChannel, receiveMessageOnPort, Worker, workerData} from "node:worker_threads"

if (!isMainThread) {
    send(workerData)
}

// Returns a function that sends a request and returns its answer: a text, or an error.
export function connection() {
    const {port1, port2} = new MessageChannel()
    const answered = new Int32Array(new SharedArrayBuffer(4))
    new Worker(new URL(import.meta.url), {workerData: {port: port2, answered}, transferList: [port2]})
    return (request) => {
        Atomics.store(answered, 0, 0)
        port1.postMessage(request)
        Atomics.wait(answered, 0, 0)
        return receiveMessageOnPort(port1).message
    }
}

function send({port, answered}) {
    port.on("message", ({address, headers, body, timeout}) => {
        const reply = (message) => {
            port.postMessage(message)
            Atomics.store(answered, 0, 1)
            Atomics.notify(answered, 0)
        }
        const request = http.request(address, {method: "POST", agent: false, headers}, (response) => {
            let text = ""
            response.setEncoding("utf8")
            response.on("data", (part) => { text += part })
            response.on("end", () => reply({text}))
            response.on("error", (error) => reply({error: error.message}))
        })
        request.setTimeout(timeout, () => request.destroy(new Error("timeout")))
        request.on("error", (error) => reply({error: error.message}))
        request.end(body)
    })
}
