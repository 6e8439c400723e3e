import { Injectable } from '@nestjs/common';
import { afterEach, describe, expect, it, jest } from '@jest/globals';
import { until } from '../../../test/support/redis/until.js';
import { CacheConfigError, CacheUnavailableError } from '../../core/vocabulary/cache.errors.js';
import { CachePut } from './cache-put.decorator.js';
import { Cached } from './cached.decorator.js';
import { closeAll, decorate, startReported, startWith } from './decorators.fixture.js';

interface Product {
  id: string;
  price: number;
}

@Injectable()
class ProductService {
  readonly prices = new Map([['a', 1]]);
  readonly calls: unknown[][] = [];

  @Cached({ key: (id: string) => `product:${id}` })
  async find(id: string): Promise<Product> {
    return { id, price: this.prices.get(id) ?? 0 };
  }

  @CachePut({
    key: (id: string) => `product:${id}`,
    ttl: '1h',
    tags: (saved: Product, id: string) => [`price:${saved.price}`, `id:${id}`],
  })
  async setPrice(id: string, price: number): Promise<Product> {
    this.calls.push([id, price]);
    this.prices.set(id, price);
    return { id, price };
  }

  @CachePut({ key: 'settings', namespace: 'shop', ttl: 'forever', tags: ['settings'] })
  saveSettings(settings: object): object | Promise<object> {
    return settings;
  }

  @CachePut({ key: (id: string) => `product:${id}`, ttl: 20, keepStale: '1h' })
  async setForNow(id: string, price: number): Promise<Product> {
    return { id, price };
  }

  @CachePut({ key: (id: string) => `product:${id}` })
  async fails(id: string): Promise<Product> {
    throw new RangeError(id);
  }

  @CachePut({ key: (id: string) => `product:${id}` })
  async remove(id: string): Promise<void> {
    this.prices.delete(id);
  }

  @CachePut({ key: (id: string) => `product:${id}` })
  async raise(id: string): Promise<Product> {
    const { price } = await this.find(id);
    this.prices.set(id, price + 1);
    return { id, price: price + 1 };
  }

  @CachePut({ key: () => '' })
  async badKey(): Promise<void> {
    this.calls.push([]);
  }
}

afterEach(closeAll);

describe('@CachePut', () => {
  it('runs the method on every call, and stores what it answered', async () => {
    const { service } = await startWith(ProductService);
    await service.find('a');

    const answers = [await service.setPrice('a', 2), await service.setPrice('a', 3)];

    expect(answers).toEqual([
      { id: 'a', price: 2 },
      { id: 'a', price: 3 },
    ]);
    expect(service.calls).toHaveLength(2);
    service.prices.clear();
    expect(await service.find('a')).toEqual({ id: 'a', price: 3 });
  });

  it('keeps an expired result for as long as `keepStale` says (fault 17)', async () => {
    const { service, cache } = await startWith(ProductService);
    await service.setForNow('a', 5);
    await until(
      async () => !(await cache.has('product:a')),
      10_000,
      () => 'It never expired.',
    );

    const fallback = await cache.getOrSet('product:a', () => Promise.reject(new Error('The shop is down.')), {
      staleIfError: '1h',
    });

    expect(fallback).toEqual({ id: 'a', price: 5 });
  });

  it('gives `tags` the value and the arguments', async () => {
    const { service, cache } = await startWith(ProductService);

    await service.setPrice('a', 2);

    expect((await cache.getEntry('product:a'))?.tags).toEqual(['price:2', 'id:a']);
  });

  it('takes one key for a method with parameters, and stores with namespace, TTL and tags', async () => {
    const { service, cache } = await startWith(ProductService);

    await service.saveSettings({ dark: true });

    const entry = await cache.getEntry('settings', { namespace: 'shop' });
    expect(entry).toMatchObject({ value: { dark: true }, expiresAt: null, tags: ['settings'] });
  });

  it('changes nothing when the method fails, and rejects with its error', async () => {
    const { service } = await startWith(ProductService);
    await service.find('a');

    await expect(service.fails('a')).rejects.toThrow(new RangeError('a'));

    service.prices.clear();
    expect(await service.find('a')).toEqual({ id: 'a', price: 1 });
  });

  it('invalidates the key when the method answers with nothing', async () => {
    const { service } = await startWith(ProductService);
    await service.find('a');

    await service.remove('a');

    expect(await service.find('a')).toEqual({ id: 'a', price: 0 });
  });

  it('may read the same key while it runs', async () => {
    const { service } = await startWith(ProductService);

    await service.raise('a');

    expect(await service.find('a')).toEqual({ id: 'a', price: 2 });
  });

  it('runs the method, and reports it once, when its key cannot be', async () => {
    const { service, reports } = await startReported(ProductService);

    await service.badKey();
    await service.badKey();

    expect(service.calls).toHaveLength(2);
    expect(reports.map(({ message }) => message)).toEqual([
      expect.stringMatching(
        /^@CachePut on ProductService\.badKey runs without the cache: Expected the key to be a non-empty string/,
      ),
    ]);
  });

  it('answers with the result when the cache cannot even record that it failed', async () => {
    const { service, cache } = await startWith(ProductService);
    jest.spyOn(cache, 'writeThrough').mockImplementation(async (_key, write) => {
      await write();
      throw new CacheUnavailableError('no store');
    });

    const answer = await service.setPrice('a', 2);

    expect(answer).toEqual({ id: 'a', price: 2 });
  });

  it.each<[string, unknown, RegExp]>([
    ['no options', undefined, /`key` to be a string, or a function/],
    ['no key', { ttl: '1h' }, /`key` to be a string, or a function/],
    ['an unknown option', { key: 'a', storeIf: () => true }, /Unknown option `storeIf`/],
    ['a bad TTL', { key: 'a', ttl: 'soon' }, /`ttl` to be a TTL/],
    ['bad tags', { key: 'a', tags: 'a' }, /tags as an array/],
    ['a bad `keepStale`', { key: 'a', keepStale: 'long' }, /`keepStale` to be a duration/],
  ])('refuses %s at once, naming the method', (_, options, message) => {
    const put = decorate(CachePut(options as { key: string }), () => 1);

    expect(put).toThrow(CacheConfigError);
    expect(put).toThrow(/^@CachePut on ProductService\.find: /);
    expect(put).toThrow(message);
  });
});
