import { describe, expect, it } from '@jest/globals';
import { cacheWith, settle } from '../../../test/support/cache-with.js';
import type { CacheAdapter } from '../../core/ports/cache-adapter.port.js';
import { type OpenQuery, type Query, QueryCache } from './query-cache.js';

const USERS: Query = { identity: ['select * from user where id = $1', [1]], tables: ['user'] };

function queries(
  options: { ttl?: string; database?: string } = {},
  wrap?: (adapter: CacheAdapter) => CacheAdapter,
): ReturnType<typeof cacheWith> & { queryCache: QueryCache } {
  const fixture = cacheWith({}, wrap);
  const queryCache = new QueryCache(fixture.cache, { database: 'shop', ...options } as never);
  return { ...fixture, queryCache };
}

/** Looks a query up as an ORM does, and stores `result` where it must run. Returns the cached result, if any. */
async function ask(queryCache: QueryCache, query: Query, result: unknown): Promise<unknown> {
  const open = await queryCache.open(query);
  if (open.state === 'cached') return open.result;
  await open.store(result);
  return undefined;
}

describe('an open query', () => {
  it('is answered from the cache the second time', async () => {
    const { cache, queryCache } = queries();

    expect(await ask(queryCache, USERS, [{ id: 1 }])).toBeUndefined();
    expect(await ask(queryCache, USERS, [])).toEqual([{ id: 1 }]);
    expect(await cache.getStats()).toMatchObject({ totalHits: 1, totalMisses: 1 });
  });

  it.each<[string, Query]>([
    ['another parameter', { ...USERS, identity: [USERS.identity[0], [2]] }],
    ['a parameter of another type', { ...USERS, identity: [USERS.identity[0], ['1']] }],
    ['another text', { ...USERS, identity: ['select id from user where id = $1', [1]] }],
  ])('with %s is another one', async (_, other) => {
    const { queryCache } = queries();
    await ask(queryCache, USERS, 'first');

    expect(await ask(queryCache, other, 'second')).toBeUndefined();
  });

  it('of another database is another one', async () => {
    const { cache, queryCache } = queries();
    await ask(queryCache, USERS, 'first');

    expect(await ask(new QueryCache(cache, { database: 'archive' }), USERS, 'second')).toBeUndefined();
  });

  it.each<[string, (queryCache: QueryCache) => Promise<unknown>]>([
    ['a write to its table', (queryCache) => queryCache.invalidate(['user'])],
    ['an invalidation of its tag', (queryCache) => queryCache.invalidateTags(['mine'])],
    ['clear', (queryCache) => queryCache.clear()],
    ['a write in a transaction', (queryCache) => queryCache.transaction(() => queryCache.invalidate(['user']))],
  ])('is not stored when %s came before its end', async (_, change) => {
    const { queryCache } = queries();
    const query = { ...USERS, tags: ['mine'] };
    const open = (await queryCache.open(query)) as OpenQuery & { state: 'open' };

    await change(queryCache);
    await open.store('old');

    expect(await ask(queryCache, query, 'new')).toBeUndefined();
    expect(await ask(queryCache, query, 'newer')).toBe('new');
  });

  it('ends without a result when it is dropped, when nobody ends it, and with the cache', async () => {
    const { cache, clock, queryCache } = queries();
    const opened = [await queryCache.open(USERS), await queryCache.open(USERS), await queryCache.open(USERS)];
    const [dropped, forgotten, last] = opened as (OpenQuery & { state: 'open' })[];

    dropped?.drop();
    await dropped?.store('late');
    await clock.advance(60_000);
    await forgotten?.store('late');
    await cache.close();
    await last?.store('late');

    expect(await cache.list()).toEqual({ entries: [] });
  });

  it('has the TTL of the query, else that of the query cache', async () => {
    const { clock, queryCache } = queries({ ttl: '1m' });
    const short = { ...USERS, identity: ['short'], ttl: '1s' as const };
    await ask(queryCache, USERS, 'long');
    await ask(queryCache, short, 'short');

    await clock.advance(2_000);

    expect(await ask(queryCache, USERS, '')).toBe('long');
    expect(await ask(queryCache, short, '')).toBeUndefined();
  });

  it('in a transaction is neither read nor stored', async () => {
    const { cache, queryCache } = queries();
    await ask(queryCache, USERS, 'committed');
    const other = { ...USERS, identity: ['other'] };

    await queryCache.transaction(async () => {
      expect(queryCache.isBypassed).toBe(true);
      expect(await ask(queryCache, USERS, 'uncommitted')).toBeUndefined();
      expect(await ask(queryCache, other, 'uncommitted')).toBeUndefined();
    });

    expect(await ask(queryCache, USERS, '')).toBe('committed');
    expect(await ask(queryCache, other, '')).toBeUndefined();
    expect((await cache.getStats()).errors).toBe(0);
  });

  it('that cannot be a key runs, and the reason is reported', async () => {
    const { errors, queryCache } = queries();
    const query = { ...USERS, identity: ['select', [() => 1]] };

    expect(await ask(queryCache, query, 'first')).toBeUndefined();
    expect(await ask(queryCache, query, 'second')).toBeUndefined();
    expect(errors[0]?.message).toContain('no key can be made of its parameters');
  });

  it('on a closed cache runs', async () => {
    const { cache, queryCache } = queries();
    await ask(queryCache, USERS, 'stored');
    await cache.close();

    expect(await ask(queryCache, USERS, 'again')).toBeUndefined();
    expect(await queryCache.transaction(() => Promise.resolve('run'))).toBe('run');
    await queryCache.invalidate(['user']);
  });

  it('on a store that fails runs, and a write succeeds', async () => {
    const away = (): never => {
      throw new Error('away');
    };
    const { errors, queryCache } = queries({}, (adapter) =>
      Object.assign(Object.create(adapter) as CacheAdapter, { get: away, begin: away, set: away, invalidate: away }),
    );

    expect(await ask(queryCache, USERS, 'first')).toBeUndefined();
    await queryCache.invalidate(['user']);
    await queryCache.clear();

    expect(errors.length).toBeGreaterThan(2);
  });
});

describe('an answered query', () => {
  it('runs once for all who ask at the same time', async () => {
    const { queryCache } = queries();
    let runs = 0;
    const run = async (): Promise<number> => (await settle(), ++runs);

    expect(await Promise.all([queryCache.answer(USERS, run), queryCache.answer(USERS, run)])).toEqual([1, 1]);
    expect(await queryCache.answer(USERS, run)).toBe(1);
    await queryCache.invalidate(['user']);
    expect(await queryCache.answer(USERS, run)).toBe(2);
  });

  it('gives its error to its callers', async () => {
    const { queryCache } = queries();
    const failure = new Error('syntax');

    await expect(queryCache.answer(USERS, () => Promise.reject(failure))).rejects.toBe(failure);
  });
});

describe('a query cache', () => {
  it.each([[undefined], [null], [{}], ['default']])('refuses %p for a cache', (cache) => {
    expect(() => new QueryCache(cache as never, { database: 'shop' })).toThrow('inject: [CacheService]');
  });

  it.each([
    [{ database: '' }, 'database'],
    [{ database: undefined }, 'database'],
    [{ database: 'shop', ttl: 'soon' }, 'ttl'],
  ])('refuses %p', (options, name) => {
    expect(() => new QueryCache(cacheWith().cache, options as never)).toThrow(name);
  });
});
