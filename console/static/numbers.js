// Numbers to the digit: a double would change long ones, and money is never rounded.

/** Return a reply as an object, each number in it as the text that the gateway wrote; an old browser gives only what a
 *  double holds. */
export function exactly(text) {
  return JSON.parse(text, (key, value, context) => (typeof value === "number" ? (context?.source ?? plain(value)) : value));
}

/** Return a number as digits, never in scientific notation. */
export function plain(number, places = 10) {
  const text = number.toFixed(places);
  return text.includes(".") && places === 10 ? text.replace(/\.?0+$/, "") : text;
}

/** Return how many decimals are needed to show each of these numbers whole. */
export function placesOf(numbers) {
  return Math.max(0, ...numbers.map((number) => (plain(number).split(".")[1] || "").length));
}

/** Return the sum of two texts of numbers, to the digit; empty where one is no plain number. */
export function sum(one, other) {
  const texts = [one, other];
  if (!texts.every((text) => /^-?\d+(\.\d+)?$/.test(text))) return "";
  const places = Math.max(...texts.map((text) => (text.split(".")[1] ?? "").length));
  const [left, right] = texts.map((text) => {
    const [whole, fraction = ""] = text.split(".");
    return BigInt(whole + fraction.padEnd(places, "0"));
  });
  const total = left + right;
  const digits = (total < 0n ? -total : total).toString().padStart(places + 1, "0");
  const whole = digits.slice(0, digits.length - places);
  const fraction = digits.slice(digits.length - places).replace(/0+$/, "");
  return `${total < 0n ? "-" : ""}${whole}${fraction && `.${fraction}`}`;
}
