// A process with a cache, which tells how long close() takes and what it leaves, and must end by itself then.
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
  // A client of ioredis keeps a timer for a moment, to destroy what does not close.
  await new Promise((resolve) => setTimeout(resolve, 150));
  const resources = process.getActiveResourcesInfo();
  process.send({ state: 'closed', closedMs, rejections, resources }, () => process.disconnect());
});
