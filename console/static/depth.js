// The order book of one market: a ladder of its best levels, and a curve of all that it has.

import { $, filled, made } from "./gateway.js";
import { placesOf, plain } from "./numbers.js";

const LEVELS = 12;
const [WIDTH, HEIGHT] = [300, 100]; // of the drawing, which is stretched to its place

/** Show an order book. Returns False where it is empty. */
export function showDepth({ asks, bids }, words) {
  const [nearAsks, nearBids] = [asks.slice(0, LEVELS), bids.slice(0, LEVELS)];
  const near = [...nearAsks, ...nearBids];
  const format = [placesOf(near.map(([price]) => price)), placesOf(near.map(([, amount]) => amount))];
  const most = Math.max(total(nearAsks), total(nearBids));
  $("asks").replaceChildren(...ladder(nearAsks, format, most).reverse());
  $("bids").replaceChildren(...ladder(nearBids, format, most));
  const isWhole = asks.length > 0 && bids.length > 0;
  $("spread").textContent = isWhole ? plain(asks[0][0] - bids[0][0], format[0]) : "–";
  $("curve").hidden = !isWhole;
  if (isWhole) drawCurve(asks, bids, format, words);
  return near.length > 0;
}

function total(levels) {
  return levels.reduce((sum, [, amount]) => sum + amount, 0);
}

function ladder(levels, [pricePlaces, amountPlaces], most) {
  let sum = 0;
  return levels.map(([price, amount]) => {
    sum += amount;
    const row = document.createElement("tr");
    row.style.setProperty("--share", `${Math.round((100 * sum) / most)}%`);
    row.append(made("td", plain(price, pricePlaces), "number"), made("td", plain(amount, amountPlaces), "number"));
    row.append(made("td", plain(sum, amountPlaces), "number"));
    return row;
  });
}

/** Draw what could be bought and sold up to each price, as far from the middle as both sides have levels. */
function drawCurve(asks, bids, [pricePlaces, amountPlaces], words) {
  const middle = (asks[0][0] + bids[0][0]) / 2;
  const reach = Math.min(asks.at(-1)[0] - middle, middle - bids.at(-1)[0]) || 1;
  const [lowest, highest] = [middle - reach, middle + reach];
  const sides = [bids.filter(([price]) => price >= lowest), asks.filter(([price]) => price <= highest)];
  const totals = sides.map(total);
  const most = Math.max(...totals) || 1;
  const across = (price) => Math.round((WIDTH * (price - lowest)) / (2 * reach));
  const up = (sum) => Math.round(HEIGHT - (HEIGHT - 4) * (sum / most));
  for (const [id, levels, end] of [["curve-bids", sides[0], 0], ["curve-asks", sides[1], WIDTH]]) {
    let [sum, path] = [0, levels.length ? `M${across(levels[0][0])} ${HEIGHT}` : ""];
    for (const [price, amount] of levels) {
      path += `H${across(price)}`;
      sum += amount;
      path += `V${up(sum)}`;
    }
    $(id).setAttribute("d", path && `${path}H${end}V${HEIGHT}Z`);
  }
  const [low, mid, high] = [lowest, middle, highest].map((price) => plain(price, pricePlaces));
  for (const [id, text] of [["curve-low", low], ["curve-middle", mid], ["curve-high", high]]) $(id).textContent = text;
  const [bought, sold] = totals.map((sum) => plain(sum, amountPlaces));
  $("curve").querySelector("svg").setAttribute("aria-label", filled(words.curve, { low, high, bids: bought, asks: sold }));
}
