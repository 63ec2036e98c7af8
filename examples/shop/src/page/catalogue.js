// The products: looked at in several ways, each cached in its own.

import { element, milliseconds, plural, say, send } from "/common.js";

const PAGES = /^\/products\?page=(\d+)$/;
const PATTERNS = [
  [/^\/products\?/, "CacheLayer, catalogue/list.rs"],
  [/^\/brands\//, "#[cached], catalogue/brand.rs"],
  [/^\/categories\//, "fetch, catalogue/category.rs"],
  [/^\/basket/, "get_or_compute_many, catalogue/basket.rs"],
];

let path = "/products?page=1";
let changed = null;

export async function showCatalogue() {
  element("view").addEventListener("change", ({ target }) => go(target.value));
  element("reload").addEventListener("click", () => go(path));
  element("previous").addEventListener("click", () => turn(-1));
  element("next").addEventListener("click", () => turn(1));
  element("add").addEventListener("submit", add);
  await go(path);
  await offerViews();
}

async function offerViews() {
  const { brands, categories } = await (await fetch("/facets")).json();
  const view = element("view");
  view.append(new Option("A basket of five", "/basket?ids=3,14,15,92,65"));
  for (const [label, list, start, facets] of [
    ["Categories", "categories", "/categories/", categories],
    ["Brands", "brands", "/brands/", brands],
  ]) {
    const group = document.createElement("optgroup");
    group.label = label;
    group.append(...facets.map(({ name, products }) => new Option(`${name} (${products})`, start + name)));
    view.append(group);
    element(list).append(...facets.map(({ name }) => new Option(name)));
  }
}

function turn(by) {
  const page = Number(PAGES.exec(path)?.[1] ?? 1);
  return go(`/products?page=${Math.max(1, page + by)}`);
}

async function go(to) {
  path = to;
  const started = performance.now();
  try {
    const response = await fetch(path);
    const products = await response.json();
    tell(response, performance.now() - started, products.length);
    element("products").replaceChildren(...products.map(row));
    const page = Number(PAGES.exec(path)?.[1] ?? 0);
    element("previous").disabled = page < 2;
    element("next").disabled = page === 0 || products.length < 24;
  } catch (error) {
    say(`${path}: ${error.message}`);
  }
  changed = null;
}

function tell(response, took, count) {
  const path = document.createElement("code");
  path.textContent = `GET ${response.url.slice(location.origin.length)}`;
  const time = document.createElement("b");
  time.textContent = milliseconds(took);
  const pattern = PATTERNS.find(([start]) => start.test(path.textContent.slice(4)))?.[1];
  const status = response.headers.get("cache-status");
  const rest = [plural(count, "product"), pattern, status && `Cache-Status: ${status}`];
  element("told").replaceChildren(path, ": ", time, ", ", rest.filter(Boolean).join(" · "));
}

function row(product) {
  const row = document.createElement("tr");
  if (product.id === changed) row.className = "changed";
  const cell = (content, className = "") => {
    const cell = row.insertCell();
    cell.className = className;
    cell.append(content);
  };
  cell(product.name);
  cell(product.brand, "wide");
  cell(product.category, "wide");
  cell(String(product.stock), "number");
  cell(priceForm(product));
  cell(removeButton(product), "number");
  return row;
}

function priceForm(product) {
  const form = document.createElement("form");
  const price = document.createElement("input");
  Object.assign(price, { type: "number", min: 0, max: 100000, step: 0.01, required: true });
  price.value = (product.price_cents / 100).toFixed(2);
  price.setAttribute("aria-label", `Price of ${product.name}`);
  const save = document.createElement("button");
  save.textContent = "Save";
  save.setAttribute("aria-label", `Save the price of ${product.name}`);
  form.append(price, save);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const { name, stock, revision } = product;
    const edit = { name, stock, revision, price_cents: Math.round(price.valueAsNumber * 100) };
    change("PUT", product.id, edit, `${name} costs ${price.value} now, on every page that shows it.`);
  });
  return form;
}

function removeButton(product) {
  const button = document.createElement("button");
  button.textContent = "Remove";
  button.setAttribute("aria-label", `Remove ${product.name}`);
  button.addEventListener("click", () =>
    change("DELETE", product.id, {}, `${product.name} is gone, from every page that showed it.`),
  );
  return button;
}

async function change(method, id, body, news) {
  try {
    await send(method, `/products/${id}`, body);
    changed = id;
    say(news);
  } catch (error) {
    say(`${error.message}: this is how it is now.`);
  }
  await go(path);
}

async function add(event) {
  event.preventDefault();
  const form = event.target;
  const { name, brand, category, price } = Object.fromEntries(new FormData(form));
  try {
    const draft = { name, brand, category, stock: 40, price_cents: Math.round(price * 100) };
    const product = await send("POST", "/products", draft);
    changed = product.id;
    say(`${name} is there, on the pages of its category and brand.`);
    form.reset();
    element("view").value = "";
    await go(`/categories/${category}`);
  } catch (error) {
    say(error.message);
  }
}
