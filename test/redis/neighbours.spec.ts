import { expect, it, jest } from '@jest/globals';
import { startRedis } from '../support/redis-servers.js';
import { cleanUpAfterEach, stopAfterTest, open } from './redis.fixture.js';

jest.setTimeout(30_000);
cleanUpAfterEach();

it('an invalidation spares a cache whose prefix is the prefix and name of this one (fault 34)', async () => {
  const { url } = await stopAfterTest(startRedis());
  const { cache: shop } = await open({ url, keyPrefix: 'shop' });
  const { cache: other } = await open({ url, keyPrefix: 'shop:default' }, { name: 'e' });
  await shop.set('k', 1, { namespace: 'e' });
  await other.set('k', 2);
  await other.set('k', 3, { namespace: 'n' });

  const counts = [
    await shop.invalidatePattern('*', { namespace: 'e' }),
    await shop.invalidatePattern('*'),
    await shop.invalidateNamespace('e'),
  ];

  expect(counts).toEqual([1, 0, 0]);
  expect([await other.get('k'), await other.get('k', { namespace: 'n' })]).toEqual([2, 3]);
});
