import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { CacheService } from '../../../src/core/cache.service.js';
import { createCache } from '../../../src/index.js';
import { type RedisServer, startRedis } from '../../support/redis-servers.js';

let server: RedisServer;
let mine: CacheService;
let others: CacheService;

beforeAll(async () => {
  server = await startRedis();
  const open = (): Promise<CacheService> =>
    createCache({ backend: 'redis', redis: { url: server.url, commandTimeout: '5s' } });
  [mine, others] = await Promise.all([open(), open()]);
});

afterAll(async () => {
  await Promise.all([mine.close(), others.close()]);
  await server.stop();
});

describe('a set that is sent again, because another process has invalidated one of its tags', () => {
  it('does not bring back entries that were invalidated by another of its tags meanwhile', async () => {
    for (let round = 0; round < 50; round++) {
      await mine.setMany(
        Array.from({ length: 300 }, (_, i) => [`old-${i}`, round] as const),
        { tags: ['x'] },
      );
      await mine.set('warm', round, { tags: ['x', 'y'] });
      await others.invalidateTags(['y']);

      await Promise.all([mine.set('new', round, { tags: ['x', 'y'] }), mine.invalidateTags(['x'])]);

      expect(await others.getMany(['old-0', 'old-150', 'old-299'])).toEqual(new Map());
    }
  });
});
