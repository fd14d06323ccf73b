// One market, live: ticker, candles, depth and trades, each asked for as FMZ asks for it.

import { showDepth } from "./depth.js";
import { $, call, choose, filled, keys, made, state, wordsOf } from "./gateway.js";
import { placesOf, plain } from "./numbers.js";
import * as own from "./own.js";
import { CandlestickSeries, createChart } from "./vendor/lightweight-charts-5.2.1.js";

const EVERY = 3000; // ms
const SLOWER = 3; // candles and trades are asked for every third time
const TRADES = 60;
const words = wordsOf($("market"));
let round = 0; // of what is shown; an answer that comes after another choice is dropped
let timer = 0;
let isPaused = false;
let chart, series;

/** Return a time of day in UTC, as the chart shows it. */
function clock(ms) {
  return new Date(ms).toISOString().slice(11, 19);
}

const PANELS = {
  ticker: {
    show(data) {
      for (const place of document.querySelectorAll("[data-key]")) {
        const value = data[place.dataset.key];
        place.textContent = value === undefined ? "–" : place.dataset.key === "time" ? clock(value) : plain(value);
      }
      return true;
    },
  },
  depth: { show: (data) => showDepth(data, words) },
  records: {
    params: () => ({ period: $("period").value, limit: 300 }),
    show(data, symbol) {
      const candles = data.map(([time, open, high, low, close]) => ({ time, open, high, low, close }));
      if (!candles.length) return false;
      const places = placesOf(candles.slice(-50).flatMap(({ open, close }) => [open, close]));
      series.applyOptions({ priceFormat: { type: "price", precision: places, minMove: 10 ** -places } });
      series.setData(candles);
      const values = { symbol, count: candles.length, last: plain(candles.at(-1).close) };
      values.high = plain(Math.max(...candles.map(({ high }) => high)));
      values.low = plain(Math.min(...candles.map(({ low }) => low)));
      $("chart").setAttribute("aria-label", filled(words.chart, values));
      return true;
    },
  },
  trades: {
    show(data) {
      const latest = data.slice(-TRADES).reverse();
      const format = [placesOf(latest.map(({ price }) => price)), placesOf(latest.map(({ amount }) => amount))];
      const rows = latest.map(({ time, type, price, amount }) => {
        const row = document.createElement("tr");
        row.append(made("td", clock(time)), made("td", words[type] ?? type, type));
        row.append(made("td", plain(price, format[0]), "number"), made("td", plain(amount, format[1]), "number"));
        return row;
      });
      $("trades").replaceChildren(...rows);
      return rows.length > 0;
    },
  },
};

async function load(panel, ours) {
  const { params, show } = PANELS[panel];
  const symbol = $("symbol").value.trim();
  const asked = { method: panel, params: { symbol, ...params?.() } };
  const reply = JSON.parse((await call($("about").dataset.name, asked)).text);
  if (ours !== round) return;
  if (reply.error) state(panel, "failed", reply.error);
  else if (show(reply.data, symbol)) state(panel, "ready");
  else state(panel, "empty", words.empty);
}

async function refresh(ours, count) {
  const names = Object.keys(PANELS).filter((name) => count % SLOWER === 0 || ["ticker", "depth"].includes(name));
  try {
    const marking = count % SLOWER === 0 ? [own.mark(series, $("symbol").value.trim(), words, current())] : [];
    await Promise.all([...names.map((name) => load(name, ours)), ...marking]);
    if (ours === round && isLive()) say("live");
  } catch {
    if (ours === round) say("lost");
  }
  if (ours === round && isLive()) timer = setTimeout(() => refresh(ours, count + 1), EVERY);
}

const isLive = () => !isPaused && !document.hidden;

/** Return a function that tells whether what is shown now is still shown. */
function current() {
  const ours = round;
  return () => ours === round;
}

function say(word) {
  if ($("status").textContent !== words[word]) $("status").textContent = words[word];
}

/** Show the market that the form names, from the start. */
function begin() {
  stop();
  for (const name of Object.keys(PANELS)) state(name, "loading", words.loading);
  for (const place of document.querySelectorAll("[data-key]")) place.textContent = "–";
  for (const id of ["asks", "bids", "trades"]) $(id).replaceChildren();
  series.setData([]);
  own.clear(series);
  refresh(round, 0);
}

function stop() {
  round += 1;
  clearTimeout(timer);
}

function goOn() {
  stop();
  if (isLive()) refresh(round, 0);
  else say(isPaused ? "paused" : "hidden");
}

function paint() {
  const color = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const line = color("--line");
  chart.applyOptions({
    layout: { background: { color: color("--card") }, textColor: color("--dim"), fontSize: 12 },
    grid: { vertLines: { color: line }, horzLines: { color: line } },
    timeScale: { borderColor: line },
    rightPriceScale: { borderColor: line },
  });
  const [up, down] = [color("--up"), color("--down")];
  series.applyOptions({ upColor: up, downColor: down, wickUpColor: up, wickDownColor: down, borderVisible: false });
}

async function symbols() {
  const has = $("about").dataset.has.split(" ");
  $("symbol").value = has.includes("fundings") ? "BTC_USDT.swap" : "BTC_USDT";
  $("symbols").replaceChildren();
  if (!has.includes("markets")) return;
  try {
    const reply = JSON.parse((await call($("about").dataset.name, { method: "markets", params: {} })).text);
    const options = Object.keys(reply.data || {}).map((name) => Object.assign(made("option"), { value: name }));
    $("symbols").replaceChildren(...options.slice(0, 2000));
  } catch {
    // The symbol can be written without a list.
  }
}

// The library's own mark would bring a style that the page's policy refuses; the attribution is at the end of the page.
chart = createChart($("chart"), { autoSize: true, layout: { attributionLogo: false }, timeScale: { timeVisible: true } });
series = chart.addSeries(CandlestickSeries);
paint();
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", paint);
$("form").addEventListener("submit", (event) => {
  event.preventDefault();
  begin();
});
$("period").addEventListener("change", begin);
$("exchange").addEventListener("change", async () => {
  stop();
  own.forget(series, words);
  if (await choose($("exchange").value)) {
    symbols();
    begin();
  } else {
    $("exchange").value = $("about").dataset.name;
    say("failed");
  }
});
$("pause").addEventListener("click", () => {
  isPaused = !isPaused;
  $("pause").setAttribute("aria-pressed", String(isPaused));
  goOn();
});
$("own-form").addEventListener("submit", (event) => {
  event.preventDefault();
  own.use(keys(), $("object").value.trim());
  state("own", "loading", words.loading);
  own.mark(series, $("symbol").value.trim(), words, current()).catch(() => state("own", "failed", words.lost));
});
$("unmark").addEventListener("click", () => {
  for (const input of $("own-form").querySelectorAll("input")) input.value = "";
  own.forget(series, words);
});
document.addEventListener("visibilitychange", goOn);
symbols();
begin();
