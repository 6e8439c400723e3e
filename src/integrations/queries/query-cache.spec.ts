import { describe, expect, it } from '@jest/globals';
import { type CacheFixture, cacheWith, ManualLoad, settle } from '../../../test/support/cache-with.js';
import type { CacheService } from '../../core/cache.service.js';
import { type Query, QueryCache } from './query-cache.js';
import { invalidateTables } from './table-tags.js';

const ORDERS: Query = { identity: ['select * from orders'], tables: ['orders'] };

function queriesWith(options: { database?: string } = {}): CacheFixture & { queries: QueryCache } {
  const fixture = cacheWith();
  return { ...fixture, queries: new QueryCache(fixture.cache, { database: 'shop', ...options }) };
}

/** Counts the runs of a query, which gives their number. */
function counted(): { count: number; run: () => Promise<number> } {
  const query = { count: 0, run: () => Promise.resolve(++query.count) };
  return query;
}

describe('a query cache', () => {
  it('answers a repeated query without running it', async () => {
    const { queries } = queriesWith();
    const query = counted();

    expect([await queries.answer(ORDERS, query.run), await queries.answer(ORDERS, query.run)]).toEqual([1, 1]);
  });

  it('tells parameters of a known place apart by value and type', async () => {
    const { queries } = queriesWith();
    const place = queries.place(ORDERS)!;
    const query = counted();
    const parameters = [[1], ['1'], [1n], [null], [NaN], [Infinity], [undefined, 1], [], [[1]], [new Date(1)]];

    for (const own of [...parameters, ...parameters]) await queries.answerAt(place, own, query.run);

    expect(query.count).toBe(parameters.length);
  });

  it('tells two databases apart', async () => {
    const { cache, queries } = queriesWith();
    const other = new QueryCache(cache, { database: 'other' });
    const query = counted();

    expect([await queries.answer(ORDERS, query.run), await other.answer(ORDERS, query.run)]).toEqual([1, 2]);
  });

  it('does not store a result when a table was written while the query ran', async () => {
    const { queries } = queriesWith();
    const slow = new ManualLoad<string>();
    const signal = new AbortController().signal;

    const answer = queries.answer(ORDERS, () => slow.run({ signal }));
    await settle();
    await queries.invalidateCommitted(['orders']);
    await slow.finish(0, 'old');

    expect(await answer).toBe('old');
    expect(await queries.answer(ORDERS, () => Promise.resolve('new'))).toBe('new');
  });

  it('reads and stores nothing in a transaction, and invalidates after it', async () => {
    const { queries } = queriesWith();
    const query = counted();
    await queries.answer(ORDERS, query.run);

    const seen = await queries.transaction(async () => {
      await queries.invalidate(['orders']);
      return [await queries.answer(ORDERS, query.run), await queries.answer(ORDERS, query.run)];
    });

    expect(seen).toEqual([2, 3]);
    expect(await queries.answer(ORDERS, query.run)).toBe(4);
  });

  it('invalidates nothing when the transaction fails', async () => {
    const { queries } = queriesWith();
    const query = counted();
    await queries.answer(ORDERS, query.run);

    const failed = queries.transaction(async () => {
      await queries.invalidate(['orders']);
      throw new Error('rolled back');
    });

    await expect(failed).rejects.toThrow('rolled back');
    expect(await queries.answer(ORDERS, query.run)).toBe(1);
  });

  it('invalidates what is committed at once, also when a transaction of the cache fails', async () => {
    const { cache, queries } = queriesWith();
    const query = counted();
    await queries.answer(ORDERS, query.run);

    const failed = cache.transaction(async () => {
      await queries.invalidateCommitted(['orders'], ['mine']);
      throw new Error('after the write');
    });

    await expect(failed).rejects.toThrow('after the write');
    expect(await queries.answer(ORDERS, query.run)).toBe(2);
  });

  it.each<[string, Query, RegExp]>([
    ['a TTL that is no duration', { ...ORDERS, ttl: -1 }, /`ttl`.*-1/],
    ['a tag that is no text', { ...ORDERS, tags: [7 as never] }, /tag/],
    ['a parameter without a value', { ...ORDERS, identity: ['sql', () => 1] }, /no key can be made of its parameters/],
  ])('runs a query with %s, and reports it once', async (_, query, message) => {
    const { queries, errors } = queriesWith();
    const runs = counted();

    expect([await queries.answer(query, runs.run), await queries.answer(query, runs.run)]).toEqual([1, 2]);

    expect(errors.map(({ code }) => code)).toEqual(['CACHE_CONFIG_INVALID']);
    expect(errors[0]?.message).toMatch(message);
  });

  it('reports a parameter of a known place that cannot be a part of a key, and runs the query', async () => {
    const { queries, errors } = queriesWith();

    expect(await queries.answerAt(queries.place(ORDERS)!, [() => 1], () => Promise.resolve('rows'))).toBe('rows');

    expect(errors).toHaveLength(1);
  });

  it('runs every query after the cache is closed, and reports nothing', async () => {
    const { cache, queries, errors } = queriesWith();
    const query = counted();
    await cache.close();

    await queries.answer(ORDERS, query.run);
    await queries.transaction(() => queries.invalidate(['orders']));
    await queries.invalidateCommitted(['orders']);

    expect(await queries.answer(ORDERS, query.run)).toBe(2);
    expect(errors).toEqual([]);
  });

  it.each([
    ['an object in place of a cache', {} as CacheService, { database: 'shop' }, 'Expected a CacheService'],
    ['an empty name', cacheWith().cache, { database: '' }, 'Expected `database`'],
    ['a wrong TTL', cacheWith().cache, { database: 'shop', ttl: '5 minutes' as never }, 'Expected `ttl`'],
  ])('refuses %s', (_, cache, options, message) => {
    expect(() => new QueryCache(cache, options)).toThrow(message);
  });
});

describe('the tags of tables', () => {
  const queryOn = async (query: Partial<Query>, written: string): Promise<boolean> => {
    const { cache, queries } = queriesWith();
    const runs = counted();
    const own = { ...ORDERS, ...query };
    await queries.answer(own, runs.run);
    await invalidateTables(cache, [written]);
    return (await queries.answer(own, runs.run)) === 2;
  };

  it.each<[string, Partial<Query>, string, boolean]>([
    ['the same table', { tables: ['orders'] }, 'orders', true],
    ['another table', { tables: ['orders'] }, 'users', false],
    ['the table of the query without its schema', { tables: ['shop.orders'] }, 'orders', true],
    ['the table of another schema', { tables: ['shop.orders'] }, 'old.orders', false],
    [
      'a table of some schema, where a person named the bare table',
      { tables: [], named: ['orders'] },
      'old.orders',
      true,
    ],
  ])('show whether a write of %s concerns a query', async (_, query, written, isInvalidated) => {
    expect(await queryOn(query, written)).toBe(isInvalidated);
  });
});
