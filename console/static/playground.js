// The playground: one call, what the gateway makes of it, and the answer.

import { $, call, choose, filled, isConfirmed, keys, made, post, wordsOf } from "./gateway.js";
import * as snippets from "./snippets.js";

const MOST = 20000; // characters of a reply that are shown
const words = wordsOf($("playground"));
let unanswered = null; // the last call without an answer: sent again, it is the same order

const operation = () => $("operation").selectedOptions[0].dataset;
const inputs = () => [...$("form").querySelectorAll("[data-operation]:not([hidden]) [data-name]")];

/** Return the call that the form describes. Raises SyntaxError where its parameters are no JSON. */
function described() {
  const { method, code, script } = operation();
  const values = Object.fromEntries(inputs().map((input) => [input.dataset.name, input.value.trim()]));
  const asked = { exchange: $("about").dataset.name, values, script, isPublic: operation().public === "true" };
  asked.object = $("object").value.trim();
  asked.hasToken = $("playground").dataset.token === "true";
  const given = Object.fromEntries(Object.entries(values).filter(([, value]) => value !== ""));
  if (operation().free === "true") {
    const params = JSON.parse(values.params || "{}");
    if (params === null || typeof params !== "object" || Array.isArray(params)) throw new SyntaxError("no object");
    return { ...asked, verb: values.verb, body: { method: method + values.resource, params } };
  }
  if (code !== "") return { ...asked, body: { method, params: { code: Number(code), args: Object.values(given) } } };
  const body = { method, params: given };
  if (method === "trade") body.nonce = nonceOf(asked, body);
  return { ...asked, body };
}

/** Return the nonce of an order: the same one until the same order was answered. */
function nonceOf(asked, body) {
  return unanswered?.text === orderOf(asked, body) ? unanswered.nonce : Date.now();
}

/** Return a text that tells an order from others, apart from its nonce. */
function orderOf({ exchange, object }, body) {
  return JSON.stringify([exchange, object, body]);
}

function showOperation() {
  const name = $("operation").value;
  for (const fieldset of $("form").querySelectorAll("[data-operation]")) {
    fieldset.hidden = fieldset.dataset.operation !== name;
    fieldset.disabled = fieldset.hidden;
  }
  const has = ($("about").dataset.has || "").split(" ");
  const { method, public: isPublic } = operation();
  $("lacks").hidden = !["trades", "markets", "tickers", "historyorders", "modify", "fundings", "positions"].includes(method) || has.includes(method);
  $("keys").hidden = isPublic === "true";
  $("case-row").hidden = operation().changes === "true"; // nothing is ordered for the sake of a case
  fillSymbols();
}

/** Begin with a market that the exchange is likely to have. */
function fillSymbols() {
  const isFutures = ($("about").dataset.has || "").split(" ").includes("fundings");
  for (const input of inputs()) {
    const before = ["", "BTC_USDT", "BTC_USDT.swap"].includes(input.value);
    if (input.dataset.name === "symbol" && input.required && before) input.value = isFutures ? "BTC_USDT.swap" : "BTC_USDT";
    if (input.dataset.name === "period" && !input.value) input.value = "60";
  }
}

async function send(event) {
  event.preventDefault();
  let asked;
  try {
    asked = described();
  } catch {
    say("wrong");
    return;
  }
  if (!(await isSure(asked))) return;
  show(asked);
  $("send").disabled = true;
  say("waiting");
  const { nonce, ...body } = asked.body;
  if (nonce) unanswered = { text: orderOf(asked, body), nonce };
  const given = asked.isPublic ? {} : keys();
  try {
    showReply(await call(asked.exchange, { ...given, ...asked.body }, asked));
  } catch {
    say("lost");
  } finally {
    $("send").disabled = false;
  }
}

/** Ask once more where money may move that is not simulated. */
async function isSure(asked) {
  const { money } = $("about").dataset;
  if (money === "simulated" || operation().changes !== "true" || asked.verb === "GET") return true;
  return isConfirmed(shown(asked));
}

function shown(asked) {
  const keys = asked.isPublic ? {} : { access_key: "…", secret_key: "…" };
  const verb = asked.verb ? `Http-Method: ${asked.verb}\n` : "";
  return `POST ${snippets.pathOf(asked)}\n${verb}\n${JSON.stringify({ ...keys, ...asked.body }, null, 2)}`;
}

function show(asked) {
  $("asked").textContent = shown(asked);
  $("snippet").hidden = true;
  $("copied").textContent = "";
  for (const id of ["reply", "sent-time", "reply-time"]) $(id).textContent = "";
  $("sent").tBodies[0].replaceChildren();
}

function showReply({ text, trace, ms }) {
  unanswered = text.includes("ORDER_STATE_UNKNOWN") ? unanswered : null;
  $("reply-empty").hidden = true;
  $("reply").textContent = indented(text);
  $("reply-time").textContent = `${ms.toFixed(1)} ms`;
  $("sent-time").textContent = trace.sent.length ? `${trace.ms.toFixed(1)} ms` : "";
  $("sent-region").hidden = trace.sent.length === 0;
  $("sent-empty").hidden = trace.sent.length > 0;
  $("sent-empty").textContent = words.none;
  const rows = trace.sent.map((one) => {
    const row = document.createElement("tr");
    row.append(made("td", `${one.verb} ${one.host}${one.path}`), made("td", one.names.join(", ")));
    row.append(made("td", one.status ?? "–"), made("td", one.ms.toFixed(1), "number"));
    return row;
  });
  $("sent").tBodies[0].replaceChildren(...rows);
  say(text.startsWith('{"error"') ? "refused" : "done", { ms: ms.toFixed(1) });
}

/** Return a JSON text with line breaks, every digit as it came: parsing it would round long numbers. */
function indented(text) {
  const whole = text.length;
  let depth = 0;
  const broken = text.slice(0, MOST).replaceAll(/"(?:[^"\\]|\\.)*"|[{}[\]:,]/g, (word, place) => {
    const line = () => `\n${"  ".repeat(depth)}`;
    if (word === "{" || word === "[") {
      depth += 1;
      return "}]".includes(text[place + 1]) ? word : word + line();
    }
    if (word === "}" || word === "]") {
      depth -= 1;
      return "{[".includes(text[place - 1]) ? word : line() + word;
    }
    if (word === ",") return word + line();
    return word === ":" ? ": " : word;
  });
  return whole > MOST ? `${broken}\n${filled(words.cut, { length: whole })}` : broken;
}

function say(word, values = {}) {
  $("status").textContent = filled(words[word], values);
}

async function copy(form) {
  let text;
  try {
    text = snippets[form](described());
  } catch {
    $("copied").textContent = words.wrong;
    return;
  }
  $("snippet").textContent = text;
  $("snippet").hidden = false;
  try {
    await navigator.clipboard.writeText(text);
    $("copied").textContent = words.copied;
  } catch {
    $("copied").textContent = words.uncopied;
  }
}

/** Offer what the form describes as a file with a conversation, which the gateway records. */
async function saveCase() {
  const asked = described();
  const given = asked.isPublic ? {} : keys();
  $("case").disabled = true;
  $("copied").textContent = words.recording;
  try {
    const response = await post(`/console/case/${encodeURIComponent(asked.exchange)}`, { ...given, ...asked.body });
    const text = await response.text();
    if (response.headers.has("Content-Disposition")) {
      download(`${asked.body.method}.json`, text);
      $("copied").textContent = words.recorded;
    } else $("copied").textContent = JSON.parse(text).error;
  } catch {
    $("copied").textContent = words.failed;
  } finally {
    $("case").disabled = false;
  }
}

function download(name, text) {
  const link = made("a");
  link.href = URL.createObjectURL(new Blob([text], { type: "application/json" }));
  link.download = name;
  link.click();
  URL.revokeObjectURL(link.href);
}

$("exchange").addEventListener("change", async () => {
  $("send").disabled = true; // the page must not say one exchange, and send to another
  say("loading");
  const isLoaded = await choose($("exchange").value);
  if (!isLoaded) $("exchange").value = $("about").dataset.name;
  $("status").textContent = isLoaded ? "" : words.failed;
  $("send").disabled = false;
  showOperation();
});
$("operation").addEventListener("change", showOperation);
$("form").addEventListener("submit", send);
$("case").addEventListener("click", saveCase);
for (const button of document.querySelectorAll("[data-copy]")) button.addEventListener("click", () => copy(button.dataset.copy));
showOperation();
