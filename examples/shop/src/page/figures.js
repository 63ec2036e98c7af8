// The figures at the top.

import { latencies, spark } from "/charts.js";
import { element, milliseconds, whole } from "/common.js";

// How often the figures are read out, in answers of the server.
const READ_OUT_EVERY = 20;
// A single second is too short to be read off; the lines show those.
const RECENT = 5;

let seen = 0;

export function showFigures(live) {
  const { seconds, server, client, source } = live;
  const recent = seconds.slice(-RECENT);
  const last = (field) => recent.map((second) => second[field]).filter((value) => value !== null);
  const median = (values) => values.sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? null;
  const mean = (values) => values.reduce((sum, value) => sum + value, 0) / (values.length || 1);
  const shown = {
    cached: median(last("cached_ms")),
    uncached: median(last("uncached_ms")),
    hitRate: rate(seconds),
    queries: mean(last("queries")),
    answers: mean(last("answers")),
  };
  put("cached-ms", milliseconds(shown.cached));
  put("uncached-ms", milliseconds(shown.uncached));
  put("gain", gain(shown));
  put("hit-rate", shown.hitRate === null ? "–" : `${(shown.hitRate * 100).toFixed(1)} %`);
  put("queries", whole.format(shown.queries));
  put("answers", whole.format(shown.answers));
  put("entries", server ? whole.format(server.entries) : "–");
  put("tags", server ? whole.format(server.tags) : "–");
  put("queries-total", whole.format(source.queries));
  put("sets", whole.format(client.sets));
  draw(seconds);
  showRedis(live);
  if (seen++ % READ_OUT_EVERY === 5) readOut(shown);
}

export function showClosed() {
  showState("down", "The shop is closed");
  element("redis-switch").disabled = true;
}

function put(id, text) {
  element(id).textContent = text;
}

// Weighted by the answers, so that quiet seconds count for what they are.
function rate(seconds) {
  const busy = seconds.filter((second) => second.hit_rate !== null);
  const answers = busy.reduce((sum, second) => sum + second.answers, 0);
  if (answers === 0) return null;
  return busy.reduce((sum, second) => sum + second.hit_rate * second.answers, 0) / answers;
}

function gain({ cached, uncached }) {
  if (!cached || !uncached) return "–";
  const times = uncached / cached;
  if (times < 1.5) return "no faster";
  return `${times < 10 ? times.toFixed(1) : whole.format(times)} × faster`;
}

function draw(seconds) {
  const of = (field) => seconds.map((second) => second[field]);
  latencies(element("latency-plot"), of("cached_ms"), of("uncached_ms"));
  spark(element("hit-rate-plot"), "cache", of("hit_rate"), 1);
  spark(element("queries-plot"), "source", of("queries"), Math.max(10, ...of("queries")));
}

function showRedis({ redis, bypassed }) {
  if (!redis.running) {
    showState("down", "Redis is down, the database answers");
  } else if (bypassed) {
    showState("", "Redis is back, and will be used in a moment");
  } else {
    showState("up", "Redis is up");
  }
  put("redis-cli", `redis-cli -p ${redis.port}`);
  const button = element("redis-switch");
  if (button.dataset.busy) return;
  button.disabled = false;
  button.textContent = redis.running ? "Stop Redis" : "Start Redis";
}

// Written only when it changes, or it would be read out every second.
function showState(className, text) {
  const state = element("redis-state");
  if (state.textContent === text) return;
  state.className = `pill ${className}`;
  state.textContent = text;
}

function readOut({ hitRate, cached, uncached }) {
  if (hitRate === null) return;
  const share = `Hit rate ${Math.round(hitRate * 100)} percent.`;
  put("spoken", `${share} ${milliseconds(cached)} with the cache, ${milliseconds(uncached)} without.`);
}
