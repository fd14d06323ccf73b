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

/** Ask an exchange what FMZ would ask; return the reply's text, and what the gateway noted of the call. */
export async function call(exchange, body, verb = "") {
  const began = performance.now();
  const response = await fetch(`/console/call/${encodeURIComponent(exchange)}`, {
    method: "POST",
    headers: {
      "Content-Type": "application/json",
      "X-CSRF-Token": document.querySelector("meta[name=csrf]").content,
      ...(verb && { "Http-Method": verb }),
    },
    body: JSON.stringify(body),
  });
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
  showMoney();
  history.replaceState(null, "", `?exchange=${encodeURIComponent(name)}`);
  return true;
}

function showMoney() {
  const { money, name } = $("about").dataset;
  $("money").dataset.money = money;
  for (const line of $("money").querySelectorAll("[data-of]")) line.hidden = line.dataset.of !== money;
  for (const place of $("money").querySelectorAll("[data-exchange]")) place.textContent = name;
}
