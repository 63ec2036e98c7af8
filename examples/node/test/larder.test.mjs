import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { setTimeout as sleep } from 'node:timers/promises';
import { info, start, until } from './server.mjs';

const crowd = fileURLToPath(new URL('crowd.mjs', import.meta.url));
const value = async () => 'value';

test('values are kept as JSON under prefixed names', async t => {
  const server = await start(t);
  const cache = await server.cache();
  await cache.set('product:7', { name: 'Fahrrad – blau' }, { ttl: 60_000, grace: 30_000, tags: ['brand:3'] });
  assert.deepEqual(await cache.get('product:7'), { name: 'Fahrrad – blau' });
  assert.equal(await server.run('CACHE.GET', 'shop:product:7'), '{"name":"Fahrrad – blau"}');
  assert.deepEqual(await server.run('CACHE.TAGS', 'shop:product:7'), ['shop:brand:3']);
  const left = await server.run('PTTL', 'shop:product:7');
  assert.ok(left > 89_000 && left <= 90_000);
});

test('null is a value, undefined is kept as null, and what is not JSON is nothing', async t => {
  const server = await start(t);
  const cache = await server.cache();
  await cache.set('null', null);
  assert.equal(await cache.get('null'), null);
  assert.equal(await cache.get('absent'), undefined);
  assert.deepEqual([await cache.exists('null'), await cache.exists('absent')], [true, false]);
  assert.equal(await cache.getOrCompute('void', async () => {}), null);
  assert.equal(await cache.getOrCompute('void', value), null);
  await server.run('CACHE.SET', 'shop:foreign', '\u0001');
  assert.equal(await cache.get('foreign'), undefined);
  assert.equal(await cache.getOrCompute('foreign', value), 'value');
});

test('delete and clear take what they name and no more', async t => {
  const server = await start(t);
  const cache = await server.cache();
  for (const name of ['a', 'b', 'page:1', 'page:2', 'page*']) await cache.set(name, name);
  await server.run('SET', 'other:page:1', 'not ours');
  assert.equal(await cache.delete('a', 'absent'), 1);
  assert.equal(await cache.clear('page*'), 1);
  assert.equal(await cache.clear('page:'), 2);
  assert.equal(await cache.exists('b'), true);
  assert.equal(await cache.clear(), 1);
  assert.equal(await server.run('DBSIZE'), 1);
});

test('processes full of callers make one computation', async t => {
  const server = await start(t);
  const run = promisify(execFile);
  const processes = [1, 2].map(() => run(process.execPath, [crowd, server.port, 50], { timeout: 60_000 }));
  const answers = (await Promise.all(processes)).flatMap(({ stdout }) => JSON.parse(stdout));
  assert.deepEqual(answers, Array(100).fill({ computation: 1 }));
  assert.equal(await server.run('GET', 'computations'), '1');
});

test('a stale value is served while one caller refreshes it', async t => {
  const server = await start(t);
  const cache = await server.cache();
  let release, computed = 0;
  const released = new Promise(resolve => (release = resolve));
  const refresh = () => ((computed += 1), released.then(() => 'new'));
  await cache.set('page', 'old', { ttl: 60_000, grace: 60_000, tags: ['pages'] });
  await server.run('CACHE.MARKSTALE', 'shop:pages');
  for (let i = 0; i < 5; i += 1) assert.equal(await cache.getOrCompute('page', refresh, { ttl: 60_000 }), 'old');
  assert.equal(computed, 1);
  release();
  await until('refreshed', async () => (await cache.get('page')) === 'new');
});

test('the lease is renewed while a computation lasts', async t => {
  const server = await start(t);
  const caches = await Promise.all([server.cache({ lease: 300 }), server.cache({ lease: 300 })]);
  let computed = 0;
  const slow = async () => ((computed += 1), await sleep(1200), 'value');
  const answers = await Promise.all(caches.map(cache => cache.getOrCompute('k', slow, { ttl: 60_000 })));
  assert.deepEqual([answers, computed], [['value', 'value'], 1]);
});

test('a failure hands the lease to the next', async t => {
  const server = await start(t);
  const one = await server.cache({ lease: 60_000 });
  const two = await server.cache({ lease: 60_000, wait: 10_000 });
  let fail;
  const failing = () => new Promise((_, reject) => (fail = reject));
  const first = assert.rejects(one.getOrCompute('k', failing), /the source is gone/);
  await until('one computes', () => fail);
  const second = two.getOrCompute('k', value);
  await until('the second waits', async () => (await info(server, 'shop:k')).waiters === 1);
  fail(new Error('the source is gone'));
  await first;
  assert.equal(await second, 'value');
  assert.equal(await two.get('k'), 'value');
  assert.equal((await server.run('CLIENT', 'LIST')).match(/cmd=cache.getorlock/g), null);
});

test('in one process, too, a failure hands the lease to the next', async t => {
  const server = await start(t);
  const cache = await server.cache({ lease: 60_000 });
  const failing = async () => (await sleep(50), Promise.reject(new Error('gone')));
  const asked = [failing, value, value].map(compute => cache.getOrCompute('k', compute));
  const outcomes = (await Promise.allSettled(asked)).map(({ status }) => status);
  assert.deepEqual(outcomes, ['rejected', 'fulfilled', 'fulfilled']);
  assert.equal(await cache.get('k'), 'value');
});

test('a late computation is not kept, nor served to those who come after the invalidation', async t => {
  const server = await start(t);
  const cache = await server.cache();
  let release, began;
  const started = new Promise(resolve => (began = resolve));
  const slow = () => (began(), new Promise(resolve => (release = () => resolve('old'))));
  const old = cache.getOrCompute('k', slow, { tags: ['t'] });
  await started;
  await cache.invalidate('t');
  const next = cache.getOrCompute('k', async () => 'new', { tags: ['t'] });
  release();
  assert.deepEqual(await Promise.all([old, next]), ['old', 'new']);
  assert.equal(await cache.get('k'), 'new');
});

test('where nobody may wait, functions are called', async t => {
  const server = await start(t);
  const cache = await server.cache();
  await server.run('CACHE.GETORLOCK', 'shop:k', 'LEASE', 60_000);
  await server.run('CONFIG', 'SET', 'cache.max-waiters', 0);
  assert.equal(await cache.getOrCompute('k', value), 'value');
  const [, connections] = /total_connections_received:(\d+)/.exec(await server.run('INFO', 'stats'));
  assert.equal(Number(connections), 3); // two of the test's own, and one that tried to wait
});

test('where no connection for waiting can be had, functions are called', async t => {
  const server = await start(t);
  const cache = await server.cache();
  await server.run('CACHE.GETORLOCK', 'shop:k', 'LEASE', 60_000);
  await server.run('CONFIG', 'SET', 'maxclients', 2);
  const late = sleep(10_000, 'late', { ref: false });
  assert.equal(await Promise.race([cache.getOrCompute('k', value), late]), 'value');
});

test('cached functions', async t => {
  const server = await start(t);
  const cache = await server.cache();
  const calls = [];
  const keep = { name: 'square', ttl: 60_000, tags: n => [`number:${n}`] };
  const square = cache.cached(async n => (calls.push(n), n * n), keep);
  assert.deepEqual([await square(2), await square(2), await square(3)], [4, 4, 9]);
  await cache.invalidate('number:2');
  assert.deepEqual([await square(2), await square(3), calls], [4, 9, [2, 3, 2]]);
  await cache.delete(square.cacheKey(3));
  assert.deepEqual([await square(3), calls.length], [9, 4]);
  await square.cacheClear();
  assert.deepEqual([await square(2), await square(3), calls.length], [4, 9, 6]);
});

test('statistics', async t => {
  const server = await start(t);
  const cache = await server.cache();
  await cache.get('k');
  await cache.getOrCompute('k', value);
  for (let i = 0; i < 6; i += 1) await cache.get('k');
  const { hits, misses, bypasses, hitRate, averageMs, server: counted } = await cache.stats();
  assert.deepEqual([hits, misses, bypasses, hitRate], [6, 2, 0, 0.75]);
  assert.ok(averageMs > 0 && averageMs < 1000);
  assert.deepEqual([counted.hits, counted.fills], [6, 1]);
});

test('without Redis functions are called, and again kept when it is back', async t => {
  const server = await start(t);
  const cache = await server.cache();
  await cache.set('k', 'cached');
  await server.stop();
  for (let i = 0; i < 100; i += 1) assert.equal(await cache.getOrCompute('k', async () => i), i);
  assert.deepEqual([await cache.get('k'), await cache.exists('k')], [undefined, false]);
  assert.deepEqual((await cache.stats()).server, {});
  await assert.rejects(cache.invalidate('tag'));
  await start(t, { port: server.port });
  await until('kept', async () => (await cache.getOrCompute('k', value)) && (await cache.exists('k')));
});

test('Redis going away during a computation costs no answer', async t => {
  const server = await start(t);
  const cache = await server.cache();
  assert.equal(await cache.getOrCompute('k', async () => (await server.stop(), 'value')), 'value');
});

test('a server that hangs costs one timeout', async t => {
  const server = await start(t);
  const cache = await server.cache({ timeout: 300 });
  server.process.kill('SIGSTOP');
  const started = Date.now();
  for (let i = 0; i < 50; i += 1) assert.equal(await cache.getOrCompute(`${i}`, async () => i), i);
  assert.ok(Date.now() - started < 5000);
});

test('a server without the module is no reason to fail', async t => {
  const server = await start(t, { module: '' });
  const cache = await server.cache();
  assert.equal(await cache.getOrCompute('k', value), 'value');
});
