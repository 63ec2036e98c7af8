// A response cache on Larder, to be copied into your project. Needs a connected client of node-redis, 5 or newer.
// Reads do not fail: without Redis, or without the module, functions are simply called. Writes and invalidations
// reject. Times are milliseconds. Values come back as JSON makes them.
import { ErrorReply } from 'redis';

const [BUSY, AWAY, NOT_KEPT] = ['busy', 'away', 'not kept'].map(word => Symbol(word));
const encoded = value => JSON.stringify(value) ?? 'null';

export class Cache {
  #flights = new Map(); // by key: what this process computes or waits for
  #counts = { hits: 0, misses: 0, bypasses: 0, milliseconds: 0 };
  #awayUntil = 0;

  constructor(client, { prefix = '', lease = 5000, wait = 5000, timeout = 1000 } = {}) {
    Object.assign(this, { client, prefix, lease, wait, timeout });
  }

  name = word => (this.prefix ? `${this.prefix}:${word}` : word); // of a key or tag in Redis
  get = async key => this.#count(performance.now(), await this.#attempt(['CACHE.GET', this.name(key)]));
  set = (key, value, keep = {}) => this.#send(this.#storing(key, value, keep));
  delete = (...keys) => this.#send(['UNLINK', ...keys.map(this.name)]);
  exists = async key => (await this.#attempt(['CACHE.EXISTS', this.name(key)])) === 1;
  #send = (words, client = this.client) => client.sendCommand(words.map(String));
  invalidate = (...tags) => this.#send(['CACHE.INVALIDATE', ...tags.map(this.name)]);

  // Walks all keys of the server. Prefer a tag: one round trip, however many entries carry it.
  async clear(prefix = '') {
    const scan = { MATCH: this.name(prefix).replace(/[*?[\\]/g, '\\$&') + '*', COUNT: 1000 };
    let removed = 0;
    for await (const keys of this.client.scanIterator(scan)) removed += keys.length && (await this.client.unlink(keys));
    return removed;
  }

  // The value of a key, or else of `compute()`, which is called once however many ask.
  async getOrCompute(key, compute, keep = {}) {
    const end = performance.now() + this.wait;
    let answer = await this.#turn(key, compute, keep);
    for (let left = this.wait; answer === BUSY && left > 0; left = Math.floor(end - performance.now())) {
      const flight = this.#flights.get(key); // when it has landed, ask anew: it may bring what is invalidated by now
      answer = await (flight ? within(left, flight).then(() => this.#turn(key, compute, keep), () => undefined)
                             : this.#apart(key, compute, keep, left));
    }
    return answer === BUSY || answer === undefined ? JSON.parse(encoded(await compute())) : answer;
  }

  // Keeps what a function returns. `tags` and `key` may be functions of its arguments.
  cached(fn, { name = fn.name, key = (...args) => `${name}:${JSON.stringify(args)}`, tags = [], ...keep } = {}) {
    const tagged = args => [name, ...(typeof tags === 'function' ? tags(...args) : tags)];
    const call = (...args) => this.getOrCompute(key(...args), () => fn(...args), { ...keep, tags: tagged(args) });
    return Object.assign(call, { cacheKey: key, cacheClear: () => this.invalidate(name) });
  }

  // Express: keeps what GET handlers answer by `res.json` with 200. Requests that may be personal pass.
  middleware({ key = req => req.originalUrl, tags = () => [], ...keep } = {}) {
    return async (req, res, next) => {
      if (req.method !== 'GET' || req.headers.authorization || req.headers.cookie) return next();
      const handled = () => new Promise((resolve, reject) => {
        const json = res.json.bind(res);
        res.json = body => (res.statusCode === 200 ? resolve(body) : reject(NOT_KEPT), json(body));
        res.once('close', () => reject(NOT_KEPT));
        next();
      });
      const body = this.getOrCompute(key(req), handled, { ...keep, tags: tags(req), foreground: true });
      await body.then(body => res.headersSent || res.json(body), error => error === NOT_KEPT || next(error));
    };
  }

  async stats() {
    const { hits, misses, bypasses, milliseconds } = this.#counts;
    const [hitRate, averageMs] = [hits / (hits + misses || 1), milliseconds / (hits + misses + bypasses || 1)];
    const info = await this.#attempt(['INFO', 'cache']);
    const server = [...String(info).matchAll(/^cache_(\w+):(.*)\r$/gm)].map(([, name, value]) => [name, Number(value)]);
    return { hits, misses, bypasses, hitRate, averageMs, server: Object.fromEntries(server) };
  }

  async #turn(key, compute, keep, client = this.client, wait = 0) {
    const started = performance.now();
    const words = ['CACHE.GETORLOCK', this.name(key), 'LEASE', this.lease, 'WAIT', wait, 'BOUND'];
    const reply = await this.#attempt(words, client, wait);
    const [, text, token] = reply === AWAY ? [AWAY, AWAY, null] : reply;
    if (text === null && token === null) return BUSY;
    const value = this.#count(started, text);
    if (token === null) return value;
    const filled = this.#fly(key, this.#fill(key, token, compute, keep));
    if (value === undefined || keep.foreground) return filled;
    filled.catch(error => console.error(`refreshing ${key}:`, error));
    return value; // a stale one
  }

  // Waits for another process, on a connection that does nothing else meanwhile.
  async #apart(key, compute, keep, wait) {
    const own = this.client.duplicate({ socket: { ...this.client.options.socket, reconnectStrategy: false } });
    const turn = () => this.#turn(key, compute, { ...keep, foreground: true }, own, wait);
    const answered = own.on('error', () => {}).connect().then(turn, () => undefined);
    const answer = await this.#fly(key, answered).finally(() => own.isOpen && own.destroy());
    return answer === BUSY ? undefined : answer;
  }

  #fly(key, work) {
    const flight = work.catch(() => {}).finally(() => this.#flights.get(key) === flight && this.#flights.delete(key));
    this.#flights.set(key, flight);
    return work;
  }

  async #fill(key, token, compute, keep) {
    const renew = () => this.#attempt(['CACHE.RENEW', this.name(key), token, this.lease]);
    const renewal = setInterval(renew, this.lease / 3).unref();
    let command, outcome = AWAY;
    try {
      command = this.#storing(key, await compute(), keep, token);
      outcome = await this.#attempt(command);
    } finally {
      clearInterval(renewal);
      if (outcome === AWAY) await this.#attempt(['CACHE.UNLOCK', this.name(key), token]);
    }
    return JSON.parse(command[2]);
  }

  #storing(key, value, { ttl, grace, tags = [] }, token) {
    const options = Object.entries({ PX: ttl, PGRACE: grace, TOKEN: token }).filter(([, number]) => number).flat();
    return ['CACHE.SET', this.name(key), encoded(value), ...options, 'TAGS', tags.length, ...tags.map(this.name)];
  }

  #count(started, text) {
    let value;
    try {
      if (typeof text === 'string') value = JSON.parse(text);
    } catch {} // not JSON: somebody else's
    this.#counts[text === AWAY ? 'bypasses' : value === undefined ? 'misses' : 'hits'] += 1;
    this.#counts.milliseconds += performance.now() - started;
    return value;
  }

  async #attempt(words, client = this.client, wait = 0) {
    if (!client.isReady || performance.now() < this.#awayUntil) return AWAY;
    try {
      return await within(this.timeout + wait, this.#send(words, client));
    } catch (error) {
      if (!(error instanceof ErrorReply)) this.#awayUntil = performance.now() + 1000; // not everybody has to find out
      console.warn(`${words[0]}: ${error.message}`);
      return AWAY;
    }
  }
}

function within(milliseconds, promise) {
  let timer;
  const late = new Promise((_, reject) => (timer = setTimeout(reject, milliseconds, new Error('no answer in time'))));
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}
