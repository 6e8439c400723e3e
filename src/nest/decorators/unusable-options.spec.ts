import { Injectable } from '@nestjs/common';
import { afterEach, expect, it } from '@jest/globals';
import type { CacheError } from '../../core/vocabulary/cache.errors.js';
import type { CacheService } from '../../core/cache.service.js';
import { CacheInvalidate } from './cache-invalidate.decorator.js';
import { CachePut } from './cache-put.decorator.js';
import { CachedMany } from './cached-many.decorator.js';
import { Cached } from './cached.decorator.js';
import { closeAll, startWith } from './decorators.fixture.js';

interface Row {
  id: string;
}
const tagsOf = (row: Row | null): string[] => [(row as Row).id];

/** Functions that are right for a row, and have not thought of the row that is not there. */
@Injectable()
class Rows {
  @Cached({ key: (id: string) => id, tags: tagsOf })
  async find(id: string): Promise<Row | null> {
    return rowOf(id);
  }

  @Cached({ key: (id: string) => id, storeIf: (row: Row | null) => (row as Row).id !== '' })
  async findSome(id: string): Promise<Row | null> {
    return rowOf(id);
  }

  @Cached({ key: (id: string) => id, ttl: (row: Row | null) => (row === null ? -5000 : 270_900.000_000_000_06) })
  async findFor(id: string): Promise<Row | null> {
    return rowOf(id);
  }

  @CachedMany({ key: (id: string) => id, tags: tagsOf })
  async findMany(ids: string[]): Promise<Map<string, Row | null>> {
    return new Map(ids.map((id) => [id, rowOf(id)]));
  }

  @CachePut({ key: (id: string) => id, tags: tagsOf })
  async put(id: string): Promise<Row | null> {
    return rowOf(id);
  }
}

function rowOf(id: string): Row | null {
  return id === 'none' ? null : { id };
}

const CALLS: Record<string, (rows: Rows, id: string) => Promise<unknown>> = {
  '@Cached with tags': (rows, id) => rows.find(id),
  '@Cached with storeIf': (rows, id) => rows.findSome(id),
  '@Cached with a TTL': (rows, id) => rows.findFor(id),
  '@CachedMany with tags': async (rows, id) => (await rows.findMany(['before', id, 'behind'])).get(id),
  '@CachePut with tags': (rows, id) => rows.put(id),
};

afterEach(closeAll);

async function started(): Promise<{ service: Rows; cache: CacheService; errors: CacheError[] }> {
  const errors: CacheError[] = [];
  return { ...(await startWith(Rows, { onError: (error) => errors.push(error) })), errors };
}

it.each(Object.entries(CALLS))(
  '%s answers with the value that its function cannot bear, reports it and stores the others (fault 14)',
  async (_, call) => {
    const { service, cache, errors } = await started();

    expect([await call(service, 'none'), await call(service, 'some')]).toEqual([null, { id: 'some' }]);

    expect(await cache.getEntry('none')).toBeUndefined();
    expect((await cache.getEntry('some'))?.value).toEqual({ id: 'some' });
    expect(errors.map(({ code }) => code)).toEqual(['CACHE_CONFIG_INVALID']);
  },
);

/** What JavaScript may answer where TypeScript asks for a text. */
const late = (async () => {
  throw new Error('too late');
}) as unknown as () => never;

@Injectable()
class LateRows {
  @Cached({ key: late })
  async cached(): Promise<string> {
    return 'row';
  }

  @CachedMany({ key: late })
  async many(ids: string[]): Promise<string[]> {
    return ids;
  }

  @CachePut({ key: late })
  async put(): Promise<string> {
    return 'row';
  }

  @CacheInvalidate({ keys: late, tags: late, methods: [{ name: 'cached', args: late }] })
  async change(): Promise<string> {
    return 'row';
  }
}

it('A function that answers with a promise, which rejects, ends no process: the methods run, and it is reported', async () => {
  const errors: CacheError[] = [];
  const { service } = await startWith(LateRows, { onError: (error) => errors.push(error) });

  const answers = await Promise.all([service.cached(), service.many(['a']), service.put(), service.change()]);
  // Node looks for rejections that nobody has handled when the microtasks are done.
  await new Promise((resolve) => setImmediate(resolve));

  expect(answers).toEqual(['row', ['a'], 'row', 'row']);
  expect(errors).toHaveLength(6);
});

/** A key that is the same for all objects: TypeScript lets them stand in a template. */
const ofAnObject = (query: object) => `search:${query as unknown as string}`;

@Injectable()
class Searches {
  @Cached({ key: ofAnObject })
  async find(query: object): Promise<object> {
    return query;
  }

  @CachedMany({ key: ofAnObject })
  async findMany(queries: object[]): Promise<object[]> {
    return queries;
  }

  @CachePut({ key: ofAnObject })
  async put(query: object): Promise<object> {
    return query;
  }
}

it.each<[string, (searches: Searches, query: object) => Promise<unknown>]>([
  ['@Cached on Searches.find', (searches, query) => searches.find(query)],
  ['@CachedMany on Searches.findMany', async (searches, query) => (await searches.findMany([query]))[0]],
  ['@CachePut on Searches.put', (searches, query) => searches.put(query)],
])('%s gives no object the answer to another, and says what to write', async (label, ask) => {
  const errors: CacheError[] = [];
  const { service } = await startWith(Searches, { onError: (error) => errors.push(error) });

  const answers = [await ask(service, { page: 1 }), await ask(service, { page: 2 })];

  expect(answers).toEqual([{ page: 1 }, { page: 2 }]);
  expect(errors[0]?.message).toMatch(new RegExp(`^${label}`));
  expect(errors[0]?.message).toContain(
    'got `search:[object Object]`, which is the same for all objects. Put the fields that matter into it, such as `search:${query.page}`',
  );
});
