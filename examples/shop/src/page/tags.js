// The largest tags, each with its button.

import { element, plural, say, send, whole } from "/common.js";

export function connectTags() {
  const form = element("tag-form");
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    invalidate(element("tag").value.trim());
  });
}

export function showTags(sizes) {
  const list = element("tag-list");
  // Rows must not move under a finger or a cursor.
  if (list.matches(":hover, :focus-within")) return update(list, sizes);
  while (list.children.length < sizes.length) list.append(row());
  while (list.children.length > sizes.length) list.lastChild.remove();
  sizes.forEach((size, i) => fill(list.children[i], size, sizes[0].entries));
}

function update(list, sizes) {
  const entries = new Map(sizes.map(({ tag, entries }) => [tag, entries]));
  for (const item of list.children) {
    const tag = item.querySelector("code").textContent;
    const size = { tag, entries: entries.get(tag) ?? 0 };
    fill(item, size, sizes[0]?.entries ?? 1);
  }
}

function row() {
  const item = document.createElement("li");
  const bar = document.createElement("div");
  bar.className = "bar";
  bar.append(document.createElement("i"));
  const button = document.createElement("button");
  button.textContent = "Invalidate";
  button.addEventListener("click", () => invalidate(item.querySelector("code").textContent));
  item.append(document.createElement("code"), document.createElement("b"), bar, button);
  return item;
}

function fill(item, { tag, entries }, most) {
  const name = item.querySelector("code");
  name.textContent = tag;
  name.title = tag;
  item.querySelector("b").textContent = whole.format(entries);
  item.querySelector("i").style.width = `${(entries / most) * 100}%`;
  item.querySelector("button").setAttribute("aria-label", `Invalidate ${tag}`);
}

async function invalidate(tag) {
  const started = performance.now();
  try {
    const { entries } = await send("POST", "/cache/invalidate", { tag });
    const took = Math.round(performance.now() - started);
    say(`${tag}: ${plural(entries, "entry")} invalidated in ${took} ms.`);
  } catch (error) {
    say(`${tag} could not be invalidated: ${error.message}`);
  }
}
