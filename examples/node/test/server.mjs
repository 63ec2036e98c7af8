// A redis-server of a test's own: free port, temporary directory, gone at the end.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { createClient } from 'redis';
import { Cache } from '../larder.mjs';

const DEADLINE = 10_000;

export async function freePort() {
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const { port } = probe.address();
  probe.close();
  return port;
}

export async function until(what, condition) {
  const end = Date.now() + DEADLINE;
  while (!(await condition())) {
    if (Date.now() > end) throw new Error(`not in time: ${what}`);
    await sleep(10);
  }
}

// Starts a server for a test `t`; `cache()` makes caches on it, each with a connection of its own.
export async function start(t, { module = process.env.LARDER_MODULE, port } = {}) {
  if (module === undefined) throw new Error('LARDER_MODULE names the module to test');
  port ??= await freePort();
  const dir = await mkdtemp(join(tmpdir(), 'larder-node-'));
  const load = module ? ['--loadmodule', module] : [];
  const args = ['--port', port, '--bind', '127.0.0.1', '--save', '', '--dir', dir, ...load];
  const process_ = spawn(process.env.LARDER_SERVER ?? 'redis-server', args, { stdio: 'ignore' });
  const gone = once(process_, 'exit');
  const clients = [];
  const connect = async () => {
    const client = createClient({ socket: { host: '127.0.0.1', port }, disableOfflineQueue: true });
    clients.push(client.on('error', () => {}));
    await client.connect();
    return client;
  };
  const stop = () => process_.kill('SIGTERM') && gone;
  t.after(async () => {
    for (const client of clients) client.destroy();
    process_.kill('SIGCONT');
    await stop();
    await rm(dir, { recursive: true });
  });
  const raw = await connect();
  return {
    port,
    raw,
    connect,
    stop,
    process: process_,
    url: `redis://127.0.0.1:${port}`,
    run: (...words) => raw.sendCommand(words.map(String)),
    cache: async settings => new Cache(await connect(), { prefix: 'shop', ...settings }),
  };
}

// CACHE.INFO as an object; empty if there is nothing.
export async function info(server, key) {
  const reply = (await server.run('CACHE.INFO', key)) ?? {};
  if (!Array.isArray(reply)) return reply; // RESP3
  return Object.fromEntries(reply.flatMap((name, i) => (i % 2 ? [] : [[name, reply[i + 1]]])));
}
