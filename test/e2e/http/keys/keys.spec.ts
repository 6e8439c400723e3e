import { afterEach, describe, expect, it, jest } from '@jest/globals';
import {
  Controller,
  type DynamicModule,
  Get,
  Inject,
  Module,
  Param,
  Req,
  type Type,
  UseInterceptors,
  Version,
  VERSION_NEUTRAL,
  type VersioningOptions,
  VersioningType,
} from '@nestjs/common';
import { APP_INTERCEPTOR, RouterModule } from '@nestjs/core';
import { CacheInterceptor } from '../../../../src/nest/http/cache.interceptor.js';
import { CacheRoute } from '../../../../src/nest/http/route/cache-route.decorator.js';
import {
  type Answer,
  bodiesOf,
  closeSites,
  type Platform,
  type PlatformRequest,
  routesOn,
  type Site,
  statesOf,
} from '../../http.fixture.js';

jest.setTimeout(30_000);
afterEach(closeSites);

/** Sends requests one after the other. Returns the bodies and the cache states of the answers. */
async function answersTo(
  site: Site,
  requests: readonly (string | [path: string, headers: Record<string, string>])[],
): Promise<{ bodies: string[]; states: unknown[] }> {
  const answers: Answer[] = [];
  for (const request of requests)
    answers.push(typeof request === 'string' ? await site.get(request) : await site.get(...request));
  return { bodies: bodiesOf(answers), states: statesOf(answers) };
}

/** Creates a module that provides a name to its controllers. */
function shopModule(name: string, controller: Type, moduleName = name): { module: Type; named: DynamicModule } {
  const module = { [moduleName]: class {} }[moduleName] as Type;
  Module({})(module);
  return { module, named: { module, controllers: [controller], providers: [{ provide: 'NAME', useValue: name }] } };
}

/** Creates a new class with the name `Items`. */
function itemsController(path: string, answer: string): Type {
  @Controller(path)
  @UseInterceptors(CacheInterceptor)
  class Items {
    @Get()
    @CacheRoute({ key: 'all' })
    all(): string {
      return answer;
    }
  }
  return Items;
}

const routed = (...parts: { module: Type }[]): DynamicModule =>
  RouterModule.register(parts.map(({ module }, i) => ({ path: String(i), module })));

describe.each<[Platform]>([['express'], ['fastify']])('keys of the routes of %s', (platform) => {
  const { open, openController } = routesOn(platform);

  describe('of one class in two modules', () => {
    @Controller('items')
    class Items {
      constructor(@Inject('NAME') private readonly name: string) {}

      @Get()
      @CacheRoute({ key: 'all' })
      all(): string {
        return this.name;
      }

      @Get(':id')
      @CacheRoute({ key: (request) => request.params.id ?? '' })
      one(@Param('id') id: string): string {
        return `${id} of ${this.name}`;
      }
    }

    @UseInterceptors(CacheInterceptor)
    class BoundItems extends Items {}

    it.each([
      ['for the whole application', Items, [{ provide: APP_INTERCEPTOR, useClass: CacheInterceptor }]],
      ['to the controller', BoundItems, []],
    ])('keeps them apart with the interceptor bound %s (fault 9)', async (_, controller, providers) => {
      const [shop, admin] = [shopModule('shop', controller), shopModule('admin', controller)];
      const site = await open({ controllers: [], providers, imports: [shop.named, admin.named, routed(shop, admin)] });

      const answers = await answersTo(site, [
        '/0/items',
        '/1/items',
        '/0/items/7',
        '/1/items/7',
        '/0/items',
        '/1/items',
      ]);

      expect(answers.bodies).toEqual(['shop', 'admin', '7 of shop', '7 of admin', 'shop', 'admin']);
      expect(answers.states).toEqual(['MISS', 'MISS', 'MISS', 'MISS', 'HIT', 'HIT']);
    });
  });

  it('keeps two classes of one name in modules of one name apart (fault 9)', async () => {
    const controllers = ['first', 'second'].map((answer) => itemsController('items', answer));
    const modules = controllers.map((controller) => shopModule('', controller, 'Shop'));
    const site = await open({ controllers: [], imports: [...modules.map(({ named }) => named), routed(...modules)] });

    const answers = await answersTo(site, ['/0/items', '/1/items', '/0/items', '/1/items']);

    expect(answers).toEqual({ bodies: ['first', 'second', 'first', 'second'], states: ['MISS', 'MISS', 'HIT', 'HIT'] });
  });

  it('keeps two classes of one name in one module apart (fault 9)', async () => {
    const controllers = ['first', 'second'].map((answer) => itemsController(answer, answer));
    const site = await open({ controllers });

    const answers = await answersTo(site, ['/first', '/second', '/first', '/second']);

    expect(answers).toEqual({ bodies: ['first', 'second', 'first', 'second'], states: ['MISS', 'MISS', 'HIT', 'HIT'] });
  });

  describe('of one handler with several versions', () => {
    const header = (version: string): Record<string, string> => ({ 'x-v': version });
    const mediaType = (version: string): Record<string, string> => ({ accept: `application/json;v=${version}` });
    const byHeader: VersioningOptions = { type: VersioningType.HEADER, header: 'X-V' };
    const extractor = (request: unknown): string => (request as PlatformRequest).headers['x-v'] ?? '';

    function versioned(versions: string | (string | symbol)[], key?: string): Type {
      @Controller('items')
      @UseInterceptors(CacheInterceptor)
      class Items {
        @Get()
        @Version(versions as string[])
        @CacheRoute(key === undefined ? {} : { key: () => key })
        all(@Req() request: PlatformRequest): string {
          return (
            /v\d/.exec(request.originalUrl)?.[0] ??
            /\d/.exec(request.headers['x-v'] ?? request.headers.accept ?? '')?.[0] ??
            'none'
          );
        }
      }
      return Items;
    }

    it.each<[string, VersioningOptions, (version: string) => Record<string, string>]>([
      ['a header', byHeader, header],
      ['a media type', { type: VersioningType.MEDIA_TYPE, key: 'v=' }, mediaType],
      ['an extractor', { type: VersioningType.CUSTOM, extractor }, header],
    ])('keeps versions chosen by %s apart, with a key and without (fault 9)', async (_, versioning, headersOf) => {
      for (const key of [undefined, 'all']) {
        const site = await openController(versioned(['1', '2'], key), {
          prepare: (app) => app.enableVersioning(versioning),
        });

        const answers = await answersTo(
          site,
          ['1', '2', '1', '2'].map((version) => ['/items', headersOf(version)]),
        );

        expect(answers).toEqual({ bodies: ['1', '2', '1', '2'], states: ['MISS', 'MISS', 'HIT', 'HIT'] });
      }
    });

    it('keeps versions in the path apart, with a key (fault 9)', async () => {
      const site = await openController(versioned(['1', '2'], 'all'), {
        prepare: (app) => app.enableVersioning({ type: VersioningType.URI }),
      });

      const answers = await answersTo(site, ['/v1/items', '/v2/items', '/v1/items', '/v2/items']);

      expect(answers).toEqual({ bodies: ['v1', 'v2', 'v1', 'v2'], states: ['MISS', 'MISS', 'HIT', 'HIT'] });
    });

    it('keeps versions that only the application names apart (fault 9)', async () => {
      @Controller('items')
      @UseInterceptors(CacheInterceptor)
      class Items {
        @Get()
        all(@Req() request: PlatformRequest): string {
          return request.headers['x-v'] ?? 'none';
        }
      }
      const site = await openController(Items, {
        prepare: (app) => app.enableVersioning({ ...byHeader, defaultVersion: ['1', '2'] }),
      });

      const answers = await answersTo(site, [
        ['/items', header('1')],
        ['/items', header('2')],
        ['/items', header('1')],
      ]);

      expect(answers).toEqual({ bodies: ['1', '2', '1'], states: ['MISS', 'MISS', 'HIT'] });
    });

    it('keeps a request without version apart where the handler takes both (fault 9)', async () => {
      const site = await openController(versioned(['1', VERSION_NEUTRAL]), {
        prepare: (app) => app.enableVersioning(byHeader),
      });

      const answers = await answersTo(site, [['/items', header('1')], '/items', ['/items', header('1')], '/items']);

      expect(answers).toEqual({ bodies: ['1', 'none', '1', 'none'], states: ['MISS', 'MISS', 'HIT', 'HIT'] });
    });

    it.each<[string, VersioningOptions, (version: string) => Record<string, string>, string]>([
      ['X-V', byHeader, header, 'x-v'],
      ['Accept', { type: VersioningType.MEDIA_TYPE, key: 'v=' }, mediaType, 'accept'],
    ])('tells caches in front that %s chooses the version (fault 9)', async (_, versioning, headersOf, name) => {
      const site = await openController(versioned('1'), { prepare: (app) => app.enableVersioning(versioning) });

      const answers = await site.twice('/items', headersOf('1'));

      expect(statesOf(answers)).toEqual(['MISS', 'HIT']);
      expect(answers.map(({ headers }) => headers.vary?.toLowerCase())).toEqual([name, name]);
    });
  });
});
