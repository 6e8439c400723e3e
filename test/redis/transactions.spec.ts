import { describe, expect, it, jest } from '@jest/globals';
import { invalidateTables } from '../../src/index.js';
import { startRedis } from '../support/redis-servers.js';
import { cleanUpAfterEach, type OpenCache, open, openHybrid, stopAfterTest } from './redis.fixture.js';

jest.setTimeout(30_000);
cleanUpAfterEach();

/** A promise, and the function that resolves it. */
function gate(): { readonly opened: Promise<void>; open(): void } {
  let resolve!: () => void;
  return { opened: new Promise<void>((done) => (resolve = done)), open: () => resolve() };
}

describe.each<[string, (url: string) => Promise<OpenCache>]>([
  ['redis', (url) => open({ url })],
  ['hybrid', (url) => openHybrid({ url })],
])('a transaction on %s', (_, openOne) => {
  it('is seen by another process at its end: no value that was loaded before it is left', async () => {
    const { url } = await stopAfterTest(startRedis());
    const [{ cache: writer, errors }, { cache: reader }] = [await openOne(url), await openOne(url)];
    await writer.set('set', 'old');
    await writer.set('tagged', 'old', { tags: ['table:order'] });
    const [changed, loading] = [gate(), gate()];

    const transaction = writer.transaction(async () => {
      await writer.set('set', 'new');
      await invalidateTables(writer, ['order']);
      await changed.opened;
    });
    const during = await reader.getMany(['set', 'tagged']);
    const load = reader.getOrSet('loaded', () => loading.opened.then(() => 'old'), { tags: ['table:order'] });
    // The load has begun when its factory runs; the other process ends its transaction after that.
    await new Promise((resolve) => setTimeout(resolve, 100));
    changed.open();
    await transaction;
    loading.open();

    expect(during).toEqual(
      new Map([
        ['set', 'old'],
        ['tagged', 'old'],
      ]),
    );
    expect(await load).toBe('old');
    expect(await reader.getOrSet('loaded', () => 'new', { tags: ['table:order'] })).toBe('new');
    // A near copy may be as old as `maxStaleness`.
    await new Promise((resolve) => setTimeout(resolve, 1_100));
    expect(await reader.getMany(['set', 'tagged'])).toEqual(new Map([['set', 'new']]));
    expect(errors).toEqual([]);
  });

  it('that fails changes nothing for any process', async () => {
    const { url } = await stopAfterTest(startRedis());
    const [{ cache: writer }, { cache: reader }] = [await openOne(url), await openOne(url)];
    await writer.set('k', 'old');

    const failing = writer.transaction(async () => {
      await writer.clear();
      await writer.getOrSet('k', () => 'uncommitted');
      throw new Error('rolled back');
    });

    await expect(failing).rejects.toThrow('rolled back');
    expect([await writer.get('k'), await reader.get('k')]).toEqual(['old', 'old']);
  });
});
