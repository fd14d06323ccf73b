// What every page does with the gateway: its words, its calls, and the exchange that is chosen.

export const $ = (id) => document.getElementById(id);

/** Return the words of a page, which the server has put into the element's data, translated. */
export function wordsOf(element) {
  return JSON.parse(element.dataset.words);
}

/** Return a sentence with its {places} filled. */
export function filled(sentence, values) {
  return sentence.replace(/\{(\w+)\}/g, (whole, name) => values[name] ?? whole);
}

/** Return an element. Text is always text, never markup. */
export function made(tag, text = "", className = "") {
  const element = document.createElement(tag);
  element.textContent = text;
  if (className) element.className = className;
  return element;
}

/** Show a panel's state, and a sentence about it. */
export function state(panel, name, text = "") {
  const element = document.querySelector(`[data-panel=${panel}]`);
  element.dataset.state = name;
  const place = element.querySelector(".state");
  if (place.textContent !== text) place.textContent = text; // a screen reader says it once
}

/** Return the keys in the page's form, by FMZ's names. They are nowhere else. */
export function keys() {
  return { access_key: $("access").value, secret_key: $("secret").value };
}

/** Send an object to the gateway, with what tells it that its own page does. */
export function post(path, body, headers = {}) {
  const csrf = document.querySelector("meta[name=csrf]").content;
  const all = { "Content-Type": "application/json", "X-CSRF-Token": csrf, ...headers };
  return fetch(path, { method: "POST", headers: all, body: JSON.stringify(body) });
}

/** Ask an exchange what FMZ would ask; return the reply's text, and what the gateway noted of the call. */
export async function call(exchange, body, { verb = "", object = "" } = {}) {
  const began = performance.now();
  const query = object && `?${new URLSearchParams({ object })}`;
  const headers = verb ? { "Http-Method": verb } : {};
  const response = await post(`/console/call/${encodeURIComponent(exchange)}${query}`, body, headers);
  const text = await response.text();
  const trace = JSON.parse(response.headers.get("Console-Trace") || '{"ms": 0, "sent": []}');
  return { text, trace, ms: performance.now() - began };
}

/** Show what an exchange is and can do, and which money it moves. Returns False where that could not be loaded. */
export async function choose(name) {
  let answer;
  try {
    answer = await fetch(`/console/exchange/${encodeURIComponent(name)}`);
    if (!answer.ok || answer.redirected) throw new Error("not loaded");
  } catch {
    return false;
  }
  const parsed = new DOMParser().parseFromString(await answer.text(), "text/html");
  $("about").replaceWith(parsed.getElementById("about"));
  for (const input of document.querySelectorAll(".secret")) input.value = ""; // they are another exchange's
  showMoney();
  history.replaceState(null, "", `?exchange=${encodeURIComponent(name)}`);
  return true;
}

/** Ask a person once more, in the page's own dialog, before a call that may move money. */
export async function isConfirmed(text) {
  const { name, money } = $("about").dataset;
  $("sure-exchange").textContent = name;
  $("sure-money").dataset.money = money;
  const [icon, word] = $("money").querySelectorAll(`[data-of=${money}] > :is(svg, strong)`);
  $("sure-money").replaceChildren(icon.cloneNode(true), word.cloneNode(true));
  $("sure-text").textContent = text;
  $("sure").returnValue = "no";
  $("sure").showModal();
  await new Promise((resolve) => $("sure").addEventListener("close", resolve, { once: true }));
  return $("sure").returnValue === "yes";
}

function showMoney() {
  const { money, name } = $("about").dataset;
  $("money").dataset.money = money;
  for (const line of $("money").querySelectorAll("[data-of]")) line.hidden = line.dataset.of !== money;
  for (const place of $("money").querySelectorAll("[data-exchange]")) place.textContent = name;
}
