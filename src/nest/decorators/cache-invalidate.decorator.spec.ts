import { Injectable } from '@nestjs/common';
import { afterEach, describe, expect, it, jest } from '@jest/globals';
import { CacheConfigError, CacheUnavailableError } from '../../core/vocabulary/cache.errors.js';
import type { CacheService } from '../../core/cache.service.js';
import { CacheInvalidate } from './cache-invalidate.decorator.js';
import { CachePut } from './cache-put.decorator.js';
import { closeAll, decorate, startReported } from './decorators.fixture.js';

@Injectable()
class OrderService {
  cache: CacheService | undefined;
  readonly seen: unknown[] = [];

  @CacheInvalidate({
    namespace: 'orders',
    keys: (id: string) => [`order:${id}`],
    patterns: (id: string) => [`list:${id}:*`],
    namespaces: ['reports'],
    tags: (result: { owner: string }, id: string) => [`owner:${result.owner}`, `id:${id}`],
  })
  async cancel(id: string): Promise<{ owner: string }> {
    this.seen.push(await this.cache?.has('order:1', { namespace: 'orders' }));
    return { owner: `owner of ${id}` };
  }

  @CacheInvalidate({ keys: ['a', 'b'], tags: ['t'] })
  sync(): string | Promise<string> {
    return 'done';
  }

  @CacheInvalidate({ keys: ['a'] })
  async fails(): Promise<void> {
    throw new RangeError('x');
  }

  @CacheInvalidate({
    keys: ['a'],
    tags: (result: undefined, id: string) => [`${String(result)}:${id}`],
    when: 'before',
  })
  async before(_id: string): Promise<void> {
    this.seen.push(await this.cache?.has('a'), await this.cache?.has('tagged'));
    throw new RangeError('x');
  }

  @CacheInvalidate({ keys: ['a'], when: 'before' })
  @CachePut({ key: 'c' })
  @CacheInvalidate({ tags: ['t'] })
  async stacked(): Promise<number> {
    this.seen.push(await this.cache?.has('a'), await this.cache?.has('tagged'));
    return 2;
  }

  @CacheInvalidate({ tags: () => [] })
  async nothing(): Promise<string> {
    return 'done';
  }

  @CacheInvalidate({ keys: () => ['fine', ''] })
  async badKey(): Promise<void> {
    this.seen.push('ran');
  }

  @CacheInvalidate({
    keys: ['a'],
    tags: () => {
      throw new RangeError('tags');
    },
  })
  async badTags(): Promise<void> {
    this.seen.push('ran');
  }
}

async function filled() {
  const { service, cache, reports } = await startReported(OrderService);
  service.cache = cache;
  await cache.setMany(['a', 'b', 'c'].map((key) => [key, 1]));
  await cache.set('tagged', 1, { tags: ['t', 'undefined:1'] });
  return { service, cache, reports };
}

afterEach(closeAll);

describe('@CacheInvalidate', () => {
  it('invalidates keys, patterns, namespaces and tags after the method has run', async () => {
    const { service, cache } = await filled();
    const orders = cache.namespace('orders');
    await orders.setMany(['order:1', 'order:2', 'list:1:x', 'list:2:x'].map((key) => [key, 1]));
    await cache.set('order:1', 1);
    await cache.set('week', 1, { namespace: 'reports' });
    await cache.set('by owner', 1, { tags: ['owner:owner of 1'] });
    await cache.set('by id', 1, { tags: ['id:1'] });

    const answer = await service.cancel('1');

    expect(answer).toEqual({ owner: 'owner of 1' });
    expect(service.seen).toEqual([true]);
    expect([...(await orders.getMany(['order:1', 'order:2', 'list:1:x', 'list:2:x'])).keys()]).toEqual([
      'order:2',
      'list:2:x',
    ]);
    expect(await cache.has('week', { namespace: 'reports' })).toBe(false);
    expect([...(await cache.getMany(['order:1', 'by owner', 'by id', 'a'])).keys()]).toEqual(['order:1', 'a']);
  });

  it('makes a promise of what a synchronous method answers', async () => {
    const { service, cache } = await filled();

    const answer = await service.sync();

    expect(answer).toBe('done');
    expect([...(await cache.getMany(['a', 'b', 'c', 'tagged'])).keys()]).toEqual(['c']);
  });

  it('invalidates nothing when the method fails', async () => {
    const { service, cache } = await filled();

    await expect(service.fails()).rejects.toThrow(new RangeError('x'));

    expect(await cache.has('a')).toBe(true);
  });

  it('invalidates before the method runs when it is asked to, with `undefined` for a result', async () => {
    const { service } = await filled();

    await expect(service.before('1')).rejects.toThrow(new RangeError('x'));

    expect(service.seen).toEqual([false, false]);
  });

  it('may stand on a method several times, and with others', async () => {
    const { service, cache } = await filled();

    const answer = await service.stacked();

    expect(answer).toBe(2);
    expect(service.seen).toEqual([false, true]);
    expect([...(await cache.getMany(['a', 'c', 'tagged']))]).toEqual([['c', 2]]);
  });

  it('does nothing where a function names nothing', async () => {
    const { service, cache } = await filled();

    const answer = await service.nothing();

    expect(answer).toBe('done');
    expect(await cache.has('tagged')).toBe(true);
  });

  it('runs the method when a key cannot be, and reports it each time', async () => {
    const { service, reports } = await filled();

    await service.badKey();
    await service.badKey();

    expect(service.seen).toEqual(['ran', 'ran']);
    expect(reports.map(({ message }) => message)).toEqual(
      Array(2).fill(
        "@CacheInvalidate on OrderService.badKey did not invalidate what its `keys` should name: Expected the key to be a non-empty string, got ''.",
      ),
    );
  });

  it('reports what `tags` threw, and invalidates all else', async () => {
    const { service, cache, reports } = await filled();

    await service.badTags();

    expect(service.seen).toEqual(['ran']);
    expect(await cache.has('a')).toBe(false);
    expect(reports.map(({ message }) => message)).toEqual([
      '@CacheInvalidate on OrderService.badTags did not invalidate what its `tags` should name: tags',
    ]);
  });

  it('answers with the result when an invalidation cannot be recorded, and still tries the others', async () => {
    const { service, cache } = await filled();
    jest.spyOn(cache, 'deleteMany').mockRejectedValue(new CacheUnavailableError('no store'));

    const answer = await service.sync();

    expect(answer).toBe('done');
    expect(await cache.has('tagged')).toBe(false);
  });

  it.each<[string, unknown, RegExp]>([
    ['no options', undefined, /Nothing to invalidate/],
    ['no target', { when: 'after' }, /Nothing to invalidate/],
    ['an empty array', { keys: ['a'], tags: [] }, /`tags` to name at least one tag/],
    ['a key that is no string', { keys: [1] }, /key to be a string/],
    ['one key without an array', { keys: 'a' }, /`keys` to be an array of strings/],
    ['a pattern that is no glob', { patterns: ['[a'] }, /pattern/i],
    ['a namespace for nothing', { namespace: 'orders', tags: ['t'] }, /`namespaces: \['orders'\]`/],
    ['an unknown time', { keys: ['a'], when: 'later' }, /`when` to be one of 'after', 'before'/],
    ['an unknown option', { key: 'a' }, /Unknown option `key`. Did you mean `keys`/],
  ])('refuses %s at once, naming the method', (_, options, message) => {
    const put = decorate(CacheInvalidate(options as object), () => 1);

    expect(put).toThrow(CacheConfigError);
    expect(put).toThrow(/^@CacheInvalidate on ProductService\.find: /);
    expect(put).toThrow(message);
  });
});
