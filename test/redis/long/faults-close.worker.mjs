// A process with a cache. It reports the duration of close() and the remaining resources, and must then end by itself.
import { setTimeout as sleep } from 'node:timers/promises';
import { createCache } from 'nestjs-cache-kit';

const { redis, isBusy } = JSON.parse(process.argv[2]);
const cache = await createCache({ backend: 'redis', redis, onError: () => undefined });
await cache.getOrSet('k', () => 'stored');
process.send({ state: 'open' });

process.once('message', async () => {
  const calls = isBusy
    ? [
        cache.getOrSet('cold', () => 'loaded'),
        cache.get('k'),
        cache.delete('k'),
        cache.invalidateTags(['t']),
        cache.set('l', 1),
      ]
    : [];
  const outcomes = Promise.allSettled(calls);
  const startedMs = performance.now();
  await cache.close();
  const closedMs = performance.now() - startedMs;
  const rejections = (await outcomes).flatMap(({ reason }) => (reason === undefined ? [] : [String(reason)]));
  // A client of ioredis keeps a timer for a moment, to destroy sockets that do not close.
  await sleep(150);
  const resources = process.getActiveResourcesInfo();
  process.send({ state: 'closed', closedMs, rejections, resources }, () => process.disconnect());
});
