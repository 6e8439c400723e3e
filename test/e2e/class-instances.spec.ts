import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Injectable } from '@nestjs/common';
import { internalsOf } from '../../src/core/cache-internals.js';
import { memoryAdapter } from '../../src/create-cache.js';
import {
  Cached,
  CacheError,
  CacheKitModule,
  type CacheKitOptions,
  CacheSerializationError,
  type CacheService,
  createCache,
} from '../../src/index.js';
import { fileAdapter } from '../../src/file.js';
import { hybridAdapter, redisAdapter } from '../../src/redis.js';
import { resolve } from '../support/nest-app.js';
import { until } from '../support/redis/until.js';
import { type RedisServer, startRedis } from '../support/redis-servers.js';

let server: RedisServer;
const files = mkdtempSync(join(tmpdir(), 'cache-kit-instances-'));
let caches = 0;

beforeAll(async () => {
  server = await startRedis();
});

afterAll(() => server.stop());
afterAll(() => rmSync(files, { recursive: true, force: true }));

const columns = new Map<object, string[]>();

/** A decorator like that of an ORM: it records the column and does not change the field. */
function Column(): PropertyDecorator {
  return (prototype, name) => void columns.set(prototype, [...(columns.get(prototype) ?? []), String(name)]);
}

class Profile {
  @Column()
  city!: string;

  describe(): string {
    return `lives in ${this.city}`;
  }
}

class Post {
  @Column()
  title!: string;

  @Column()
  writtenAt!: Date;

  author?: User;
}

class User {
  @Column()
  id!: number;

  @Column()
  password!: string;

  @Column()
  createdAt!: Date;

  profile?: Profile;

  posts?: Post[] | Promise<Post[]>;

  /** Plain object for a serializer. */
  toJSON(): object {
    return { id: this.id };
  }
}

class Price {
  readonly #cents: bigint;

  constructor(cents: bigint) {
    this.#cents = cents;
  }

  get cents(): bigint {
    return this.#cents;
  }
}

const PRICE = {
  name: 'Price',
  class: Price,
  to: (price: Price) => price.cents,
  from: (cents: bigint) => new Price(cents),
};

function ann(): User {
  const user = Object.assign(new User(), { id: 1, password: 'hash', createdAt: new Date(1_000) });
  user.profile = Object.assign(new Profile(), { city: 'Rome' });
  user.posts = [1, 2].map((n) =>
    Object.assign(new Post(), { title: `Post ${n}`, writtenAt: new Date(n), author: user }),
  );
  return user;
}

const redis = (): { url: string; keyPrefix: string } => ({ url: server.url, keyPrefix: `instances-${++caches}` });
const file = (): { directory: string } => ({ directory: join(files, String(++caches)) });
const encryption = { keys: [{ id: 'a', secret: 'a secret of these few tests' }] };

const BACKENDS: readonly [name: string, options: () => CacheKitOptions][] = [
  ['memory', () => ({})],
  ['memory, frozen', () => ({ memory: { isolation: 'freeze' } })],
  ['memory, shared', () => ({ memory: { isolation: 'none' } })],
  ['memory, as an adapter', () => ({ adapter: memoryAdapter() })],
  ['redis', () => ({ backend: 'redis', redis: redis() })],
  [
    'redis, compressed and encrypted',
    () => ({ backend: 'redis', redis: redis(), compression: { threshold: 16 }, encryption }),
  ],
  ['hybrid', () => ({ backend: 'hybrid', redis: redis() })],
  ['file', () => ({ backend: 'file', file: file() })],
  [
    'file, compressed and encrypted',
    () => ({ backend: 'file', file: file(), compression: { threshold: 16 }, encryption }),
  ],
  ['a Redis adapter made by hand', () => ({ adapter: redisAdapter(redis()) })],
  ['a file adapter made by hand', () => ({ adapter: fileAdapter({ ...file(), encryption }) })],
  ['a hybrid adapter made by hand', () => ({ adapter: hybridAdapter({ ...redis(), encryption }) })],
];

describe.each(BACKENDS)('with %s', (name, optionsOf) => {
  const isolates = name !== 'memory, shared';

  /** Runs `work` with a cache, and returns the errors passed to `onError`. */
  async function using(options: CacheKitOptions, work: (cache: CacheService) => Promise<void>): Promise<CacheError[]> {
    const errors: CacheError[] = [];
    const cache = await createCache({ ...optionsOf(), ...options, onError: (error) => errors.push(error) });
    try {
      await until(
        async () => (await cache.getStats()).status === 'up',
        10_000,
        () => 'The cache was not up in time.',
      );
      await work(cache);
    } finally {
      await cache.close();
    }
    return errors;
  }

  it('an entity comes back as one, with all that it holds, every time', async () => {
    const errors = await using({ types: [User, Profile, Post] }, async (cache) => {
      await cache.set('k', ann());

      const isFromMemory = async (): Promise<boolean> => ((await cache.getStats()).tiers[0]?.hits ?? 0) > 1;
      const readOnce = async (): Promise<void> => {
        const user = (await cache.get<User>('k'))!;
        const [post] = user.posts as Post[];

        expect(user).toBeInstanceOf(User);
        expect([user.password, user.createdAt, user.profile?.describe()]).toEqual([
          'hash',
          new Date(1_000),
          'lives in Rome',
        ]);
        expect([post?.title, post?.writtenAt, post?.author === user]).toEqual(['Post 1', new Date(1), true]);
        expect(post).toBeInstanceOf(Post);
        expect(JSON.stringify(user)).toBe('{"id":1}');
      };
      // With hybrid first from the far tier, then from near copies.
      await until(
        async () => (await readOnce(), await isFromMemory()),
        10_000,
        () => 'No value came from the first tier in time.',
      );
      const read = await cache.getMany<User>(['k']);
      expect(read.get('k')?.profile).toBeInstanceOf(Profile);
    });

    expect(errors).toEqual([]);
  });

  if (isolates)
    it('nobody changes the entity of another', async () => {
      await using({ types: [User, Profile, Post] }, async (cache) => {
        await cache.set('k', ann());
        for (let i = 0; i < 5; i++) {
          const user = (await cache.get<User>('k'))!;
          expect(user.profile?.city).toBe('Rome');
          Reflect.set(user.profile ?? {}, 'city', 'changed');
        }
      });
    });

  it('an instance that is made by `from` comes back, with every way of reading', async () => {
    const errors = await using({ types: [PRICE, Post] }, async (cache) => {
      const value = () => ({ price: new Price(250n), posts: [Object.assign(new Post(), { title: 'a' })] });
      await cache.set('k', value());
      const loaded = await Promise.all(
        [1, 2, 3].map(() => cache.getOrSet('loaded', async () => value(), { tags: ['t'] })),
      );
      await cache.touch('k', '1m');

      const reads = [
        await cache.get('k'),
        await cache.get('k'),
        (await cache.getEntry('k'))?.value,
        (await cache.getMany(['k'])).get('k'),
        await cache.getOrSet('loaded', () => 0),
        ...loaded,
      ];
      for (const read of reads as ReturnType<typeof value>[]) {
        expect(read.price).toBeInstanceOf(Price);
        expect([read.price.cents, read.posts[0]?.title]).toEqual([250n, 'a']);
      }
      expect(
        await cache.getOrSet('k', () => 0, {
          validate: (stored): stored is number => (stored as ReturnType<typeof value>).price.cents !== 250n,
        }),
      ).toBe(0);
    });

    expect(errors).toEqual([]);
  });

  if (isolates)
    it('a `from` that fails is a miss, which is reported and breaks no call', async () => {
      const broken = { ...PRICE, from: (): Price => { throw new Error('no such currency'); } }; // prettier-ignore
      const errors = await using({ types: [broken] }, async (cache) => {
        const price = new Price(1n);
        await cache.set('k', { price });

        expect(await cache.get('k')).toBeUndefined();
        expect(await cache.getEntry('k')).toBeUndefined();
        expect(await cache.getMany(['k'])).toEqual(new Map());
        expect(await Promise.all([1, 2].map(() => cache.getOrSet('k', async () => price)))).toEqual([price, price]);
        expect((await cache.list()).entries).toEqual([]);
      });

      expect(errors.length).toBeGreaterThan(0);
      expect(
        errors.every(
          (error) =>
            error instanceof CacheSerializationError && error.message.includes('`from` of the type `Price` failed'),
        ),
      ).toBe(true);
    });

  it('a relation that is not loaded yet is refused by its path', async () => {
    await using({ types: [User] }, async (cache) => {
      const lazy = Object.assign(new User(), { id: 1, posts: Promise.resolve([]) });

      await expect(cache.set('k', { list: [lazy] })).rejects.toThrow(
        /^\$\.list\[0\]\.posts is a Promise; await it first\.$/,
      );
      expect(await cache.getOrSet('k', () => lazy)).toBe(lazy);
    });
  });

  const outcome = name.startsWith('memory') ? 'keeps its prototype' : 'is refused, with a fix';
  it(`an instance of a class that is not listed ${outcome}`, async () => {
    await using({ types: [Post] }, async (cache) => {
      const stored = cache.set('k', { user: ann() });

      if (name.startsWith('memory')) {
        await stored;
        expect((await cache.get<{ user: User }>('k'))?.user.profile?.describe()).toBe('lives in Rome');
      } else {
        await expect(stored).rejects.toThrow(
          '$.user is an instance of User. To cache it as one, list the class: CacheKitModule.forRoot({ types: [User] }).',
        );
      }
    });
  });

  it('an instance of a class that an integration lists later comes back as one', async () => {
    await using({ types: [PRICE] }, async (cache) => {
      class Hidden {
        readonly #value = 1;
        get value(): number {
          return this.#value;
        }
      }
      const Other = { User: class User {} }.User;

      internalsOf(cache).addTypes([User, Profile, Post, Price, Hidden, Other, 'Name', User]);

      await cache.set('k', { user: ann(), price: new Price(5n) });
      const found = (await cache.get<{ user: User; price: Price }>('k'))!;
      expect([found.user.profile?.describe(), found.price.cents]).toEqual(['lives in Rome', 5n]);
      await expect(cache.set('h', new Hidden())).rejects.toThrow('private state');
    });
  });

  it('what a parser made without a prototype is stored as that', async () => {
    await using({}, async (cache) => {
      await cache.set('k', Object.assign(Object.create(Object.create(null) as object) as object, { page: '2' }));

      expect({ ...(await cache.get<object>('k')) }).toEqual({ page: '2' });
    });
  });

  it('a decorated method gives entities on a hit as on a miss', async () => {
    let calls = 0;

    @Injectable()
    class Users {
      @Cached({ key: (id: number) => `user:${id}` })
      async find(_id: number): Promise<User> {
        calls++;
        return ann();
      }
    }
    const { value, close } = await resolve(
      { imports: [CacheKitModule.forRoot({ ...optionsOf(), types: [User, Profile, Post] })], providers: [Users] },
      Users,
    );

    const found = await Promise.all([value.find(1), value.find(1)]);
    found.push(await value.find(1), await value.find(1));

    expect(found.map((user) => user.profile?.describe())).toEqual(Array(4).fill('lives in Rome'));
    expect(calls).toBe(1);
    await close();
  });
});
