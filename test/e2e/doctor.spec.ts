import { afterEach, describe, expect, it } from '@jest/globals';
import { type CanActivate, Controller, Get, Injectable, Post, UseGuards, UseInterceptors } from '@nestjs/common';
import {
  Cached,
  CacheInterceptor,
  CacheKitModule,
  CacheRoute,
  CacheService,
  CacheInvalidate,
} from '../../src/index.js';
import { PLATFORMS, type RunningApp, startApp } from '../support/nest-app.js';

/** `GET <admin>/doctor`; its guards are tested in admin.spec.ts. */

@Injectable()
class Anyone implements CanActivate {
  canActivate(): boolean {
    return true;
  }
}

@Injectable()
class ProductService {
  @Cached({ key: (id: string) => `product:${id}`, tags: ['products'] })
  find(id: string, locale: string): Promise<string> {
    return Promise.resolve(id + locale);
  }

  @CacheInvalidate({ tags: ['prodcuts'] })
  change(): void {
    return undefined;
  }
}

@Controller('shop')
@UseInterceptors(CacheInterceptor)
class ShopController {
  @Post()
  @CacheRoute()
  order(): string {
    return 'ok';
  }

  @Get('mine')
  @UseGuards(Anyone)
  @CacheRoute()
  mine(): string {
    return 'mine';
  }
}

@Controller('quiet')
@UseInterceptors(CacheInterceptor)
class QuietController {
  @Get()
  @CacheRoute({ ttl: '1m' })
  get(): string {
    return 'ok';
  }
}

let running: RunningApp | undefined;

afterEach(async () => {
  await running?.app.close();
  running = undefined;
});

describe.each(PLATFORMS)('the doctor on %s', (platform) => {
  const start = async (parts: object): Promise<{ cache: CacheService; ask: () => Promise<unknown> }> => {
    running = await startApp(
      { imports: [CacheKitModule.forRoot({ admin: { guards: [Anyone] } })], ...parts },
      platform,
    );
    const { url, app } = running;
    const ask = async (): Promise<unknown> => {
      const response = await fetch(`${url}/admin/cache/doctor`);
      expect([response.status, response.headers.get('cache-control')]).toEqual([200, 'no-store']);
      return response.json();
    };
    return { cache: app.get(CacheService), ask };
  };

  it('says nothing of an application that is in order', async () => {
    const { ask, cache } = await start({ controllers: [QuietController] });
    await cache.set('a', 1, { tags: ['t'] });
    await cache.invalidateTags(['t']);

    expect(await ask()).toEqual({ findings: [] });
  });

  it('joins what the start has found with what runs badly now, the worst first', async () => {
    const { ask, cache } = await start({ controllers: [ShopController], providers: [ProductService] });
    for (let i = 0; i < 10; i++) await cache.invalidateTags(['brnad:1']);

    expect(await ask()).toEqual({
      findings: [
        finding('warning', /^The tag 'brnad:…' was invalidated 10 times/),
        finding('warning', /ShopController\.order is never cached: it is no GET/),
        finding('warning', /ShopController\.mine is never cached: it has a guard, and no scope/),
        finding('warning', /@CacheInvalidate on ProductService\.change invalidates the tag 'prodcuts'/),
        finding('hint', /@Cached on ProductService\.find: its `key` does not get the last argument/),
      ],
    });
  });

  it('leaves hints out of a `strict` start', async () => {
    const strict = CacheKitModule.forRoot({ strict: true, admin: { guards: [Anyone] } });
    @Injectable()
    class Service {
      @Cached({ key: (id: string) => id })
      find(id: string, locale: string): Promise<string> {
        return Promise.resolve(id + locale);
      }
    }
    const { ask } = await start({ imports: [strict], providers: [Service] });

    expect(await ask()).toEqual({ findings: [finding('hint', /Service\.find/)] });
  });
});

function finding(level: string, problem: RegExp): object {
  return { level, problem: expect.stringMatching(problem), fix: expect.stringMatching(/\.$/) };
}
