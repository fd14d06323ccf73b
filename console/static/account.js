// One account: its balances, the open orders of one market, and its positions, each asked for as FMZ asks for it.

import { $, call, choose, filled, isConfirmed, keys, made, state, wordsOf } from "./gateway.js";
import { exactly, sum } from "./numbers.js";

const PANELS = ["balances", "orders", "positions"];
const words = wordsOf($("account"));
let round = 0; // of what is shown; an answer that comes after another choice is dropped
let shown = null; // what was asked for, and with which keys: an order is cancelled with those that showed it

const has = (name) => ($("about").dataset.has || "").split(" ").includes(name);
const word = (side) => words[side] ?? side;

function rowOf(cells) {
  const row = document.createElement("tr");
  row.append(...cells.map((cell) => (Array.isArray(cell) ? made("td", ...cell) : cell)));
  return row;
}

const number = (text) => [text ?? "–", "number"];

function balance({ currency, free, frozen }) {
  const isHeld = [free, frozen].some((text) => /[1-9]/.test(text));
  return isHeld && rowOf([[currency.toUpperCase()], number(free), number(frozen), number(sum(free, frozen) || "–")]);
}

function order(one) {
  const price = /[1-9]/.test(one.price) && !one.price.startsWith("-") ? one.price : words.market;
  const button = made("button", words.cancel, "quiet");
  button.type = "button";
  button.setAttribute("aria-label", filled(words.cancelOne, { id: one.id }));
  button.addEventListener("click", () => cancel(one, button));
  const cell = document.createElement("td");
  cell.append(button);
  const amounts = [number(price), number(one.amount), number(one.deal_amount)];
  return rowOf([[word(one.type), one.type], ...amounts, [one.id], cell]);
}

function position(one) {
  const side = one.type === "1" ? "short" : "long";
  const profit = [one.profit ?? "–", `number ${(one.profit ?? "").startsWith("-") ? "sell" : "buy"}`];
  const amounts = [one.amount, one.price, one.margin_level, one.margin].map(number);
  return rowOf([[one.symbol], [word(side), side === "long" ? "buy" : "sell"], ...amounts, profit]);
}

const QUESTIONS = {
  balances: () => [{ method: "accounts", params: {} }, balance],
  orders: () => [{ method: "orders", params: { symbol: shown.symbol } }, order],
  positions: () => [{ method: "positions", params: {} }, position],
};

async function load(panel, ours) {
  const [asked, toRow] = QUESTIONS[panel]();
  let reply;
  try {
    reply = exactly((await call(shown.exchange, { ...shown.keys, ...asked }, shown)).text);
  } catch {
    reply = { error: words.lost };
  }
  if (ours !== round) return;
  const rows = reply.error ? [] : reply.data.map(toRow).filter(Boolean);
  $(panel).replaceChildren(...rows);
  if (reply.error) state(panel, "failed", reply.error);
  else if (rows.length) state(panel, "ready");
  else state(panel, "empty", words[`no ${panel}`]);
}

/** Ask for everything of the account that the form names. */
async function show() {
  round += 1;
  const ours = round;
  const [symbol, object] = [$("symbol"), $("object")].map((input) => input.value.trim());
  shown = { exchange: $("about").dataset.name, symbol, object, keys: keys() };
  $("of-symbol").textContent = shown.symbol;
  document.querySelector("[data-panel=positions]").hidden = !has("positions");
  const names = PANELS.filter((name) => name !== "positions" || has("positions"));
  for (const name of names) {
    $(name).replaceChildren();
    state(name, "loading", words.loading);
  }
  await Promise.all(names.map((name) => load(name, ours)));
}

/** Cancel an order, once a person has confirmed it; then show what the exchange says now. */
async function cancel(one, button) {
  const asked = { method: "cancel", params: { symbol: shown.symbol, id: one.id } };
  const ours = shown;
  const text = [`${word(one.type)} ${one.amount} ${shown.symbol} @ ${one.price}`, `id ${one.id}`].join("\n");
  if (!(await isConfirmed(text))) return;
  button.disabled = true;
  say("cancelling", one);
  try {
    const reply = exactly((await call(ours.exchange, { ...ours.keys, ...asked }, ours)).text);
    if (reply.error) $("status").textContent = reply.error;
    else say(reply.data === true ? "cancelled" : "uncancelled", one);
  } catch {
    say("unknown", one);
  }
  if (shown === ours) await load("orders", round);
}

function say(name, values) {
  $("status").textContent = filled(words[name], values);
}

/** Show nothing of an account: what was shown is another exchange's. */
function clear() {
  round += 1;
  shown = null;
  $("status").textContent = "";
  for (const name of PANELS) {
    $(name).replaceChildren();
    state(name, "idle", words.idle);
  }
  $("of-symbol").textContent = "";
  document.querySelector("[data-panel=positions]").hidden = !has("positions");
  $("symbol").value = has("fundings") ? "BTC_USDT.swap" : "BTC_USDT";
}

$("form").addEventListener("submit", (event) => {
  event.preventDefault();
  $("status").textContent = "";
  show();
});
$("exchange").addEventListener("change", async () => {
  $("show").disabled = true; // the page must not say one exchange, and ask another
  const isLoaded = await choose($("exchange").value);
  $("show").disabled = false;
  if (isLoaded) clear();
  else {
    $("exchange").value = $("about").dataset.name;
    say("failed", {});
  }
});
clear();
