// What the other files share.

export const element = (id) => document.getElementById(id);

export const whole = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });

export function milliseconds(ms) {
  if (ms === null || ms === undefined) return "–";
  const digits = ms < 1 ? 2 : ms < 10 ? 1 : 0;
  return `${ms.toFixed(digits).replace(/\B(?=(\d{3})+$)/, ",")} ms`;
}

export function plural(count, noun) {
  return `${whole.format(count)} ${count === 1 ? noun : noun.replace(/y$/, "ie") + "s"}`;
}

// Says what has happened, also to a screen reader.
export function say(text) {
  element("news").textContent = text;
}

// Sends JSON. The answer's JSON, if there is any; what went wrong is thrown as a sentence.
export async function send(method, path, body) {
  const response = await fetch(path, {
    method,
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
  });
  const text = await response.text();
  if (!response.ok) throw new Error(reason(text) ?? `${path}: ${response.status}`);
  return text ? JSON.parse(text) : null;
}

function reason(text) {
  try {
    return JSON.parse(text).error;
  } catch {
    return text || null;
  }
}
