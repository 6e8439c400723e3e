import { Inject, Injectable, Optional } from '@nestjs/common';
import { Test, type TestingModule } from '@nestjs/testing';
import { afterEach, describe, expect, it } from '@jest/globals';
import { CacheKitModule } from '../../cache-kit.module.js';
import { Cached } from './cached.decorator.js';
import { CachedMany } from './cached-many.decorator.js';
import { CacheInvalidate } from './cache-invalidate.decorator.js';
import { CachePut } from './cache-put.decorator.js';
import { closeAll } from './decorators.fixture.js';
import { passThrough } from './pass-through.js';

@Injectable()
class ProductService {
  calls: unknown[][] = [];

  @Cached({ key: (id: string) => `product:${id}` })
  async find(id: string): Promise<string> {
    this.calls.push([id]);
    return `product ${id}`;
  }

  @CachedMany({ key: String })
  async many(ids: string[]): Promise<string[]> {
    this.calls.push(ids);
    return ids;
  }

  @CachePut({ key: 'a' })
  async put(value: string): Promise<string> {
    return value;
  }

  @CacheInvalidate({ keys: ['a'] })
  async remove(id: string): Promise<string> {
    return id;
  }

  @Cached({ cache: 'sessions' })
  fail(): Promise<void> {
    throw new Error('no such product');
  }
}

const ends: (() => void)[] = [];
const begin = (): void => void ends.push(passThrough());

afterEach(async () => {
  for (const end of ends.splice(0)) end();
  delete process.env['CACHE_KIT_MODE'];
  await closeAll();
});

const WAYS: [string, () => void][] = [
  ['passThrough()', begin],
  ['CACHE_KIT_MODE=pass-through', () => (process.env['CACHE_KIT_MODE'] = 'pass-through')],
];

describe.each(WAYS)('with %s', (_, prepare) => {
  it('every decorated method of an object made by hand runs itself', async () => {
    prepare();
    const service = new ProductService();

    expect(await service.find('1')).toBe('product 1');
    expect(await service.find('1')).toBe('product 1');
    expect(await service.many(['1', '2'])).toEqual(['1', '2']);
    expect(await service.put('v')).toBe('v');
    expect(await service.remove('r')).toBe('r');
    await expect(service.fail()).rejects.toThrow('no such product');
    expect(service.calls).toEqual([['1'], ['1'], ['1', '2']]);
  });

  it('an object that Nest has given a cache uses it', async () => {
    prepare();
    const app = await Test.createTestingModule({
      imports: [CacheKitModule.forRoot(), CacheKitModule.forRoot({ name: 'sessions' })],
      providers: [ProductService],
    }).compile();
    await app.init();
    const service = app.get(ProductService);

    await service.find('1');
    await service.find('1');

    expect(service.calls).toEqual([['1']]);
    await app.close();
  });

  it('a method without its object is still refused', async () => {
    prepare();
    const { find } = new ProductService();

    await expect(find('1')).rejects.toThrow('was called without its object');
  });
});

@Injectable()
class SessionService {
  @Cached({ cache: 'sessions' })
  async find(): Promise<number> {
    return 1;
  }
}

describe('the generated test of a service', () => {
  const compile = (type: new () => object): Promise<TestingModule> =>
    Test.createTestingModule({ providers: [type] }).compile();

  it('fails without a cache, and is told what to write', async () => {
    await expect(compile(ProductService)).rejects.toThrow(
      /`\.\.\.provideTestCache\(\)` of nestjs-cache-kit\/testing to the providers, or set CACHE_KIT_MODE=pass-through/,
    );
    await expect(compile(SessionService)).rejects.toThrow(/provideTestCache\(\{ name: 'sessions' \}\)/);
  });

  it('passes while the process passes through, whenever that began, and no longer', async () => {
    const end = passThrough();
    const app = await compile(ProductService);

    expect(await app.get(ProductService).find('1')).toBe('product 1');

    end();
    await expect(compile(ProductService)).rejects.toThrow(/provideTestCache/);
  });

  it('passes with CACHE_KIT_MODE, when that was set before the class was loaded', async () => {
    process.env['CACHE_KIT_MODE'] = 'pass-through';
    @Injectable()
    class Late {
      @Cached()
      async find(): Promise<number> {
        return 1;
      }

      @Optional()
      @Inject('nothing')
      readonly nothing?: unknown;
    }

    expect(await (await compile(Late)).get(Late).find()).toBe(1);
  });

  it('passes, and runs a method itself whose cache is not among those of the application', async () => {
    begin();
    const app = await Test.createTestingModule({
      imports: [CacheKitModule.forRoot()],
      providers: [ProductService],
    }).compile();
    await app.init();

    await expect(app.get(ProductService).fail()).rejects.toThrow('no such product');
    await app.close();
  });

  it('still needs what else the class injects', async () => {
    begin();
    class Shop extends ProductService {
      @Inject('rates')
      readonly rates!: unknown;
    }

    await expect(compile(Shop)).rejects.toThrow(/rates/);
  });
});

it('lasts until everybody who began it has ended it', async () => {
  const end = passThrough();
  begin();

  end();
  end();

  expect(await new ProductService().find('1')).toBe('product 1');
});

it('refuses a CACHE_KIT_MODE that means nothing', async () => {
  process.env['CACHE_KIT_MODE'] = 'off';

  await expect(new ProductService().find('1')).rejects.toThrow(
    "Expected the environment variable CACHE_KIT_MODE to be 'pass-through', or not to be set, got `off`.",
  );
});

it('says what to do in a unit test where it does not pass through', async () => {
  await expect(new ProductService().find('1')).rejects.toThrow(
    /made with `new`.*provideTestCache.*CACHE_KIT_MODE=pass-through/,
  );
});
