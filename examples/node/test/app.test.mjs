import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import { application } from '../app.mjs';
import { start } from './server.mjs';

async function serve(t) {
  const server = await start(t);
  const reads = [];
  const listening = application(await server.connect(), { reads, delay: 200 }).listen(0, '127.0.0.1');
  t.after(() => listening.close());
  await once(listening, 'listening');
  const ask = async (path, options) => {
    const response = await fetch(`http://127.0.0.1:${listening.address().port}${path}`, options);
    return [response.status, await response.json()];
  };
  return { server, reads, ask };
}

test('pages are kept until what they show changes', async t => {
  const { server, reads, ask } = await serve(t);
  const bicycle = { name: 'a blue bicycle', brand: 3 };
  assert.deepEqual([await ask('/products/7'), await ask('/products/7')], [[200, bicycle], [200, bicycle]]);
  assert.deepEqual(await ask('/brands/3'), await ask('/brands/3'));
  assert.deepEqual(reads, ['product 7', 'brand 3']);
  assert.deepEqual(await ask('/products/7?name=a+red+bicycle', { method: 'PUT' }), [200, { invalidated: 2 }]);
  assert.equal((await ask('/products/7'))[1].name, 'a red bicycle');
  assert.equal((await ask('/brands/3'))[1][0].name, 'a red bicycle');
  assert.deepEqual(reads.slice(2), ['product 7', 'brand 3']);
  const [, stats] = await ask('/stats');
  assert.deepEqual([stats.hits, stats.misses, stats.server.invalidations], [2, 4, 2]);
  await server.stop();
  assert.equal((await ask('/products/7'))[1].name, 'a red bicycle');
  assert.equal((await ask('/brands/3'))[1][0].name, 'a red bicycle');
});

test('fifty visitors wait for one computation', async t => {
  const { reads, ask } = await serve(t);
  for (const page of ['/products/8', '/brands/4']) {
    const answers = await Promise.all(Array.from({ length: 50 }, () => ask(page)));
    assert.equal(new Set(answers.map(answer => JSON.stringify(answer))).size, 1);
  }
  assert.deepEqual(reads, ['product 8', 'brand 4']);
});

test('what may be personal passes the middleware', async t => {
  const { reads, ask } = await serve(t);
  for (let i = 0; i < 2; i += 1) await ask('/brands/4', { headers: { cookie: 'session=1' } });
  assert.deepEqual(reads, ['brand 4', 'brand 4']);
});
