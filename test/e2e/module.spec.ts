import { describe, expect, it } from '@jest/globals';
import { Global, Injectable, Module } from '@nestjs/common';
import { ConfigModule } from '@nestjs/config';
import { Test, type TestingModule } from '@nestjs/testing';
import {
  CacheKitModule,
  type CacheKitFactoryOptions,
  CacheService,
  createCache,
  InjectCache,
  InjectCacheNamespace,
  type NamespacedCache,
} from '../../src/index.js';
import { cacheKitConfig } from '../../src/config.js';

async function start(
  imports: NonNullable<Parameters<typeof Test.createTestingModule>[0]['imports']>,
  providers: never[] | unknown[] = [],
): Promise<TestingModule> {
  const module = await Test.createTestingModule({ imports, providers: providers as never[] }).compile();
  return module.init();
}

@Injectable()
class Orders {
  constructor(
    readonly cache: CacheService,
    @InjectCache('sessions') readonly sessions: CacheService,
    @InjectCacheNamespace('orders') readonly orders: NamespacedCache,
  ) {}
}

describe('CacheKitModule.forRoot', () => {
  it('gives several independent caches and namespaces to providers', async () => {
    const app = await start(
      [
        CacheKitModule.forRoot(),
        CacheKitModule.forRoot({ name: 'sessions', defaultTtl: '5m' }),
        CacheKitModule.forFeature({ namespace: 'orders', ttl: '2s' }),
      ],
      [Orders],
    );
    const { cache, sessions, orders } = app.get(Orders);

    await cache.set('k', 'default');
    await sessions.set('k', 'session');
    await orders.set('k', 'order');

    expect(cache).not.toBe(sessions);
    expect(await cache.get('k')).toBe('default');
    expect(await sessions.get('k')).toBe('session');
    expect(await cache.get('k', { namespace: 'orders' })).toBe('order');
    const entry = await orders.getEntry('k');
    expect((entry?.expiresAt?.getTime() ?? 0) - (entry?.createdAt.getTime() ?? 0)).toBe(2_000);
    expect(await sessions.clear()).toBe(1);
    expect(await cache.has('k')).toBe(true);
    await app.close();
  });

  it('makes one cache for all modules that import it with equal options, however these are written', async () => {
    @Injectable()
    class Reader {
      constructor(readonly cache: CacheService) {}
    }
    const options = { memory: { maxEntries: 5 }, http: { varyBy: ['accept-language'] } };
    @Module({ imports: [CacheKitModule.forRoot({ ...options, isGlobal: false })], providers: [Reader] })
    class Users {}
    @Module({
      imports: [
        CacheKitModule.forRootAsync({
          isGlobal: false,
          useFactory: () => ({ memory: { ...options.memory }, http: { varyBy: [...options.http.varyBy] } }),
        }),
      ],
      providers: [Reader],
    })
    class Orders {}

    const app = await start([Users, Orders]);
    const [users, orders] = [Users, Orders].map((module) => app.select(module).get(Reader, { strict: true }).cache);

    expect(users).toBe(orders);
    await app.close();
    await expect(users?.getOrSet('k', () => 'loaded')).resolves.toBe('loaded');
    expect(await users?.has('k')).toBe(false);
  });

  it.each([
    [{ defaultTtl: '5m' as const }, { defaultTtl: '6m' as const }, 'defaultTtl'],
    [{}, { memory: { maxEntries: 5 } }, 'memory'],
    [{ onError: () => undefined }, { onError: () => undefined }, 'onError'],
  ])(
    'refuses two caches of one name whose options differ, and names both modules and the option: %j, %j',
    async (one, other, option) => {
      @Module({ imports: [CacheKitModule.forRoot(one)] })
      class Users {}
      @Module({ imports: [CacheKitModule.forRoot(other)] })
      class Orders {}

      const app = start([Users, Orders]);

      await expect(app).rejects.toMatchObject({ code: 'CACHE_CONFIG_INVALID' });
      await expect(app).rejects.toThrow(
        new RegExp(
          `is imported by (Users and by Orders|Orders and by Users) for one cache, 'default', and their \`${option}\` differs\\. Import it once`,
        ),
      );
    },
  );

  it('makes a cache of its own for each application of a process', async () => {
    const module = CacheKitModule.forRoot();
    const [one, other] = await Promise.all([start([module]), start([module])]);

    expect(one.get(CacheService)).not.toBe(other.get(CacheService));
    await Promise.all([one.close(), other.close()]);
  });

  it('is global unless told otherwise', async () => {
    @Injectable()
    class Deep {
      constructor(readonly cache: CacheService) {}
    }
    @Module({ providers: [Deep] })
    class Feature {}

    const app = await start([CacheKitModule.forRoot(), Feature]);
    expect(app.get(Deep, { strict: false }).cache).toBeInstanceOf(CacheService);
    await app.close();

    await expect(start([CacheKitModule.forRoot({ isGlobal: false }), Feature])).rejects.toThrow(/CacheService/);
  });

  it.each([
    [{ max: 5 }, /Unknown option `max`. Write `memory: { maxEntries }` instead\.$/],
    [{ host: 'a' }, /Unknown option `host`. Write `redis: { url: 'redis:\/\/localhost:6379' }` instead\.$/],
    [
      { stores: [] },
      /Unknown option `stores`. Write `backend: 'memory'`, `'redis'`, `'hybrid'` or `'file'`, or an `adapter`, instead\.$/,
    ],
    [{ ttl: 5 }, /Unknown option `ttl`. Write `defaultTtl` instead\.$/],
    [{ dashboard: true }, /Unknown option `dashboard`/],
    [{ writeBehind: true }, /Expected `writeBehind` to be a queue, got `true`/],
    [{ requestScope: 'yes' }, /Expected `requestScope` to be one of true, false, got `yes`/],
    [{ file: {} }, /Expected `file` with `backend: 'file'`, got it with 'memory'/],
    [{ directory: '/tmp' }, /Unknown option `directory`. Write `file: { directory }` instead\.$/],
    [{ backend: 'disk' }, /Expected `backend` to be one of 'memory', 'redis', 'hybrid', 'file', got `disk`/],
    [{ http: { honourRequestDirectives: 'yes' } }, /Expected `http.honourRequestDirectives`/],
    [{ http: { ttl: 'soon' } }, /Expected `http.ttl`/],
    [
      { admin: true },
      /Expected `admin` to name the guards of its routes, got `true`\. Write `admin: \{ guards: \[AdminGuard\] \}`, with a guard of yours\./,
    ],
    [{ admin: {} }, /Expected `admin.guards` to be an array of guard classes/],
    [{ admin: { guards: [], secret: 1 } }, /Unknown option `admin.secret`/],
    [{ isGlobal: 'yes' }, /Expected `isGlobal`/],
  ])('refuses %j at once', (options, message) => {
    expect(() => CacheKitModule.forRoot(options as never)).toThrow(message);
  });

  it('closes its caches when the application is closed', async () => {
    const app = await start([CacheKitModule.forRoot()]);
    const cache = app.get(CacheService);
    await cache.set('k', 'v');

    await app.close();

    expect(await cache.get('k')).toBeUndefined();
  });

  it('takes an adapter of the user, or a function that makes one', async () => {
    const other = await createCache();
    const calls: string[] = [];
    const app = await start([
      CacheKitModule.forRoot({
        adapter: ({ name }) => {
          calls.push(name);
          return {
            kind: 'none',
            get: () => undefined,
            getMany: (keys) => keys.map(() => undefined),
            begin: (keys) => ({
              tickets: keys.map(() => ({ state: 'granted' as const })),
              commit: (drafts) => drafts.map(() => undefined),
              release: () => undefined,
            }),
            set: () => undefined,
            invalidate: () => 0,
            scan: () => ({ entries: [] }),
            usage: () => ({
              entries: 0,
              bytes: null,
              evictions: 0,
              oldestMs: null,
              newestMs: null,
              status: 'up',
              tiers: [],
            }),
            close: () => undefined,
          };
        },
      }),
    ]);

    expect(calls).toEqual(['default']);
    expect(await app.get(CacheService).getOrSet('k', () => 1)).toBe(1);
    expect((await app.get(CacheService).getStats()).backend).toBe('none');
    await app.close();
    await other.close();
  });
});

describe('CacheKitModule.forFeature', () => {
  it.each([
    [
      'orders',
      "Expected the options of CacheKitModule.forFeature() to be an object, got `orders`. Write `{ namespace: 'orders' }`.",
    ],
    [
      undefined,
      "Expected the options of CacheKitModule.forFeature() to be an object, got `undefined`. Write `{ namespace: 'orders' }`.",
    ],
  ])('refuses %j in the place of options', (options, message) => {
    expect(() => CacheKitModule.forFeature(options as never)).toThrow(message);
  });

  it.each([
    [{ tll: '2s' }, /Unknown option `tll`/],
    [{ ttl: 'soon' }, /Expected `ttl`/],
    [{ tags: [''] }, /Expected the tag/],
    [{ hardTimeout: -1 }, /Expected `hardTimeout`/],
  ])('fails the start-up for the defaults %j', async (defaults, message) => {
    await expect(
      start([CacheKitModule.forRoot(), CacheKitModule.forFeature({ namespace: 'n', ...defaults } as never)]),
    ).rejects.toThrow(message);
  });
});

describe('CacheService among the providers', () => {
  it('fails the start-up, and says what to write', async () => {
    @Module({ providers: [CacheService] })
    class Shop {}

    await expect(start([CacheKitModule.forRoot(), Shop])).rejects.toThrow(
      'CacheService cannot be made by hand or by a module of yours. Take it out of `providers`, and import ' +
        'CacheKitModule.forRoot() in the root module; without Nest, write `await createCache()`.',
    );
  });
});

describe('createCache', () => {
  it.each([
    [null, /Expected `options` to be an object, got `null`/],
    [{ adapter: () => undefined }, /Expected `adapter` to be a CacheAdapter or a function that makes one/],
    [{ adapter: async () => ({}) }, /Expected `adapter` to be a CacheAdapter/],
  ])('refuses %p', async (options, message) => {
    await expect(createCache(options as never)).rejects.toThrow(message);
  });
});

describe('CacheKitModule.forRootAsync', () => {
  @Injectable()
  class Settings {
    readonly ttl = '7s';
    createCacheKitOptions(): CacheKitFactoryOptions {
      return { defaultTtl: this.ttl };
    }
  }
  @Global()
  @Module({ providers: [Settings], exports: [Settings] })
  class SettingsModule {}

  it.each([
    ['useFactory', { inject: [Settings], useFactory: async (settings: Settings) => settings.createCacheKitOptions() }],
    ['useClass', { useClass: Settings }],
    ['useExisting', { useExisting: Settings }],
  ])('takes the options of %s', async (_, source) => {
    const app = await start([SettingsModule, CacheKitModule.forRootAsync({ imports: [SettingsModule], ...source })]);
    const cache = app.get(CacheService);

    await cache.set('k', 'v');

    const entry = await cache.getEntry('k');
    expect((entry?.expiresAt?.getTime() ?? 0) - (entry?.createdAt.getTime() ?? 0)).toBe(7_000);
    await app.close();
  });

  it('gives a named cache', async () => {
    @Injectable()
    class User {
      constructor(@InjectCache('late') readonly late: CacheService) {}
    }

    const app = await start(
      [CacheKitModule.forRootAsync({ name: 'late', useFactory: () => ({ defaultNamespace: 'n' }) })],
      [User],
    );

    expect(app.get(User).late.name).toBe('late');
    await app.close();
  });

  it('fails the start-up for a wrong option', async () => {
    await expect(
      start([CacheKitModule.forRootAsync({ useFactory: () => ({ defaultTtl: 'soon' as never }) })]),
    ).rejects.toThrow(/Expected `defaultTtl`/);
    await expect(start([CacheKitModule.forRootAsync({ useFactory: () => ({ name: 'x' }) as never })])).rejects.toThrow(
      /Expected `name` beside the factory/,
    );
    await expect(start([CacheKitModule.forRootAsync({ useFactory: () => undefined as never })])).rejects.toThrow(
      /Expected the factory of CacheKitModule.forRootAsync\(\) to return an object of options, got `undefined`/,
    );
    expect(() => CacheKitModule.forRootAsync({ backend: 'redis', useFactory: () => ({}) } as never)).toThrow(
      /Unknown option `backend`. Write `useFactory: \(\) => \(\{ backend: ... }\)` instead/,
    );
  });

  it('says which method a class of options needs', async () => {
    class CacheManagerSettings {
      createCacheOptions(): object {
        return {};
      }
    }

    await expect(start([CacheKitModule.forRootAsync({ useClass: CacheManagerSettings as never })])).rejects.toThrow(
      'Expected CacheManagerSettings to have the method `createCacheKitOptions()`, which answers with the options.',
    );
  });

  it.each([[{}], [{ useFactory: () => ({}), useClass: Settings }]])(
    'needs exactly one source of options',
    (options) => {
      expect(() => CacheKitModule.forRootAsync(options)).toThrow(
        /exactly one of `useFactory`, `useClass` and `useExisting`/,
      );
    },
  );
});

describe('cacheKitConfig', () => {
  const startWith = async (env: Record<string, string>): Promise<TestingModule> => {
    const before = { ...process.env };
    Object.assign(process.env, env);
    try {
      return await start([
        ConfigModule.forRoot({ load: [cacheKitConfig], ignoreEnvFile: true }),
        CacheKitModule.forRootAsync(cacheKitConfig.asProvider()),
      ]);
    } finally {
      process.env = before;
    }
  };

  it('reads the environment', async () => {
    const app = await startWith({
      CACHE_BACKEND: 'memory',
      CACHE_DEFAULT_TTL: '300s',
      CACHE_DEFAULT_NAMESPACE: 'app',
      CACHE_VERSION: '7',
      CACHE_MEMORY_MAX_ENTRIES: '2',
      CACHE_STATS: 'false',
    });
    const cache = app.get(CacheService);
    for (const key of ['a', 'b', 'c']) await cache.set(key, key);
    await cache.get('c');

    const entry = (await cache.list()).entries[0];
    expect(entry).toMatchObject({ namespace: 'app' });
    expect((entry?.expiresAt?.getTime() ?? 0) - (entry?.createdAt.getTime() ?? 0)).toBe(300_000);
    expect((await cache.explain('c')).storedKey).toBe('1.7:3.app:c');
    expect(await cache.getStats()).toMatchObject({ totalEntries: 2, totalHits: 0 });
    await app.close();
  });

  it.each([
    [{ CACHE_REDIS_HOST: 'cache.test' }, 'redis://cache.test:6379'],
    [
      {
        CACHE_REDIS_HOST: 'cache.test',
        CACHE_REDIS_PORT: '6380',
        CACHE_REDIS_PASSWORD: 'p@ss/word',
        CACHE_REDIS_DB: '2',
      },
      'redis://:p%40ss%2Fword@cache.test:6380/2',
    ],
    [{ CACHE_REDIS_DB: '3' }, 'redis://localhost:6379/3'],
    [{ CACHE_REDIS_HOST: 'cache.test', CACHE_REDIS_URL: 'redis://other.test' }, 'redis://other.test'],
  ])('makes a URL of the parts in %j', (env, url) => {
    const before = { ...process.env };
    Object.assign(process.env, env);
    try {
      expect(cacheKitConfig().redis?.url).toBe(url);
    } finally {
      process.env = before;
    }
  });

  it.each([
    [{ CACHE_DEFAULT_TTL: 'soon' }, /Expected `defaultTtl`.*got `soon`/],
    [
      { CACHE_DEFAULT_TTL: '300' },
      /environment variable CACHE_DEFAULT_TTL to have a unit, such as 300s or 300ms, got `300`/,
    ],
    [{ CACHE_BACKEND: 'memcached' }, /Expected `backend` to be one of/],
    [{ CACHE_MEMORY_MAX_ENTRIES: 'many' }, /CACHE_MEMORY_MAX_ENTRIES to be a whole number, got `many`/],
    [{ CACHE_STATS: 'yes' }, /CACHE_STATS to be true or false, got `yes`/],
  ])('refuses %j at start-up', async (env, message) => {
    await expect(startWith(env as never)).rejects.toThrow(message);
  });
});
