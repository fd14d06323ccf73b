// A call, as a text that does the same elsewhere. Keys are never in it, only the places for them.

const KEYS = { access_key: "<ACCESS KEY>", secret_key: "<SECRET KEY>" };

/** Return a call's body, with places for the keys if it needs any. */
function withKeys(asked) {
  const nonce = asked.body.nonce ? { nonce: "NOW" } : {};
  const { method, params } = asked.body;
  return asked.isPublic ? { method, params } : { ...KEYS, ...nonce, method, params };
}

/** Return the path of a call, with the name of the exchange object if it has one. */
export function pathOf({ exchange, object }) {
  return `/${exchange}${object && `?${new URLSearchParams({ object })}`}`;
}

function address(asked) {
  const path = `${location.origin}${pathOf(asked)}`;
  return asked.hasToken ? `${path}${asked.object ? "&" : "?"}token=<TOKEN>` : path;
}

export function curl(asked) {
  const quoted = (text) => `'${text.replaceAll("'", "'\\''")}'`;
  const body = JSON.stringify(withKeys(asked));
  const data = body.includes('"NOW"') ? quoted(body).replace('"NOW"', `'"$(date +%s)000"'`) : quoted(body);
  const verb = asked.verb ? ` -H ${quoted(`Http-Method: ${asked.verb}`)}` : "";
  return `curl -s ${quoted(address(asked))}${verb} -d ${data}`;
}

export function python(asked) {
  const body = literal(withKeys(asked)).replace('"NOW"', "time.time_ns() // 1_000_000");
  const verb = asked.verb ? `, "Http-Method": "${asked.verb}"` : "";
  return [
    "import json, time, urllib.request",
    "",
    `body = ${body}`,
    "asked = urllib.request.Request(",
    `    ${JSON.stringify(address(asked))}, json.dumps(body).encode(), {"Content-Type": "application/json"${verb}}`,
    ")",
    "print(urllib.request.urlopen(asked).read().decode())",
  ].join("\n");
}

export function javascript(asked) {
  const values = { ...asked.values };
  const lines = [];
  if (["order", "modify", "cancel"].includes(asked.body.method) && values.symbol) {
    lines.push(`exchange.SetCurrency(${JSON.stringify(values.symbol)})`);
    delete values.symbol;
  }
  if (asked.verb) return `Log(exchange.IO("api", ${[asked.verb, values.resource, values.params].map((one) => JSON.stringify(one)).join(", ")}))`;
  const given = Object.entries(values).filter(([, value]) => value !== "");
  const words = given.map(([name, value]) => {
    if (name === "period") return `${value} * 60`;
    return /^-?\d+(\.\d+)?$/.test(value) && name !== "id" ? value : JSON.stringify(value);
  });
  return [...lines, `Log(exchange.${asked.script}(${words.join(", ")}))`].join("\n");
}

function literal(value) {
  return JSON.stringify(value).replaceAll(/"(?:[^"\\]|\\.)*"|[:,]|true|false|null/g, (word) => {
    const names = { true: "True", false: "False", null: "None", ":": ": ", ",": ", " };
    return names[word] ?? word;
  });
}
