// A process in which many callers want the same value at once: crowd.mjs PORT CALLERS.

import { setTimeout as sleep } from 'node:timers/promises';
import { createClient } from 'redis';
import { Cache } from '../larder.mjs';

const [port, callers] = process.argv.slice(2).map(Number);
const client = await createClient({ socket: { host: '127.0.0.1', port } }).connect();
const cache = new Cache(client, { prefix: 'shop' });

const compute = async () => {
  const computation = await client.incr('computations');
  await sleep(500); // the work: long enough for all others to come
  return { computation };
};

// All processes begin together: when the last one has arrived.
await client.incr('arrived');
while (Number(await client.get('arrived')) < 2) await sleep(5);
const ask = () => cache.getOrCompute('page', compute, { ttl: 60_000 });
const answers = await Promise.all(Array.from({ length: callers }, ask));
console.log(JSON.stringify(answers));
client.destroy();
