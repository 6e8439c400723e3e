import { Injectable } from '@nestjs/common';
import { afterEach, describe, expect, it } from '@jest/globals';
import { CacheConfigError } from '../../core/vocabulary/cache.errors.js';
import { ManualLoad, settle } from '../../../test/support/cache-with.js';
import { CachedMany } from './cached-many.decorator.js';
import { Cached } from './cached.decorator.js';
import { closeAll, decorate, startReported, startWith } from './decorators.fixture.js';

/** Everything but the ids `missing` and `none` exists. */
function nameOf(id: string): string | null | undefined {
  return id === 'missing' ? undefined : id === 'none' ? null : `name of ${id}`;
}

type Names = (string | null | undefined)[];

/** A fresh class each time: what a method has answered before is remembered for its class. */
function productService() {
  @Injectable()
  class ProductService {
    readonly calls: unknown[][] = [];

    @CachedMany({
      key: (id: string) => `product:${id}`,
      tags: (name: string | null, language: string) => [`${language}:${name?.length ?? 0}`],
    })
    async asMap(ids: readonly string[], language: string): Promise<Map<string, string | null>> {
      this.calls.push([ids, language]);
      return new Map(ids.flatMap((id) => (nameOf(id) === undefined ? [] : [[id, nameOf(id)!]])));
    }

    @CachedMany({ key: (id: number) => `record:${id}` })
    async asRecord(ids: number[]): Promise<Record<number, string>> {
      this.calls.push([ids]);
      return Object.fromEntries(ids.map((id) => [id, `name of ${id}`]));
    }

    @CachedMany({ key: (id: string) => `array:${id}` })
    asArray(ids: string[]): Names | Promise<Names> {
      this.calls.push([ids]);
      return ids.map(nameOf);
    }

    @CachedMany({ key: (id: string) => `declared:${id}`, returns: 'array' })
    async declared(ids: string[]): Promise<string[]> {
      this.calls.push([ids]);
      return ids;
    }

    @CachedMany({
      key: ({ shop, id }: { shop: string; id: number }) => `${shop}:${id}`,
      storeIf: (name: string) => name !== 'b',
    })
    async byObject(ids: { shop: string; id: number }[]): Promise<Map<object, string>> {
      this.calls.push([ids]);
      return new Map(ids.map((id) => [id, id.shop]));
    }

    @CachedMany({
      key: (id: string, language: string) => `${language}:${id}`,
      when: (_ids: string[], language: string) => language !== 'xx',
    })
    async inLanguage(ids: string[], language: string): Promise<Map<string, string>> {
      this.calls.push([ids, language]);
      return new Map(ids.map((id) => [id, `${language} ${id}`]));
    }

    @CachedMany({ key: (id: string) => id })
    async onlyFound(ids: string[]): Promise<string[]> {
      return ids.slice(1);
    }

    @CachedMany({ key: (id: string) => id, returns: 'map' })
    async otherwise(ids: string[]): Promise<unknown[]> {
      return ids;
    }

    @CachedMany({ key: (id: string) => id })
    async fails(ids: string[]): Promise<Map<string, string>> {
      throw new RangeError(ids.join());
    }
  }
  return ProductService;
}

afterEach(closeAll);

describe('@CachedMany', () => {
  it('asks the method for the missing ids only, with its other arguments', async () => {
    const { service } = await startWith(productService());
    await service.asMap(['a', 'b'], 'en');

    const answer = await service.asMap(['c', 'b', 'd', 'a'], 'en');

    expect(service.calls).toEqual([
      [['a', 'b'], 'en'],
      [['c', 'd'], 'en'],
    ]);
    expect([...answer]).toEqual(['c', 'b', 'd', 'a'].map((id) => [id, nameOf(id)]));
  });

  it('does not call the method when nothing is missing', async () => {
    const { service } = await startWith(productService());
    await service.asMap(['a'], 'en');

    const answer = await service.asMap(['a'], 'en');

    expect(answer).toEqual(new Map([['a', 'name of a']]));
    expect(service.calls).toHaveLength(1);
  });

  it('asks for an id once that is given twice', async () => {
    const { service } = await startWith(productService());

    const answer = await service.asArray(['a', 'b', 'a']);

    expect(service.calls).toEqual([[['a', 'b']]]);
    expect(answer).toEqual(['name of a', 'name of b', 'name of a']);
  });

  it('leaves out of a Map what does not exist, keeps null, and asks again only for the former', async () => {
    const { service } = await startWith(productService());
    await service.asMap(['none', 'missing'], 'en');

    const answer = await service.asMap(['none', 'missing'], 'en');

    expect([...answer]).toEqual([['none', null]]);
    expect(service.calls).toEqual([
      [['none', 'missing'], 'en'],
      [['missing'], 'en'],
    ]);
  });

  it('answers with an object where the method does', async () => {
    const { service } = await startWith(productService());
    await service.asRecord([1]);

    const answer = await service.asRecord([1, 2]);

    expect(answer).toEqual({ 1: 'name of 1', 2: 'name of 2' });
    expect(service.calls).toEqual([[[1]], [[2]]]);
  });

  it('answers with an array in the order of the ids where the method does, also a synchronous one', async () => {
    const { service } = await startWith(productService());
    await service.asArray(['b']);

    const answer: unknown = service.asArray(['a', 'missing', 'none', 'b']);

    expect(await answer).toEqual(['name of a', undefined, null, 'name of b']);
    expect(service.calls).toEqual([[['b']], [['a', 'missing', 'none']]]);
  });

  it('takes ids of any kind', async () => {
    const { service } = await startWith(productService());
    const [one, other] = [
      { shop: 'a', id: 1 },
      { shop: 'b', id: 1 },
    ];
    await service.byObject([{ ...one }, { ...other }]);

    const answer = await service.byObject([one, other]);

    expect([...answer]).toEqual([
      [one, 'a'],
      [other, 'b'],
    ]);
    expect(service.calls[1]).toEqual([[other]]);
  });

  it('makes keys of the other arguments, too, and leaves the cache alone when `when` answers false', async () => {
    const { service } = await startWith(productService());
    await service.inLanguage(['a'], 'en');
    await service.inLanguage(['a'], 'de');

    await service.inLanguage(['a'], 'xx');
    await service.inLanguage(['a'], 'xx');
    await service.inLanguage(['a'], 'de');

    expect(service.calls.map(([, language]) => language)).toEqual(['en', 'de', 'xx', 'xx']);
  });

  it('gives `tags` the value and the other arguments', async () => {
    const { service, cache } = await startWith(productService());

    await service.asMap(['a', 'none'], 'en');

    expect((await cache.getEntry('product:a'))?.tags).toEqual(['en:9']);
    expect((await cache.getEntry('product:none'))?.tags).toEqual(['en:0']);
  });

  it('asks the method about nothing when there are no ids and its shape is not known yet', async () => {
    const { service } = await startWith(productService());

    const answers = [await service.asArray([]), await service.asArray([])];

    expect(answers).toEqual([[], []]);
    expect(service.calls).toEqual([[[]]]);
  });

  it('asks for one id to learn the shape when all were stored before the method ever answered', async () => {
    const { service, cache } = await startWith(productService());
    await cache.setMany([
      ['array:a', 'stored a'],
      ['array:b', 'stored b'],
    ]);

    const answers = [await service.asArray(['a', 'b']), await service.asArray(['b'])];

    expect(answers).toEqual([['stored a', 'stored b'], ['stored b']]);
    expect(service.calls).toEqual([[['a']]]);
  });

  it('need not ask when `returns` says the shape', async () => {
    const { service, cache } = await startWith(productService());
    await cache.set('declared:a', 'stored a');

    const answers = [await service.declared(['a']), await service.declared([])];

    expect(answers).toEqual([['stored a'], []]);
    expect(service.calls).toEqual([]);
  });

  it('answers as the method does, stores nothing and reports it once, when an array has not one value for each id', async () => {
    const { service, cache, reports } = await startReported(productService());

    const answers = [await service.onlyFound(['a', 'b']), await service.onlyFound(['a', 'b'])];

    expect(answers).toEqual([['b'], ['b']]);
    expect(await cache.has('a')).toBe(false);
    expect(reports.map(({ message }) => message)).toEqual([
      expect.stringMatching(
        /^@CachedMany on ProductService\.onlyFound runs without the cache: the method answered 2 ids with 1 values/,
      ),
    ]);
  });

  it('asks the method for all ids when some were cached and its answer has not one value for each of the others', async () => {
    const { service, cache } = await startReported(productService());
    await cache.set('a', 'stored a');

    const answer = await service.onlyFound(['a', 'b', 'c']);

    expect(answer).toEqual(['b', 'c']);
  });

  it('answers as the method does when that has another shape than `returns` says, and reports it', async () => {
    const { service, reports } = await startReported(productService());

    const answer = await service.otherwise(['a']);

    expect(answer).toEqual(['a']);
    expect(reports[0]?.message).toMatch(/answers with an array, and `returns` says map/);
  });

  it('gives others that wait for one of its ids no error when its answer cannot be divided: they load it themselves', async () => {
    const load = new ManualLoad<string[]>();
    @Injectable()
    class Shared {
      @CachedMany({ key: (id: string) => `product:${id}` })
      many(_ids: string[]): Promise<string[]> {
        return load.run({ signal: AbortSignal.abort() });
      }

      @Cached({ key: (id: string) => `product:${id}` })
      async one(id: string): Promise<string> {
        return `name of ${id}`;
      }
    }
    const { service, reports } = await startReported(Shared);

    const many = service.many(['a', 'b']);
    await settle();
    const both = Promise.all([many, service.one('a')]);
    await settle();
    load.calls[0]?.resolve([]);

    expect(await both).toEqual([[], 'name of a']);
    expect(reports).toHaveLength(1);
  });

  it('leaves a first argument that is no array to the method, and reports it', async () => {
    const { service, reports } = await startReported(productService());

    const call = service.asArray('a' as never);

    await expect(call).rejects.toThrow(/ids\.map is not a function/);
    expect(reports[0]?.message).toMatch(/first argument to be an array of ids, got `a`\. Use @Cached/);
  });

  it('rejects with what the method threw', async () => {
    const { service } = await startWith(productService());

    await expect(service.fails(['a'])).rejects.toThrow(new RangeError('a'));
  });

  it('does not wait for itself when an override with the same keys calls `super`', async () => {
    const Base = productService();
    @Injectable()
    class Loud extends Base {
      @CachedMany({ key: (id: string) => `product:${id}` })
      override async asMap(ids: readonly string[], language: string): Promise<Map<string, string | null>> {
        return new Map([...(await super.asMap(ids, language))].map(([id, name]) => [id, `${name ?? ''}!`]));
      }
    }
    const { service } = await startWith(Loud);

    const answers = [await service.asMap(['a'], 'en'), await service.asMap(['a', 'b'], 'en')];

    expect(answers.map((answer) => [...answer.values()])).toEqual([['name of a!'], ['name of a!', 'name of b!']]);
    expect(service.calls).toEqual([
      [['a'], 'en'],
      [['b'], 'en'],
    ]);
  });

  it('loads an id once for concurrent calls', async () => {
    const { service } = await startWith(productService());

    await Promise.all([service.asMap(['a', 'b'], 'en'), service.asMap(['b', 'c'], 'en')]);

    expect(service.calls.flatMap(([ids]) => ids as string[]).sort()).toEqual(['a', 'b', 'c']);
  });

  it.each<[string, unknown, RegExp]>([
    ['no options', undefined, /`key` to be a function/],
    ['no key', { ttl: '1h' }, /`key` to be a function/],
    ['a key that is no function', { key: 'a' }, /`key` to be a function/],
    ['an unknown shape', { key: String, returns: 'list' }, /`returns` to be one of/],
    ['an unknown option', { key: String, keys: String }, /Unknown option `keys`/],
    ['a bad TTL', { key: String, ttl: 'soon' }, /`ttl` to be a TTL/],
  ])('refuses %s at once, naming the method', (_, options, message) => {
    const put = decorate(CachedMany(options as { key: () => string }), () => []);

    expect(put).toThrow(CacheConfigError);
    expect(put).toThrow(/^@CachedMany on ProductService\.find: /);
    expect(put).toThrow(message);
  });
});
