// The account's own open orders, as lines in the chart of their market, and as a list for who does not see it.

import { $, call, filled, made, state } from "./gateway.js";
import { exactly } from "./numbers.js";

let given = null; // the keys that were given for the exchange that is shown; nowhere else
let lines = [];

/** Use the keys in the form from now on, until ``forget``. */
export function use(keys, object) {
  given = keys.access_key ? { keys, object } : null;
}

/** Forget the keys, and all that was shown with them. */
export function forget(series, words) {
  given = null;
  clear(series);
  state("own", "idle", words.unmarked);
}

/** Remove the marks. */
export function clear(series) {
  for (const line of lines) series.removePriceLine(line);
  lines = [];
  $("own").replaceChildren();
}

/** Mark the open orders of a market, if keys were given. isWanted: returns False once another choice was made. */
export async function mark(series, symbol, words, isWanted) {
  const ours = given;
  if (!ours) return;
  const asked = { ...ours.keys, method: "orders", params: { symbol } };
  const reply = exactly((await call($("about").dataset.name, asked, ours)).text);
  if (!isWanted() || given !== ours) return;
  clear(series);
  if (reply.error) {
    state("own", "failed", reply.error);
    return;
  }
  const orders = reply.data.filter(({ price }) => Number(price) > 0); // a market order has no line
  lines = orders.map((order) => series.createPriceLine(lineOf(order, words)));
  $("own").replaceChildren(...orders.map((order) => made("li", textOf(order, words), order.type)));
  if (orders.length) state("own", "ready", filled(words.marked, { count: orders.length }));
  else state("own", "empty", words["no orders"]);
}

function lineOf(order, words) {
  const color = getComputedStyle(document.documentElement).getPropertyValue(order.type === "buy" ? "--up" : "--down");
  return { price: Number(order.price), color: color.trim(), lineStyle: 2, title: `${words[order.type]} ${order.amount}` };
}

function textOf({ type, amount, price, id }, words) {
  return filled(words.order, { side: words[type], amount, price, id });
}
