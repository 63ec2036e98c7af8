// Buttons and sliders, but for those of the tags and the catalogue.

import { element, milliseconds, plural, say, send } from "/common.js";
import { connectTags } from "/tags.js";

const REQUESTS = 200;
// How long a slider rests before its value is sent.
const REST = 150;

export function connectControls() {
  element("redis-switch").addEventListener("click", switchRedis);
  element("stampede").addEventListener("click", stampede);
  connectSlider("delay", "delay_ms", (value) => milliseconds(Number(value)));
  connectSlider("visitors", "visitors", (value) => `${value} visitors per second`);
  connectTags();
}

// Takes over what another page has set, unless somebody is at the slider.
export function showSettings({ source, visitors }) {
  for (const [id, value] of [["delay", source.delay_ms], ["visitors", visitors]]) {
    const slider = element(id);
    if (slider.dataset.busy || slider.value === String(value)) continue;
    slider.value = value;
    slider.dispatchEvent(new Event("shown"));
  }
}

function connectSlider(id, field, format) {
  const slider = element(id);
  const show = () => (element(`${id}-value`).textContent = format(slider.value));
  let resting;
  slider.addEventListener("shown", show);
  slider.addEventListener("input", () => {
    show();
    slider.dataset.busy = "yes";
    clearTimeout(resting);
    resting = setTimeout(async () => {
      await send("PUT", "/settings", { [field]: Number(slider.value) }).catch((error) => say(error.message));
      delete slider.dataset.busy;
    }, REST);
  });
  show();
}

async function busy(button, work) {
  button.disabled = true;
  button.dataset.busy = "yes";
  try {
    await work();
  } catch (error) {
    say(error.message);
  } finally {
    delete button.dataset.busy;
    button.disabled = false;
  }
}

function switchRedis({ currentTarget: button }) {
  const stop = button.textContent.startsWith("Stop");
  return busy(button, async () => {
    await send("PUT", "/redis", { running: !stop });
    button.textContent = stop ? "Start Redis" : "Stop Redis";
    say(
      stop
        ? "Redis is gone. Every page is still answered, from the database."
        : "Redis is back, and empty. It fills as visitors come.",
    );
  });
}

function stampede({ currentTarget: button }) {
  return busy(button, async () => {
    element("stampede-cached").textContent = "…";
    element("stampede-uncached").textContent = "…";
    const { cached, uncached } = await send("POST", "/stampede", { requests: REQUESTS });
    const slowest = Math.max(cached.slowest_ms, uncached.slowest_ms);
    for (const [name, run] of [["cached", cached], ["uncached", uncached]]) {
      element(`stampede-${name}`).textContent = describe(run);
      element(`stampede-${name}-bar`).style.width = `${(run.slowest_ms / slowest) * 100}%`;
    }
  });
}

function describe({ queries, waited, slowest_ms }) {
  const parts = [plural(queries, "query")];
  if (waited > 0) parts.push(`${waited} waited`);
  parts.push(`slowest answer ${milliseconds(slowest_ms)}`);
  return parts.join(", ");
}
