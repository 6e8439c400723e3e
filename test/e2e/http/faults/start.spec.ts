import { afterEach, describe, expect, it, jest } from '@jest/globals';
import {
  All,
  Controller,
  createParamDecorator,
  Get,
  Headers,
  HostParam,
  type INestApplication,
  Logger,
  Module,
  type ModuleMetadata,
  Param,
  Post,
  Query,
  Req,
  Res,
  type Type,
  UseGuards,
  UseInterceptors,
} from '@nestjs/common';
import { APP_INTERCEPTOR, ModuleRef, RouterModule } from '@nestjs/core';
import { ExpressAdapter } from '@nestjs/platform-express';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { Test } from '@nestjs/testing';
import { CacheKitModule } from '../../../../src/cache-kit.module.js';
import type { CacheKitOptions } from '../../../../src/cache-kit.options.js';
import { Cached } from '../../../../src/nest/decorators/cached.decorator.js';
import { CacheInterceptor } from '../../../../src/nest/http/cache.interceptor.js';
import { CacheRoute, type CacheRouteOptions, NoCache } from '../../../../src/nest/http/route/cache-route.decorator.js';
import { startApp } from '../../../support/nest-app.js';
import { closeSites, type Platform, routesOn, type SiteParts } from '../../http.fixture.js';

jest.setTimeout(30_000);
const apps: INestApplication[] = [];
afterEach(async () => {
  await closeSites();
  await Promise.all(apps.splice(0).map((app) => app.close()));
});

const Custom = createParamDecorator(() => 'x');
type Route = MethodDecorator;

/** Creates a class with one handler, as TypeScript compiles it. */
function controllerOf(
  path: string | string[],
  decorators: Route[],
  handler: { get(...args: never[]): unknown },
  parameters: ParameterDecorator[] = [],
): Type {
  class Items {}
  Object.defineProperty(Items.prototype, 'get', { value: handler.get, writable: true, configurable: true });
  parameters.forEach((decorate, i) => decorate(Items.prototype, 'get', i));
  for (const decorate of [...decorators].reverse()) {
    const descriptor = Object.getOwnPropertyDescriptor(Items.prototype, 'get') as PropertyDescriptor;
    decorate(Items.prototype, 'get', descriptor);
    Object.defineProperty(Items.prototype, 'get', descriptor);
  }
  UseInterceptors(CacheInterceptor)(Items);
  Controller(path)(Items);
  return Items;
}

const text = (options: CacheRouteOptions = {}): Route => CacheRoute({ key: 'item', ...options });
// A new function for each use, because decorators write metadata on it.
const none = () => ({ get: () => 'x' });
const one = () => ({ get: (id: string) => id });

describe.each<[Platform]>([['express'], ['fastify']])('the start of an application on %s', (platform) => {
  const { open } = routesOn(platform);
  const start = async (controller: Type, parts: Partial<SiteParts> = {}): Promise<string> =>
    (await (await open({ controllers: [controller], ...parts })).get('/items')).body;
  const rest = platform === 'express' ? '*rest' : '*';

  describe('refuses a text `key`', () => {
    it.each<[string, Type]>([
      ['a parameter in the path', controllerOf('items', [text(), Get(':id')], none())],
      ['a parameter in the path of the controller', controllerOf(':shop/items', [text(), Get()], none())],
      ['a parameter in one of several paths', controllerOf('items', [text(), Get(['all', 'one/:id'])], none())],
      [
        'a parameter in one of several paths of the controller',
        controllerOf(['items', 'of/:shop'], [text(), Get()], none()),
      ],
      ['a wildcard', controllerOf('items', [text(), Get(rest)], none())],
      ['@Param', controllerOf('items', [text(), Get()], one(), [Param('id')])],
      ['@Query', controllerOf('items', [text(), Get()], one(), [Query('page')])],
      ['@Req', controllerOf('items', [text(), Get()], one(), [Req()])],
      [
        '@Headers of which none is in the key',
        controllerOf('items', [text({ varyBy: ['accept'] }), Get()], one(), [Headers('x-shop')]),
      ],
      ['a decorator of the application', controllerOf('items', [text(), Get()], one(), [Custom()])],
      ['a parameter with a default', controllerOf('items', [text(), Get()], { get: (page = '1') => page })],
      ['a rest of parameters', controllerOf('items', [text(), All()], { get: (...all: unknown[]) => all.length })],
      [
        'a parameter behind @Cached',
        controllerOf('items', [text(), Get(), Cached({ ttl: '1m' }) as Route], { get: (page = '1') => page }),
      ],
    ])('on a route with %s (fault 9)', async (_, controller) => {
      await expect(start(controller)).rejects.toThrow(
        /Expected `key` of @CacheRoute on \w*\.Items\.get to be a function, .* has parameters.*, got the text 'item'/,
      );
    });

    it('of a controller, on a route with parameters (fault 9)', async () => {
      const controller = controllerOf('items', [Get(':id')], one(), [Param('id')]);
      CacheRoute({ key: 'item' })(controller);

      await expect(start(controller)).rejects.toThrow(/its path has parameters \(:id\)/);
    });

    it('under a global prefix or a path of the module with parameters (fault 9)', async () => {
      const controller = controllerOf('items', [text(), Get()], none());
      class Shop {}
      Module({ controllers: [controller] })(Shop);

      const underPrefix = start(controller, { prepare: (app) => app.setGlobalPrefix(':shop') });
      const underModule = open({
        controllers: [],
        imports: [Shop, RouterModule.register([{ path: ':shop', module: Shop }])],
      });

      await expect(underPrefix).rejects.toThrow(/its path has parameters \(:shop\)/);
      await expect(underModule).rejects.toThrow(/its path has parameters \(\/:shop\)/);
    });
  });

  describe('accepts a text `key`', () => {
    it.each<[string, Type]>([
      ['without parameters', controllerOf('items', [text(), Get()], none())],
      ['with several plain paths', controllerOf('items', [text(), Get(['', 'all'])], none())],
      [
        'with a response in passthrough mode',
        controllerOf('items', [text(), Get()], none(), [Res({ passthrough: true })]),
      ],
      [
        'with a header that `varyBy` names',
        controllerOf('items', [text({ varyBy: ['x-shop'] }), Get()], none(), [Headers('X-Shop')]),
      ],
      ['with the host', controllerOf('items', [text(), Get()], none(), [HostParam('shop')])],
      ['that @Cached wraps', controllerOf('items', [text(), Get(), Cached({ ttl: '1m' }) as Route], none())],
    ])('on a route %s (fault 9)', async (_, controller) => {
      expect(await start(controller)).toBe('x');
    });

    it('of a controller, on routes that are not cached (fault 9)', async () => {
      @Controller('items')
      @UseInterceptors(CacheInterceptor)
      @CacheRoute({ key: 'item' })
      class Items {
        @Get()
        all(): string {
          return 'x';
        }

        @Post(':id')
        change(@Param('id') id: string): string {
          return id;
        }

        @Get(':id')
        @NoCache()
        one(@Param('id') id: string): string {
          return id;
        }
      }

      expect(await start(Items)).toBe('x');
    });
  });

  describe('with an interceptor and no cache', () => {
    const nothing = (): void => undefined;
    const found = (error: unknown): string => `${(error as Error).name}: ${(error as Error).message}`;

    async function startBare(metadata: ModuleMetadata, prepare: (app: INestApplication) => void): Promise<string> {
      const app = (await Test.createTestingModule(metadata).compile()).createNestApplication(
        platform === 'express' ? new ExpressAdapter() : (new FastifyAdapter() as never),
        { logger: false },
      );
      try {
        prepare(app);
        await app.init();
        return 'started';
      } catch (error) {
        return found(error);
      } finally {
        await app.close();
      }
    }

    it.each<[string, ModuleMetadata, (app: INestApplication) => void]>([
      ['bound to a controller', { controllers: [controllerOf('items', [Get()], none())] }, nothing],
      ['bound to the application', { providers: [{ provide: APP_INTERCEPTOR, useClass: CacheInterceptor }] }, nothing],
      ['made by hand', {}, (app) => void app.useGlobalInterceptors(new CacheInterceptor(app.get(ModuleRef)))],
    ])('fails where it is %s (fault 20)', async (_, metadata, prepare) => {
      expect(await startBare(metadata, prepare)).toMatch(
        /^CacheConfigError: Expected a cache for CacheInterceptor, and the application has none\. Import CacheKitModule\.forRoot\(\)/,
      );
    });

    it('fails for a route with an unknown cache, and starts with only a global interceptor (fault 20)', async () => {
      const cache = { name: 'sessions' };
      const covered = openNamed(controllerOf('items', [Get()], none()), cache);

      await expect(covered).rejects.toThrow(/Expected a cache named `default` for \w*\.Items\.get, and there is none/);

      @Controller('items')
      class Plain {
        @Get()
        get(): string {
          return 'x';
        }
      }
      const port = await openNamed(Plain, cache, [{ provide: APP_INTERCEPTOR, useClass: CacheInterceptor }]);
      expect(await (await fetch(`${port}/items`)).text()).toBe('x');
    });

    async function openNamed(
      controller: Type,
      cache: CacheKitOptions,
      providers: NonNullable<ModuleMetadata['providers']> = [],
    ): Promise<string> {
      const { app, url } = await startApp(
        { imports: [CacheKitModule.forRoot(cache)], controllers: [controller], providers },
        platform,
      );
      apps.push(app);
      return url;
    }

    it('made by hand without Nest, says how to bind it (fault 20)', () => {
      const Interceptor = CacheInterceptor as unknown as new () => CacheInterceptor;

      expect(() => new Interceptor()).toThrow(
        /Expected CacheInterceptor to be made by Nest or with a ModuleRef, .* Bind the class: `@UseInterceptors\(CacheInterceptor\)`/,
      );
    });

    it('made by hand, works where there is a cache (fault 20)', async () => {
      @Controller('items')
      class Plain {
        @Get()
        get(): string {
          return 'x';
        }
      }
      const site = await open({
        controllers: [Plain],
        cache: { http: { ttl: '1m' } },
        prepare: (app) => app.useGlobalInterceptors(new CacheInterceptor(app.get(ModuleRef))),
      });

      const answers = await site.twice('/items');

      expect(answers.map(({ headers }) => headers['x-cache'])).toEqual(['MISS', 'HIT']);
    });
  });

  it('lists guarded routes that do not say whose their answers are, and what to write', async () => {
    const warn = jest.spyOn(Logger.prototype, 'warn').mockImplementation(() => undefined);
    const guard = UseGuards({ canActivate: () => true });
    const controllers = [[guard], [guard, CacheRoute({ scope: 'user' })], [guard, NoCache()]].map((decorators, i) =>
      controllerOf(`r${i}`, [...decorators, Get()], none()),
    );

    await open({ controllers });

    expect(warn.mock.calls.map(([message]) => String(message))).toEqual([
      expect.stringMatching(
        /Items\.get is never cached: it has a guard, .+ Write @CacheRoute\({ scope: 'user' }\) or 'tenant' .+, 'public' .+, or @NoCache\(\)\.$/,
      ),
    ]);
    jest.restoreAllMocks();
  });

  it('lists a route once, however many modules bind the interceptor', async () => {
    const warn = jest.spyOn(Logger.prototype, 'warn').mockImplementation(() => undefined);
    const modules = ['First', 'Second'].map((name) => {
      const module = { [name]: class {} }[name] as Type;
      Module({ controllers: [controllerOf(name, [CacheRoute(), Post()], none())] })(module);
      return module;
    });

    await open({ controllers: [], imports: modules });

    expect(warn.mock.calls.map(([message]) => String(message))).toEqual([
      expect.stringMatching(/^2 things .*\n.* First\.Items\.get .*\n.* Second\.Items\.get .*$/),
    ]);
    jest.restoreAllMocks();
  });
});
