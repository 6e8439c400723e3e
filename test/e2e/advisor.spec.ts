import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import {
  Controller,
  Get,
  Header,
  Injectable,
  Logger,
  Post,
  Scope,
  type Type,
  UseGuards,
  UseInterceptors,
} from '@nestjs/common';
import { ConfigModule } from '@nestjs/config';
import { APP_INTERCEPTOR } from '@nestjs/core';
import { Test, type TestingModule } from '@nestjs/testing';
import { cacheKitConfig } from '../../src/config.js';
import { ProcessHold } from '../../src/core/ports/process-hold.js';
import {
  Cached,
  CachedMany,
  CacheInterceptor,
  CacheInvalidate,
  CacheKitModule,
  type CacheKitOptions,
  CachePut,
  CacheRoute,
  createCache,
  urlTag,
} from '../../src/index.js';

let warn: ReturnType<typeof spyOnWarnings>;
const apps: TestingModule[] = [];

function spyOnWarnings() {
  return jest.spyOn(Logger.prototype, 'warn').mockImplementation(() => undefined);
}

beforeEach(() => {
  warn = spyOnWarnings();
});

afterEach(async () => {
  warn.mockRestore();
  await Promise.all(apps.splice(0).map((app) => app.close()));
});

interface Parts {
  readonly options?: CacheKitOptions;
  readonly imports?: never[] | unknown[];
  readonly providers?: Type[] | unknown[];
  readonly controllers?: Type[];
}

async function start({
  options = {},
  imports = [CacheKitModule.forRoot(options)],
  providers = [],
  controllers = [],
}: Parts): Promise<void> {
  const app = await Test.createTestingModule({
    imports: imports as never[],
    providers: providers as never[],
    controllers,
  }).compile();
  apps.push(app);
  await app.init();
}

const lists = (): string[] => warn.mock.calls.map(([message]) => String(message));

/** Creates a controller with one decorated route. */
function controllerWith(route: MethodDecorator[], ofController: ClassDecorator[] = []): Type {
  class ShopController {
    get(): string {
      return 'x';
    }
  }
  const descriptor = Object.getOwnPropertyDescriptor(ShopController.prototype, 'get') as PropertyDescriptor;
  for (const decorate of route) decorate(ShopController.prototype, 'get', descriptor);
  for (const decorate of [...ofController, Controller('shop')]) decorate(ShopController);
  return ShopController;
}

/** Creates a provider with one decorated method. */
function providerWith(...decorators: unknown[]): Type {
  class ShopService {
    find(_id: string): unknown {
      return 'x';
    }
  }
  const descriptor = Object.getOwnPropertyDescriptor(ShopService.prototype, 'find') as PropertyDescriptor;
  for (const decorate of decorators) (decorate as MethodDecorator)(ShopService.prototype, 'find', descriptor);
  Injectable()(ShopService);
  return ShopService;
}

const bound = UseInterceptors(CacheInterceptor);
const guarded = UseGuards({ canActivate: () => true });
const ofRequest = (): Type => {
  const type = providerWith(Cached());
  Injectable({ scope: Scope.REQUEST })(type);
  return type;
};

@Injectable()
class Prices {
  @Cached()
  async find(_id: string): Promise<number> {
    return 1;
  }
}
@Injectable()
class LocalPrices extends Prices {}
@Injectable()
class Tills {
  @CacheInvalidate({ methods: [{ of: Prices, name: 'find', args: (id: string) => [id] }] })
  async change(_id: string): Promise<void> {}
}

abstract class ListController {
  @Get()
  @guarded
  @CacheRoute()
  list(): string {
    return 'x';
  }
}
@Controller('lists')
@UseInterceptors(CacheInterceptor)
class ScopedController extends ListController {
  @Get()
  @guarded
  @CacheRoute({ scope: 'user' })
  override list(): string {
    return 'y';
  }
}

describe('the start-up advisor', () => {
  it.each<[string, Parts, RegExp]>([
    [
      'a route that can never be cached',
      { controllers: [controllerWith([Post(), CacheRoute()], [bound])] },
      /ShopController\.get is never cached: it is no GET\. Remove its @CacheRoute or interceptor\./,
    ],
    [
      'a guarded route without scope',
      { controllers: [controllerWith([Get(), guarded], [bound])] },
      /ShopController\.get is never cached: it has a guard, .* Write @CacheRoute\(\{ scope: 'user' \}\)/,
    ],
    [
      'a guarded route of a controller with @CacheRoute, under an interceptor of the application',
      {
        controllers: [controllerWith([Get()], [CacheRoute(), guarded])],
        providers: [{ provide: APP_INTERCEPTOR, useClass: CacheInterceptor }],
      },
      /ShopController\.get is never cached: it has a guard/,
    ],
    [
      '@CacheRoute without an interceptor',
      { controllers: [controllerWith([Get(), CacheRoute()])] },
      /ShopController\.get is never cached: it has @CacheRoute, and no CacheInterceptor\. Put @UseInterceptors\(CacheInterceptor\) on its controller, or provide it as APP_INTERCEPTOR\./,
    ],
    [
      '@CacheRoute on a controller without an interceptor',
      { controllers: [controllerWith([Get()], [CacheRoute()])] },
      /has @CacheRoute, and no CacheInterceptor/,
    ],
    [
      '`defaultTtl` in seconds',
      { options: { defaultTtl: 60 } },
      /CacheKitModule\.forRoot\(\): `defaultTtl: 60` is 60 milliseconds.* Write `defaultTtl: '60s'` for seconds, or `'60ms'`\./,
    ],
    ['`staleIfError` in seconds', { options: { staleIfError: 300 } }, /`staleIfError: 300` is 300 milliseconds/],
    [
      '`http.ttl` in seconds',
      { options: { http: { ttl: 30 } } },
      /CacheKitModule\.forRoot\(\{ http \}\): `ttl: 30` is 30 milliseconds/,
    ],
    ['a TTL of a status in seconds', { options: { http: { statusTtl: { 404: 10 } } } }, /`404: 10` is 10 milliseconds/],
    [
      'a TTL of a namespace in seconds',
      { imports: [CacheKitModule.forRoot(), CacheKitModule.forFeature({ namespace: 'orders', ttl: 5 })] },
      /forFeature\(\{ namespace: 'orders' \}\): `ttl: 5` is 5 milliseconds/,
    ],
    [
      'a TTL of a method in seconds',
      { providers: [providerWith(Cached({ ttl: 300 }))] },
      /@Cached on ShopService\.find: `ttl: 300` is 300 milliseconds/,
    ],
    [
      'a TTL of a route in seconds',
      { controllers: [controllerWith([Get(), CacheRoute({ ttl: 20 })], [bound])] },
      /@CacheRoute on .*ShopController\.get: `ttl: 20` is 20 milliseconds/,
    ],
    [
      'a TTL of a controller in seconds',
      { controllers: [controllerWith([Get()], [bound, CacheRoute({ ttl: 20 })])] },
      /@CacheRoute on ShopController: `ttl: 20` is 20 milliseconds/,
    ],
    [
      'a tag that nothing is stored with',
      {
        providers: [providerWith(Cached({ tags: ['product'] })), providerWith(CacheInvalidate({ tags: ['products'] }))],
      },
      /@CacheInvalidate on ShopService\.find invalidates the tag 'products', and nothing is stored with it: those that decorators write are 'product'\. Add `tags: \['products'\]`/,
    ],
    [
      'a tag where nothing has tags',
      { providers: [providerWith(Cached()), providerWith(CacheInvalidate({ tags: ['products'] }))] },
      /no decorator writes tags/,
    ],
    [
      'a made key of a class that another takes the place of',
      { providers: [{ provide: Prices, useClass: LocalPrices }, Tills] },
      /@CacheInvalidate on Tills\.change invalidates what Prices\.find has stored, and LocalPrices stands in its place, whose made keys have its own name\. Write `of: LocalPrices`, or give `find` a `key`\./,
    ],
    [
      'shared answers of a request-scoped provider',
      { providers: [ofRequest()] },
      /the provider is created for each request, but without a `key` its answers are shared by all requests/,
    ],
  ])('lists %s with its fix, once', async (_, parts, sentence) => {
    await start(parts);

    expect(lists()).toEqual([expect.stringMatching(sentence)]);
    expect(lists()[0]).toMatch(/^One thing about the cache to look at:\n {2}1\. /);
  });

  it('has one list for all modules and caches of an application', async () => {
    const imports = [
      CacheKitModule.forRoot({ defaultTtl: 60 }),
      CacheKitModule.forRoot({ defaultTtl: 60 }),
      CacheKitModule.forRoot({ name: 'sessions' }),
    ];

    await start({ imports, controllers: [controllerWith([Get(), CacheRoute()])] });

    expect(lists()).toEqual([expect.stringMatching(/^2 things about the cache to look at:\n {2}1\. .*\n {2}2\. .*$/)]);
  });

  it('fails the start with all findings when a cache is strict', async () => {
    const starting = start({
      options: { strict: true, defaultTtl: 60 },
      controllers: [controllerWith([Get(), CacheRoute()])],
    });

    await expect(starting).rejects.toMatchObject({
      code: 'CACHE_CONFIG_INVALID',
      message: expect.stringMatching(/^2 things .*`defaultTtl: 60`.*because of `strict: true`\.$/s),
    });
    expect(lists()).toEqual([]);
  });

  it('leaves nothing that keeps the process alive when one of several caches is strict', async () => {
    const stand = jest.spyOn(ProcessHold.prototype, 'stand');
    const imports = [
      CacheKitModule.forRoot({ defaultTtl: 60 }),
      CacheKitModule.forRoot({ name: 'sessions', strict: true }),
    ];

    await expect(start({ imports })).rejects.toThrow(/because of `strict: true`\.$/);

    expect(stand).not.toHaveBeenCalled();
    stand.mockRestore();
  });

  it.each<[string, Parts]>([
    [
      'durations of a second and more, or with a unit',
      { options: { defaultTtl: 1000, staleIfError: '300ms', negativeTtl: 0, softTimeout: 50 } },
    ],
    [
      '@CacheRoute under an interceptor of the application',
      {
        controllers: [controllerWith([Get(), CacheRoute()])],
        providers: [{ provide: APP_INTERCEPTOR, useClass: CacheInterceptor }],
      },
    ],
    [
      '@CacheRoute under a class that extends the interceptor',
      { controllers: [controllerWith([Get(), CacheRoute()], [UseInterceptors(class extends CacheInterceptor {})])] },
    ],
    [
      'a tag that a method stores with',
      {
        providers: [providerWith(CachePut({ key: 'a', tags: ['a'] })), providerWith(CacheInvalidate({ tags: ['a'] }))],
      },
    ],
    [
      'a tag that a route stores with',
      {
        controllers: [controllerWith([Get(), CacheRoute({ tags: ['a'] })], [bound])],
        providers: [providerWith(CacheInvalidate({ tags: ['a'] }))],
      },
    ],
    [
      'a tag that a route names in a header',
      {
        controllers: [controllerWith([Get(), Header('Cache-Tag', 'a, b')], [bound])],
        providers: [providerWith(CacheInvalidate({ tags: ['a', 'b'] }))],
      },
    ],
    [
      'the tag of the URL of a route',
      {
        controllers: [controllerWith([Get()], [bound])],
        providers: [providerWith(CacheInvalidate({ tags: [urlTag('https://shop.test/shop')] }))],
      },
    ],
    [
      'a tag that a namespace stores with',
      {
        imports: [
          CacheKitModule.forRoot({ strict: true }),
          CacheKitModule.forFeature({ namespace: 'orders', tags: ['a'] }),
        ],
        providers: [providerWith(Cached()), providerWith(CacheInvalidate({ tags: ['a'] }))],
      },
    ],
    [
      'tags where some are computed',
      {
        providers: [
          providerWith(CachedMany({ key: () => 'k', tags: () => ['a'] })),
          providerWith(CacheInvalidate({ tags: ['b'] })),
        ],
      },
    ],
    [
      'tags that are computed',
      { providers: [providerWith(Cached()), providerWith(CacheInvalidate({ tags: () => ['b'] }))] },
    ],
    ['a guarded route that an override says the scope of', { controllers: [ScopedController] }],
    ['a made key of a class that others extend', { providers: [Prices, LocalPrices, Tills] }],
    ['tags where only code stores', { providers: [providerWith(CacheInvalidate({ tags: ['b'] }))] }],
  ])('has nothing against %s', async (_, parts) => {
    await start({ ...parts, options: { strict: true, ...parts.options } });

    expect(lists()).toEqual([]);
  });

  it.each([
    ['CACHE_LIFETIME', /CACHE_LIFETIME is set, and the cache reads none of that name\. Known are CACHE_BACKEND,/],
    ['CACHE_TTL', /CACHE_TTL is set, .* Write CACHE_DEFAULT_TTL\./],
    ['CACHE_REDIS', /CACHE_REDIS is set, .* Write CACHE_REDIS_URL\./],
  ])('lists the unknown variable %s', async (name, sentence) => {
    const before = { ...process.env };
    process.env[name] = '1';
    try {
      await start({
        imports: [
          ConfigModule.forRoot({ load: [cacheKitConfig], ignoreEnvFile: true }),
          CacheKitModule.forRootAsync(cacheKitConfig.asProvider()),
        ],
      });
    } finally {
      process.env = before;
    }

    expect(lists()).toEqual([expect.stringMatching(sentence)]);
  });

  it('looks at the options of a cache without Nest', async () => {
    const cache = await createCache({ defaultTtl: 60 });
    await cache.close();

    expect(lists()).toEqual([expect.stringMatching(/`defaultTtl: 60` is 60 milliseconds/)]);
    await expect(createCache({ defaultTtl: 60, strict: true })).rejects.toThrow(/`defaultTtl: 60` is 60 milliseconds/);
  });
});
