// Slow pages made quick with larder.mjs. REDIS_URL names the server, PORT where to listen.

import { pathToFileURL } from 'node:url';
import { setTimeout as sleep } from 'node:timers/promises';
import express from 'express';
import { createClient } from 'redis';
import { Cache } from './larder.mjs';

const products = new Map([
  [7, { name: 'a blue bicycle', brand: 3 }],
  [8, { name: 'a bell', brand: 3 }],
  [9, { name: 'a lamp', brand: 4 }],
]);

// The application, on a connected client. `reads` collects what was asked of the slow source.
export function application(client, { delay = 300, reads = [] } = {}) {
  const cache = new Cache(client, { prefix: 'express' });
  const app = express();

  const readProduct = cache.cached(
    async id => {
      await sleep(delay);
      reads.push(`product ${id}`);
      return products.get(id) ?? null;
    },
    { name: 'product', ttl: 60_000, grace: 300_000, tags: id => [`product:${id}`] },
  );

  app.get('/products/:id', async (req, res) => {
    const product = await readProduct(Number(req.params.id));
    res.status(product ? 200 : 404).json(product);
  });

  // The whole response, by middleware.
  const kept = cache.middleware({ ttl: 60_000, grace: 300_000, tags: req => [`brand:${req.params.brand}`] });
  app.get('/brands/:brand', kept, async (req, res) => {
    await sleep(delay);
    reads.push(`brand ${req.params.brand}`);
    res.json([...products.values()].filter(({ brand }) => brand === Number(req.params.brand)));
  });

  app.put('/products/:id', async (req, res) => {
    const product = products.get(Number(req.params.id));
    if (!product) return res.status(404).json(null);
    product.name = String(req.query.name);
    res.json({ invalidated: await cache.invalidate(`product:${req.params.id}`, `brand:${product.brand}`) });
  });

  app.get('/stats', async (_, res) => res.json(await cache.stats()));
  return app;
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  const client = createClient({ url: process.env.REDIS_URL ?? 'redis://localhost', disableOfflineQueue: true });
  client.on('error', error => console.warn(error.message)); // it goes on trying
  client.connect();
  application(client).listen(Number(process.env.PORT ?? 3000), 'localhost');
}
