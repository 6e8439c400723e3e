import { describe, expect, it } from '@jest/globals';
import { type CacheFixture, cacheWith, ManualLoad, settle } from '../../../test/support/cache-with.js';
import type { CacheOptions } from '../../cache-kit.options.js';
import { CacheSerializationError } from '../vocabulary/cache.errors.js';
import type { CacheAdapter, LoadTicket, StoredEntry } from '../ports/cache-adapter.port.js';

describe('a stored value that cannot be read', () => {
  it('is a miss of `get`, `getMany` and `getEntry`', async () => {
    const { cache } = await unreadable();

    expect(await cache.get('k')).toBeUndefined();
    expect(await cache.getMany(['k'])).toEqual(new Map());
    expect(await cache.getEntry('k')).toBeUndefined();
    expect((await cache.getStats()).totalMisses).toBe(2);
  });

  it('is not in the list, and keeps no other entry out of it', async () => {
    const { cache } = await unreadable();
    await cache.set('good', 'good');

    expect((await cache.list()).entries.map(({ key }) => key)).toEqual(['good']);
  });

  it('cannot be touched', async () => {
    const { cache } = await unreadable();

    expect(await cache.touch('k', '1m')).toBe(false);
  });

  it.each([
    ['getOrSet', (cache) => cache.getOrSet('k', () => 'loaded')],
    ['getOrSet that refreshes ahead', (cache) => cache.getOrSet('k', () => 'loaded', { refreshAhead: 0.9 })],
    [
      'getOrSet that validates',
      (cache) =>
        cache.getOrSet('k', () => 'loaded', { validate: (stored): stored is string => typeof stored === 'string' }),
    ],
    [
      'getOrSetMany',
      async (cache) => (await cache.getOrSetMany(['k'], async () => new Map([['k', 'loaded']]))).get('k'),
    ],
    ['refresh', (cache) => cache.refresh('k', ({ stale }) => (stale === undefined ? 'loaded' : 'stale'))],
  ] satisfies [string, (cache: CacheFixture['cache']) => Promise<unknown>][])(
    'is loaded by %s',
    async (_name, read) => {
      const { cache, errors, reason } = await unreadable();

      expect(await read(cache)).toBe('loaded');
      expect(errors).toContain(reason);
    },
  );

  it('is loaded where it is expired and might be served', async () => {
    const { cache, clock } = await unreadable({ staleWhileRevalidate: '1h' });
    await clock.advance(90_000);

    expect(await cache.getOrSet('k', () => 'loaded')).toBe('loaded');
  });

  it('is not served when the factory fails: the caller gets its error', async () => {
    const { cache, clock } = await unreadable({ staleIfError: '1h' });
    await clock.advance(90_000);

    await expect(cache.getOrSet('k', () => Promise.reject(new Error('down')))).rejects.toThrow('down');
  });

  it('is not served while the factory is slow: the caller gets its result', async () => {
    const { cache, clock } = await unreadable({ softTimeout: '1s', staleIfError: '1h' });
    await clock.advance(90_000);
    const load = new ManualLoad<string>();

    const value = cache.getOrSet('k', load.run);
    await clock.advance(1_000);
    await load.finish(0, 'loaded');

    expect(await value).toBe('loaded');
  });

  it('is loaded for all callers of a load that another process has finished', async () => {
    const { cache } = await unreadable({}, { isHidden: true });

    expect(await Promise.all([1, 2, 3].map((n) => cache.getOrSet('k', () => n)))).toEqual([1, 1, 1]);
  });
});

/**
 * A cache with an entry `k`, whose TTL is a minute, and with a type whose `from` fails for the value `bad`.
 * @param isHidden true when only `begin` finds the entry, as after another process has stored it
 */
async function unreadable(options: CacheOptions = {}, { isHidden = false } = {}) {
  const reason = new CacheSerializationError('$', 'There is no such currency.');
  const fixture = cacheWith(options, (adapter) => broken(adapter, reason, isHidden));
  await fixture.cache.set('k', 'bad', { ttl: '1m' });
  await settle();
  return { ...fixture, reason };
}

function broken(adapter: CacheAdapter, reason: Error, isHidden: boolean): CacheAdapter {
  const brokenEntry = <T extends StoredEntry | undefined>(entry: T): T =>
    entry?.shared === 'bad' ? brokenEntryOf(entry, reason) : entry;
  const get = async (key: string, namespace: string | undefined): Promise<StoredEntry | undefined> =>
    brokenEntry(await adapter.get(key, namespace));
  return {
    kind: 'broken',
    get: async (key, namespace) => (isHidden ? undefined : get(key, namespace)),
    getMany: (keys, namespace) => Promise.all(keys.map((key) => get(key, namespace))),
    begin: async (keys, namespace, request) => {
      const grant = await adapter.begin(keys, namespace, request);
      const tickets = grant.tickets.map((ticket): LoadTicket => {
        if (ticket.state === 'found') return { ...ticket, entry: brokenEntry(ticket.entry) };
        return ticket.state === 'granted' && ticket.current !== undefined
          ? { ...ticket, current: brokenEntry(ticket.current) }
          : ticket;
      });
      return { tickets, commit: (drafts) => grant.commit(drafts), release: () => grant.release() };
    },
    set: (drafts, namespace) => adapter.set(drafts, namespace),
    invalidate: (target, how) => adapter.invalidate(target, how),
    scan: async (query) => {
      const page = await adapter.scan(query);
      return { ...page, entries: page.entries.map(brokenEntry) };
    },
    usage: () => adapter.usage(),
    close: () => adapter.close(),
  };
}

function brokenEntryOf<T extends StoredEntry>(entry: T, reason: Error): T {
  const fail = (): never => {
    throw reason;
  };
  return new Proxy(entry, {
    get(target, name): unknown {
      if (name === 'read') return fail;
      if (name === 'shared') return fail();
      const found: unknown = Reflect.get(target, name, target);
      return typeof found === 'function' ? (found as () => unknown).bind(target) : found;
    },
  });
}
