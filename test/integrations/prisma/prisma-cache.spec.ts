import { AsyncResource } from 'node:async_hooks';
import { beforeEach, describe, expect, it } from '@jest/globals';
import { invalidateTables, prismaCache, type PrismaCacheOptions } from '../../../src/prisma.js';
import { cacheWith, type CacheFixture } from '../../support/cache-with.js';
import { failingAdapter } from '../../support/failing-adapter.js';
import { FakeClient, FakeDecimal } from './fake-client.js';

let kit: CacheFixture;
let client: FakeClient;

function extended(options?: PrismaCacheOptions): FakeClient {
  const made = new FakeClient();
  (prismaCache(kit.cache, options) as unknown as (own: FakeClient) => FakeClient)(made);
  return made;
}

const posts = { include: { tags: true }, cacheStrategy: {} };
const read = (of = client): Promise<unknown> => of.run('Post', 'findMany', posts);
/** The number of calls that reach the database while `work` runs. */
async function callsOf(work: () => Promise<unknown>): Promise<number> {
  const before = client.calls.length;
  await work();
  return client.calls.length - before;
}
const misuse = (): string => kit.errors.map(({ message }) => message).join('\n');

beforeEach(() => {
  kit = cacheWith({ defaultTtl: '1h' });
  client = extended();
});

describe('a read', () => {
  it.each([
    ...['findMany', 'findFirst', 'findFirstOrThrow', 'findUnique', 'findUniqueOrThrow'],
    ...['count', 'aggregate', 'groupBy'],
  ])('with a strategy reaches the database once: %s', async (operation) => {
    const ask = (): Promise<unknown> => client.run('Post', operation, { where: { id: 1 }, cacheStrategy: {} });

    const results = [await ask(), await ask()];

    expect(results[1]).toEqual(results[0]);
    expect(client.calls).toEqual([{ model: 'Post', operation, args: { where: { id: 1 } } }]);
  });

  it.each([undefined, false])('with the strategy %s goes past the cache', async (cacheStrategy) => {
    await client.run('Post', 'findMany', { cacheStrategy: {} });

    expect(await callsOf(() => client.run('Post', 'findMany', { cacheStrategy }))).toBe(1);
  });

  it('is told from others by model, operation, arguments with their types, and database', async () => {
    const other = extended({ database: 'archive' });
    const ask = (model: string, operation: string, id: unknown, of = client): Promise<unknown> =>
      of.run(model, operation, { where: { id }, cacheStrategy: {} });
    const ids = [1, '1', 1n, null, new Date(1), '1970-01-01T00:00:00.001Z', new FakeDecimal('1'), Uint8Array.of(1)];

    for (const id of ids) await ask('Post', 'findMany', id);
    await ask('User', 'findMany', 1);
    await ask('Post', 'findFirst', 1);
    await ask('Post', 'findMany', 1, other);

    expect(client.calls).toHaveLength(ids.length + 2);
    expect(other.calls).toHaveLength(1);
  });

  it('has the TTL of its strategy, of the extension, or of the cache', async () => {
    client = extended({ ttl: '5m' });
    const short = (): Promise<unknown> => client.run('Post', 'count', { cacheStrategy: { ttl: '1m' } });
    const long = (): Promise<unknown> => client.run('Post', 'findMany', { cacheStrategy: {} });
    await Promise.all([short(), long()]);

    await kit.clock.advance(61_000);
    const after61s = [await callsOf(short), await callsOf(long)];
    await kit.clock.advance(240_000);

    expect(after61s).toEqual([1, 0]);
    expect(await callsOf(long)).toBe(1);
  });

  it('is invalidated by its own tags', async () => {
    const ask = (): Promise<unknown> => client.run('Post', 'count', { cacheStrategy: { tags: ['front-page'] } });
    await ask();

    await kit.cache.invalidateTags(['front-page']);

    expect(await callsOf(ask)).toBe(1);
  });

  it('gives decimals back, also in a process that has seen none', async () => {
    client.answer = () => [{ price: new FakeDecimal('1.10'), meta: { price: '1.10' } }];
    const first = await read();
    const again = await read();
    const other = extended();
    other.answer = client.answer;

    const inOther = [await read(other), await read(other)];

    for (const rows of [first, again, ...inOther]) {
      const [row] = rows as [{ price: FakeDecimal; meta: unknown }];
      expect(row.price).toBeInstanceOf(FakeDecimal);
      expect(row.price.toFixed()).toBe('1.10');
      expect(row.meta).toEqual({ price: '1.10' });
    }
    expect(client.calls).toHaveLength(1);
    // One query shows the class.
    expect(other.calls).toHaveLength(1);
  });

  it('rejects as the query does, and stores nothing', async () => {
    client.answer = () => {
      throw new Error('no connection');
    };
    await expect(read()).rejects.toThrow('no connection');
    client.answer = () => [];

    expect(await read()).toEqual([]);
  });

  it.each<[object, RegExp]>([
    [{ swr: 60 }, /Unknown option `cacheStrategy\.swr`/],
    [{ ttl: 'soon' }, /Expected `ttl`/],
    [{ tags: 'front-page' }, /tags/],
  ])('with the strategy %j runs uncached, and is reported', async (cacheStrategy, message) => {
    const ask = (): Promise<unknown> => client.run('Post', 'findMany', { cacheStrategy });

    expect([await callsOf(ask), await callsOf(ask)]).toEqual([1, 1]);
    expect(misuse()).toMatch(message);
  });
});

describe('a write', () => {
  it.each<[string, string, string, object]>([
    ['of the model', 'Post', 'create', { data: {} }],
    ['of a related model', 'Tag', 'updateMany', { data: {} }],
    ['nested in another', 'User', 'update', { data: { posts: { create: { title: 'new' } } } }],
    ['nested in a relation with the name of an argument', 'User', 'update', { data: { include: { create: {} } } }],
    ['that deletes a row whose rows go with it', 'User', 'delete', { where: { id: 1 } }],
    ['that deletes in a nested write', 'Tag', 'update', { data: { posts: { deleteMany: {} } } }],
  ])('%s invalidates', async (_, model, operation, args) => {
    await read();

    await client.run(model, operation, args);

    expect(await callsOf(read)).toBe(1);
  });

  it('of a model that is not read leaves a result alone', async () => {
    await read();

    await client.run('Log', 'create', { data: {} });
    await client.run('User', 'create', { data: { email: 'a' } });

    expect(await callsOf(read)).toBe(0);
  });

  it('is known by the name of its table', async () => {
    const ask = (): Promise<unknown> => client.run('User', 'count', { cacheStrategy: {} });
    await ask();

    await invalidateTables(kit.cache, ['users']);

    expect(await callsOf(ask)).toBe(1);
  });

  it.each([
    ['that the database refuses invalidates nothing', { code: 'P2002' }, 0],
    ['that Prisma refuses invalidates nothing', { name: 'PrismaClientValidationError' }, 0],
    ['whose outcome is unknown invalidates', { code: 'P1017' }, 1],
  ])('%s', async (_, error, calls) => {
    await read();
    client.answer = () => {
      throw Object.assign(new Error('failed'), error);
    };
    await expect(client.run('Post', 'create', { data: {} })).rejects.toThrow('failed');
    client.answer = () => [];

    expect(await callsOf(read)).toBe(calls);
  });

  it('makes a query that began before it store nothing', async () => {
    let finish: (() => void) | undefined;
    client.answer = () => new Promise((resolve) => (finish = () => resolve(['old'])));
    const slow = read();
    while (finish === undefined) await Promise.resolve();
    client.answer = () => ['new'];

    await client.run('Post', 'create', { data: {} });
    finish();

    expect(await slow).toEqual(['old']);
    expect(await read()).toEqual(['new']);
  });

  it('with a strategy is made, and is reported', async () => {
    await client.run('Post', 'create', { data: {}, cacheStrategy: { ttl: '1m' } });

    expect(client.calls).toEqual([{ model: 'Post', operation: 'create', args: { data: {} } }]);
    expect(misuse()).toMatch(/`cacheStrategy` is for reads: leave it out of `create` of `Post`/);
  });

  it('is never rejected by a cache that fails', async () => {
    kit = cacheWith({}, failingAdapter);
    client = extended();

    expect(await client.run('Post', 'create', { data: {} })).toEqual([{ id: 1 }]);
    expect(await read()).toEqual([{ id: 1 }]);
    expect(kit.errors.length).toBeGreaterThan(0);
  });
});

describe('a transaction', () => {
  const write = (): Promise<unknown> => client.run('Post', 'create', { data: {} });
  const entries = async (): Promise<number> => (await kit.cache.getStats()).totalEntries;

  it('reads past the cache, stores nothing, and invalidates after its commit', async () => {
    await read();
    const seen: number[] = [];

    await client.transaction(async () => {
      await write();
      seen.push(await callsOf(read), await callsOf(read), await entries());
    });

    expect(seen).toEqual([1, 1, 1]);
    expect(await callsOf(read)).toBe(1);
  });

  it('that is rolled back invalidates nothing, and leaves nothing behind', async () => {
    await read();

    const failed = client.transaction(async () => {
      await write();
      await client.run('User', 'findMany', { cacheStrategy: {} });
      throw new Error('no');
    });

    await expect(failed).rejects.toThrow('no');
    expect(await entries()).toBe(1);
    expect(await callsOf(read)).toBe(0);
  });

  it('in another invalidates after the commit of the outer one, too', async () => {
    const outside = new AsyncResource('OUTSIDE');

    await client.transaction(async () => {
      await client.transaction(write);
      // A reader that sees the rows before the outer commit.
      await outside.runInAsyncScope(() => kit.cache.set('k', 'old rows', { tags: ['table:Post'] }));
      expect(await entries()).toBe(1);
    });

    expect(await kit.cache.get('k')).toBeUndefined();
  });

  it('is invalidated although a transaction of the cache around it fails', async () => {
    await read();

    const failed = kit.cache.transaction(async () => {
      await client.transaction(write);
      throw new Error('no');
    });

    await expect(failed).rejects.toThrow('no');
    expect(await callsOf(read)).toBe(1);
  });

  it('of the client without the extension is not cached either', async () => {
    await client.$transaction(() => read());

    expect(await entries()).toBe(0);
  });
});

describe('the set-up', () => {
  it.each<[unknown, RegExp]>([
    [undefined, /Expected a CacheService for cached queries/],
    [{}, /Expected a CacheService for cached queries/],
  ])('refuses %s as a cache', (cache, message) => {
    expect(() => prismaCache(cache as never)).toThrow(message);
  });

  it.each<[object, RegExp]>([
    [{ swr: 5 }, /Unknown option `swr`/],
    [{ ttl: 'soon' }, /ttl/],
    [{ database: '' }, /Expected `database`/],
  ])('refuses the options %j', (options, message) => {
    expect(() => prismaCache(kit.cache, options)).toThrow(message);
  });

  it.each(['6.19.0', '8.0.0', undefined])('refuses Prisma %s', (version) => {
    const other = Object.assign(new FakeClient(), { _clientVersion: version });

    expect(() => prismaCache(kit.cache)(other as never)).toThrow(/Expected a client of Prisma 7/);
  });
});
