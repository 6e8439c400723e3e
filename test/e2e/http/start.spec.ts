import { afterEach, describe, expect, it, jest } from '@jest/globals';
import { All, Controller, createParamDecorator, Get, Headers, HostParam, Logger, Module, Param, Post, Query, Req, Res, type Type, UseInterceptors } from '@nestjs/common';
import { RouterModule } from '@nestjs/core';
import { Cached } from '../../../src/nest/decorators/cached.decorator.js';
import { CacheInterceptor } from '../../../src/nest/http/cache.interceptor.js';
import { CacheRoute, type CacheRouteOptions, NoCache } from '../../../src/nest/http/cache-route.decorator.js';
import { closeSites, type Platform, routesOn, type SiteParts } from '../http.fixture.js';

jest.setTimeout(30_000);
afterEach(closeSites);

const Custom = createParamDecorator(() => 'x');
type Route = MethodDecorator;

/** A class with one handler, as TypeScript would make it from the source. */
function controllerOf(path: string | string[], decorators: Route[], handler: { get(...args: never[]): unknown }, parameters: ParameterDecorator[] = []): Type {
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
// A function each, because decorators write on it.
const none = () => ({ get: () => 'x' });
const one = () => ({ get: (id: string) => id });

describe.each<[Platform]>([['express'], ['fastify']])('the start of an application on %s', (platform) => {
  const { open } = routesOn(platform);
  const start = async (controller: Type, parts: Partial<SiteParts> = {}): Promise<string> => (await (await open({ controllers: [controller], ...parts })).get('/items')).body;
  const rest = platform === 'express' ? '*rest' : '*';

  describe('refuses a text `key`', () => {
    it.each<[string, Type]>([
      ['a parameter in the path', controllerOf('items', [text(), Get(':id')], none())],
      ['a parameter in the path of the controller', controllerOf(':shop/items', [text(), Get()], none())],
      ['a parameter in one of several paths', controllerOf('items', [text(), Get(['all', 'one/:id'])], none())],
      ['a parameter in one of several paths of the controller', controllerOf(['items', 'of/:shop'], [text(), Get()], none())],
      ['a wildcard', controllerOf('items', [text(), Get(rest)], none())],
      ['@Param', controllerOf('items', [text(), Get()], one(), [Param('id')])],
      ['@Query', controllerOf('items', [text(), Get()], one(), [Query('page')])],
      ['@Req', controllerOf('items', [text(), Get()], one(), [Req()])],
      ['@Headers of which none is in the key', controllerOf('items', [text({ varyBy: ['accept'] }), Get()], one(), [Headers('x-shop')])],
      ['a decorator of the application', controllerOf('items', [text(), Get()], one(), [Custom()])],
      ['a parameter with a default', controllerOf('items', [text(), Get()], { get: (page = '1') => page })],
      ['a rest of parameters', controllerOf('items', [text(), All()], { get: (...all: unknown[]) => all.length })],
      ['a parameter behind @Cached', controllerOf('items', [text(), Get(), Cached({ ttl: '1m' }) as Route], { get: (page = '1') => page })],
    ])('on a route with %s (fault 9)', async (_, controller) => {
      await expect(start(controller)).rejects.toThrow(/@CacheRoute on \w*\.Items\.get: with the one `key` 'item' .* has parameters/);
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
      const underModule = open({ controllers: [], imports: [Shop, RouterModule.register([{ path: ':shop', module: Shop }])] });

      await expect(underPrefix).rejects.toThrow(/its path has parameters \(:shop\)/);
      await expect(underModule).rejects.toThrow(/its path has parameters \(\/:shop\)/);
    });
  });

  describe('accepts a text `key`', () => {
    it.each<[string, Type]>([
      ['without parameters', controllerOf('items', [text(), Get()], none())],
      ['with several plain paths', controllerOf('items', [text(), Get(['', 'all'])], none())],
      ['with a response in passthrough mode', controllerOf('items', [text(), Get()], none(), [Res({ passthrough: true })])],
      ['with a header that `varyBy` names', controllerOf('items', [text({ varyBy: ['x-shop'] }), Get()], none(), [Headers('X-Shop')])],
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

  it('warns of a route once, however many modules bind the interceptor', async () => {
    const warn = jest.spyOn(Logger.prototype, 'warn').mockImplementation(() => undefined);
    const modules = ['First', 'Second'].map((name) => {
      const module = { [name]: class {} }[name] as Type;
      Module({ controllers: [controllerOf(name, [CacheRoute(), Post()], none())] })(module);
      return module;
    });

    await open({ controllers: [], imports: modules });

    expect(warn.mock.calls.map(([message]) => String(message).split(' ', 1)[0])).toEqual(['First.Items.get', 'Second.Items.get']);
    jest.restoreAllMocks();
  });
});
