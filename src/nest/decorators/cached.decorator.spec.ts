import { Injectable } from '@nestjs/common';
import { afterEach, describe, expect, it } from '@jest/globals';
import { Observable, of } from 'rxjs';
import { CacheConfigError } from '../../core/vocabulary/cache.errors.js';
import { Cached } from './cached.decorator.js';
import { closeAll, decorate, start, startReported, startWith } from './decorators.fixture.js';

interface Product {
  id: string;
  price: number;
}

abstract class Counting {
  readonly calls: unknown[][] = [];

  protected count<T>(args: unknown[], result: T): T {
    this.calls.push(args);
    return result;
  }
}

@Injectable()
class ProductService extends Counting {
  readonly currency = 'EUR';

  @Cached()
  async byArguments(...args: unknown[]): Promise<number> {
    return this.count(args, this.calls.length);
  }

  @Cached({
    key: (id: string) => `product:${id}`,
    ttl: '5m',
    tags: (found: Product, id: string) => [`price:${found.price}`, `id:${id}`],
  })
  async find(id: string): Promise<Product> {
    return this.count([id], { id, price: id.length });
  }

  @Cached({ key: 'all', namespace: 'catalogue', tags: ['products'] })
  sync(): string[] {
    return this.count([], [this.currency]);
  }

  @Cached({ key: (id: string) => id })
  syncThrow(id: string): string {
    throw new RangeError(id);
  }

  @Cached({ when: (id: string) => id !== 'live' })
  async unlessLive(id: string): Promise<number> {
    return this.count([id], this.calls.length);
  }

  @Cached({ when: () => false })
  throwsUncached(): string {
    throw new RangeError('sync');
  }

  @Cached({ key: (id: string) => id, storeIf: (found: number, id: string) => found > Number(id) })
  async storeIf(id: string): Promise<number> {
    return this.count([id], 5);
  }

  @Cached({ key: (id: string) => id, ttl: (found: Product, id: string) => (id === 'none' ? 0 : found.price) })
  async ttlOf(id: string): Promise<Product> {
    return this.count([id], { id, price: 60_000 });
  }

  @Cached({ key: (id: string) => id, validate: (stored: unknown): stored is number => typeof stored === 'number' })
  async validated(id: string): Promise<number> {
    return this.count([id], 7);
  }

  @Cached({
    key(this: ProductService, id: string) {
      return `${this.currency}:${id}`;
    },
  })
  async byInstance(id: string): Promise<string> {
    return this.count([id], id);
  }

  @Cached({ key: (id: string) => id.slice(1) })
  async keyIsEmpty(id: string): Promise<string> {
    return this.count([id], id);
  }

  @Cached({
    when: (id: string) => {
      throw new RangeError(id);
    },
  })
  async whenThrows(id: string): Promise<string> {
    return this.count([id], id);
  }

  @Cached({ when: (async () => false) as never })
  async whenPromises(id: string): Promise<string> {
    return this.count([id], id);
  }

  @Cached()
  async observable(): Promise<unknown> {
    return of(1);
  }

  @Cached({ key: (id: string) => `unstorable:${id}` })
  async unstorable(id: string): Promise<object> {
    return this.count([id], { run: () => id });
  }

  @Cached({
    key: (id: string) => id,
    tags: (_: string, id: string) => {
      throw new RangeError(id);
    },
  })
  async tagsThrow(id: string): Promise<string> {
    return this.count([id], id);
  }

  @Cached({
    key: (id: string) => {
      throw new RangeError(id);
    },
  })
  async keyThrows(id: string): Promise<string> {
    return this.count([id], id);
  }

  @Cached({ key: (id: string) => id })
  async fails(id: string): Promise<string> {
    this.count([id], id);
    throw new RangeError(id);
  }

  @Cached({ key: (id: string) => id, hardTimeout: 1 })
  never(_id: string): Promise<string> {
    return new Promise(() => undefined);
  }
}

afterEach(closeAll);

describe('@Cached', () => {
  it('runs the method once for calls with equal arguments', async () => {
    const { service } = await startWith(ProductService);

    const answers = [
      await service.byArguments(1, { a: 1, b: 2 }),
      await service.byArguments(1, { b: 2, a: 1 }, undefined),
    ];

    expect(answers).toEqual([0, 0]);
    expect(service.calls).toEqual([[1, { a: 1, b: 2 }]]);
  });

  it('runs the method for each of different arguments', async () => {
    const { service } = await startWith(ProductService);

    const answers = [await service.byArguments(1), await service.byArguments('1'), await service.byArguments(1, null)];

    expect(answers).toEqual([0, 1, 2]);
  });

  it('runs the method once for concurrent calls', async () => {
    const { service } = await startWith(ProductService);

    await Promise.all(Array.from({ length: 100 }, () => service.find('a')));

    expect(service.calls).toEqual([['a']]);
  });

  it('uses class, method and arguments for a key', async () => {
    const { service, cache } = await startWith(ProductService);

    await service.byArguments(42, 'x');

    expect(await cache.has('ProductService.byArguments:[42,"x"]')).toBe(true);
  });

  it('uses the key that is made of the arguments', async () => {
    const { service, cache } = await startWith(ProductService);

    await service.find('a');

    expect(await cache.get('product:a')).toEqual({ id: 'a', price: 1 });
  });

  it('hands the instance to `key` as `this`', async () => {
    const { service, cache } = await startWith(ProductService);

    await service.byInstance('a');

    expect(await cache.get('EUR:a')).toBe('a');
  });

  it('makes a promise of what a synchronous method answers', async () => {
    const { service, cache } = await startWith(ProductService);

    const answer: unknown = service.sync();

    expect(answer).toBeInstanceOf(Promise);
    expect(await answer).toEqual(['EUR']);
    expect((await cache.getEntry('all', { namespace: 'catalogue' }))?.tags).toEqual(['products']);
  });

  it.each(['syncThrow', 'fails'] as const)(
    'rejects with what the method threw, and stores nothing: %s',
    async (method) => {
      const { service, cache } = await startWith(ProductService);

      await expect(service[method]('a')).rejects.toThrow(new RangeError('a'));

      expect(await cache.has('a')).toBe(false);
    },
  );

  it.each([
    [
      '`key` throws',
      (service: ProductService) => service.keyThrows('a'),
      'a',
      /@Cached on ProductService\.keyThrows runs without the cache: its `key` failed: a/,
    ],
    [
      '`key` answers no key',
      (service: ProductService) => service.keyIsEmpty('a'),
      'a',
      /ProductService\.keyIsEmpty .*Expected the key to be a non-empty string/,
    ],
    [
      'no key can be made of the arguments',
      (service: ProductService) => service.byArguments(() => 1),
      1,
      /ProductService\.byArguments .*Argument 1 is function.*Give the decorator a `key`/,
    ],
    [
      '`when` throws',
      (service: ProductService) => service.whenThrows('a'),
      'a',
      /ProductService\.whenThrows .*its `when` failed: a/,
    ],
    [
      '`when` answers with a promise',
      (service: ProductService) => service.whenPromises('a'),
      'a',
      /ProductService\.whenPromises runs without the cache: its `when` failed: it answered with a promise\. It has to answer at once\./,
    ],
  ])('runs the method without the cache, and reports it once, when %s', async (_, call, answer, message) => {
    const { service, cache, reports } = await startReported(ProductService);

    await call(service);

    expect(await call(service)).toBe(answer);
    expect(service.calls).toHaveLength(2);
    expect(reports).toEqual([
      expect.objectContaining({ code: 'CACHE_KEY_INVALID', message: expect.stringMatching(message) }),
    ]);
    expect((await cache.getStats()).errors).toBe(2);
  });

  it('answers with a result that cannot be stored, and reports it once with method, key and path', async () => {
    const { service, reports } = await startReported(ProductService);

    const answers = [await service.unstorable('a'), await service.unstorable('b')];

    expect(answers).toEqual([{ run: expect.any(Function) }, { run: expect.any(Function) }]);
    expect(reports).toEqual([expect.objectContaining({ code: 'CACHE_VALUE_UNSERIALIZABLE', path: '$.run' })]);
    expect(reports[0]?.message).toMatch(
      /^@Cached on ProductService\.unstorable: the value of `unstorable:a` is returned and not stored: \$\.run is a function/,
    );
  });

  it('answers with an Observable that no type tells of, and reports it with what to write', async () => {
    const { service, reports } = await startReported(ProductService);

    const answer = await service.observable();

    expect(answer).toBeInstanceOf(Observable);
    expect(reports[0]?.message).toMatch(
      /ProductService\.observable: .* is an Observable, which runs when it is subscribed to; store what it emits: `await firstValueFrom/,
    );
  });

  it('reports once what a function among the options makes of a result', async () => {
    const { service, reports } = await startReported(ProductService);

    await service.tagsThrow('a');
    await service.tagsThrow('a');

    expect(reports.map(({ message }) => message)).toEqual([
      expect.stringMatching(
        /^@Cached on ProductService\.tagsThrow: The function `tags` gave nothing that can be used for `a`.*: a$/,
      ),
    ]);
  });

  it('leaves the cache alone when `when` answers false', async () => {
    const { service, cache } = await startWith(ProductService);

    const answers = [
      await service.unlessLive('live'),
      await service.unlessLive('live'),
      await service.unlessLive('a'),
      await service.unlessLive('a'),
    ];

    expect(answers).toEqual([0, 1, 2, 2]);
    expect((await cache.getStats()).totalEntries).toBe(1);
  });

  it('rejects with what a synchronous method threw when `when` answers false', async () => {
    const { service } = await startWith(ProductService);

    await expect(service.throwsUncached()).rejects.toThrow(new RangeError('sync'));
  });

  it('gives `tags` the value and the arguments', async () => {
    const { service, cache } = await startWith(ProductService);

    await service.find('abc');

    expect((await cache.getEntry('product:abc'))?.tags).toEqual(['price:3', 'id:abc']);
  });

  it('gives `storeIf` the value and the arguments', async () => {
    const { service, cache } = await startWith(ProductService);

    const answers = [await service.storeIf('1'), await service.storeIf('9')];

    expect(answers).toEqual([5, 5]);
    expect([await cache.has('1'), await cache.has('9')]).toEqual([true, false]);
  });

  it('gives `ttl` the value and the arguments', async () => {
    const { service, cache } = await startWith(ProductService);

    await service.ttlOf('a');
    await service.ttlOf('none');

    const entry = (await cache.getEntry('a'))!;
    expect(Math.abs(entry.expiresAt!.getTime() - entry.createdAt.getTime() - 60_000)).toBeLessThan(1_000);
    expect(await cache.has('none')).toBe(false);
  });

  it('runs the method when the stored value does not pass `validate`', async () => {
    const { service, cache } = await startWith(ProductService);
    await cache.set('a', 'no number');

    const answer = await service.validated('a');

    expect(answer).toBe(7);
  });

  it('takes the options of a load', async () => {
    const { service } = await startWith(ProductService);

    await expect(service.never('a')).rejects.toMatchObject({ code: 'CACHE_LOAD_TIMEOUT' });
  });

  it('gives every caller a value of its own', async () => {
    const { service } = await startWith(ProductService);
    (await service.find('a')).price = -1;

    const { price } = await service.find('a');

    expect(price).toBe(1);
  });
});

class Base extends Counting {
  @Cached()
  async kind(id: string): Promise<string> {
    return this.count([id], `${this.constructor.name} ${id}`);
  }

  @Cached({ key: (id: string) => `shared:${id}` })
  async shared(id: string): Promise<string> {
    return this.count(['base', id], `base ${id}`);
  }

  @Cached({ key: (id: string) => `base:${id}` })
  async layered(id: string): Promise<string> {
    return this.count(['base', id], `base ${id}`);
  }
}
@Injectable()
class Books extends Base {}
@Injectable()
class Films extends Base {
  override async kind(id: string): Promise<string> {
    return `the ${await super.kind(id)}`;
  }
}
@Injectable()
class Songs extends Base {
  @Cached()
  override async kind(id: string): Promise<string> {
    this.count(['override', id], id);
    return `cached ${await super.kind(id)}`;
  }

  @Cached({ key: (id: string) => `shared:${id}` })
  override async shared(id: string): Promise<string> {
    return `songs ${await super.shared(id)}`;
  }

  @Cached({ key: (id: string) => `songs:${id}` })
  override async layered(id: string): Promise<string> {
    return `songs ${await super.layered(id)}`;
  }
}

describe('@Cached on an inherited method', () => {
  it('keeps what two subclasses answer apart', async () => {
    const app = await start([Books, Films]);

    const answers = [await app.get(Books).kind('1'), await app.get(Films).kind('1'), await app.get(Books).kind('1')];

    expect(answers).toEqual(['Books 1', 'the Films 1', 'Books 1']);
    expect(app.get(Books).calls).toEqual([['1']]);
  });

  it('caches what an override without decorator gets by `super`', async () => {
    const { service } = await startWith(Films);

    await service.kind('1');
    await service.kind('1');

    expect(service.calls).toEqual([['1']]);
  });

  it('caches a decorated override that calls `super`', async () => {
    const { service } = await startWith(Songs);

    const answers = [await service.kind('1'), await service.kind('1')];

    expect(answers).toEqual(['cached Songs 1', 'cached Songs 1']);
    expect(service.calls).toEqual([['override', '1'], ['1']]);
  });

  it('does not wait for itself when override and base use one key', async () => {
    const { service } = await startWith(Songs);

    const answers = [await service.shared('1'), await service.shared('1')];

    expect(answers).toEqual(['songs base 1', 'songs base 1']);
    expect(service.calls).toEqual([['base', '1']]);
  });

  it('keeps both values when override and base use different keys', async () => {
    const { service, cache } = await startWith(Songs);

    await service.layered('1');

    expect([await cache.get('songs:1'), await cache.get('base:1')]).toEqual(['songs base 1', 'base 1']);
  });
});

describe('@Cached refuses at once', () => {
  const one = (id: string) => id;
  const none = () => 1;

  it.each<[string, unknown, (...args: never[]) => unknown, RegExp]>([
    ['an unknown option', { tll: '5m' }, one, /Unknown option `tll`/],
    ['options that are no object', 'product', one, /to be an object/],
    ['a bad TTL', { ttl: '5 minutes' }, one, /`ttl` to be a TTL .* got `5 minutes`/],
    ['a bad duration', { staleIfError: -1 }, one, /`staleIfError` to be a duration/],
    ['a bad share', { refreshAhead: 2 }, one, /`refreshAhead`/],
    [
      'one key for all arguments',
      { key: 'product' },
      one,
      /With the one `key` 'product' the result for the first arguments/,
    ],
    [
      'one key for a parameter with a default (fault 9)',
      { key: 'product' },
      (page = 1) => page,
      /With the one `key` 'product' the result for the first arguments/,
    ],
    [
      'one key for a rest of parameters (fault 9)',
      { key: 'product' },
      (...ids: string[]) => ids.length,
      /With the one `key` 'product' the result for the first arguments/,
    ],
    ['an empty key', { key: '' }, none, /non-empty string/],
    ['a key that is no string', { key: 1 }, none, /`key` to be a string, or a function/],
    ['an empty cache name', { cache: '' }, none, /`cache` to be the name of a cache/],
    ['a namespace that is no string', { namespace: none }, none, /namespace to be a string/],
    ['a `when` that is no function', { when: true }, none, /`when` to be a function/],
    ['a tag that is no string', { tags: [1] }, none, /tag to be a string/],
    ['a `storeIf` that is no function', { storeIf: 1 }, none, /`storeIf` to be a function/],
  ])('%s, naming the method', (_, options, method, message) => {
    const put = decorate(Cached(options as object), method);

    expect(put).toThrow(CacheConfigError);
    expect(put).toThrow(/^@Cached on ProductService\.find: /);
    expect(put).toThrow(message);
  });

  it('a method named by a symbol without a key', () => {
    const put = () => {
      class Shop {
        @Cached()
        [Symbol('find')](): void {}
      }
      return Shop;
    };

    expect(put).toThrow(/^@Cached on Shop\.Symbol\(find\): .* needs a `key`/);
  });
});
