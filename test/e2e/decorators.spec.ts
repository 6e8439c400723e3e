import {
  type CanActivate,
  Controller,
  type ExecutionContext,
  Get,
  Inject,
  Injectable,
  type INestApplication,
  Logger,
  Module,
  type ModuleMetadata,
  Param,
  Post,
  Query,
  Scope,
  UseGuards,
} from '@nestjs/common';
import { REQUEST } from '@nestjs/core';
import { Test } from '@nestjs/testing';
import { afterEach, describe, expect, it } from '@jest/globals';
import { CacheKitModule } from '../../src/cache-kit.module.js';
import { CacheService } from '../../src/core/cache.service.js';
import { CacheInvalidate } from '../../src/nest/decorators/cache-invalidate.decorator.js';
import { CachePut } from '../../src/nest/decorators/cache-put.decorator.js';
import { CachedMany } from '../../src/nest/decorators/cached-many.decorator.js';
import { Cached } from '../../src/nest/decorators/cached.decorator.js';
import { getCacheToken } from '../../src/nest/inject-cache.decorator.js';

interface Product {
  id: string;
  price: number;
}

/** The database of one application. */
@Injectable()
class Products {
  readonly rows = new Map([
    ['a', 1],
    ['b', 2],
    ['c', 3],
  ]);
  readonly queries: string[] = [];

  query<T>(name: string, answer: T): T {
    this.queries.push(name);
    return answer;
  }
}

@Injectable()
class ProductService {
  constructor(private readonly products: Products) {}

  @Cached({ key: (id: string) => `product:${id}`, tags: (product: Product) => [`product:${product.id}`] })
  async find(id: string): Promise<Product> {
    return this.products.query(`find ${id}`, { id, price: this.products.rows.get(id) ?? 0 });
  }

  @CachedMany({ key: (id: string) => `product:${id}` })
  async findMany(ids: string[]): Promise<Map<string, Product>> {
    return this.products.query(
      `many ${ids.join()}`,
      new Map(ids.map((id) => [id, { id, price: this.products.rows.get(id) ?? 0 }])),
    );
  }

  @CachePut({ key: (id: string) => `product:${id}` })
  async setPrice(id: string, price: number): Promise<Product> {
    this.products.rows.set(id, price);
    return this.products.query(`set ${id}`, { id, price });
  }

  @CacheInvalidate({ tags: (_removed: unknown, id: string) => [`product:${id}`] })
  async remove(id: string): Promise<void> {
    this.products.query(`remove ${id}`, this.products.rows.delete(id));
  }
}

@Injectable()
class KeyGuard implements CanActivate {
  canActivate(context: ExecutionContext): boolean {
    return context.switchToHttp().getRequest<{ headers: Record<string, string> }>().headers['x-key'] === 'open';
  }
}

@Controller('products')
class ProductController {
  constructor(
    private readonly service: ProductService,
    private readonly products: Products,
  ) {}

  @Get('above/:id')
  @UseGuards(KeyGuard)
  @Cached()
  above(@Param('id') id: string, @Query('page') page?: string): object {
    return this.products.query(`above ${id} ${page ?? ''}`, { id, page });
  }

  @Cached()
  @UseGuards(KeyGuard)
  @Get('below/:id')
  below(@Param('id') id: string, @Query('page') page?: string): object {
    return this.products.query(`below ${id} ${page ?? ''}`, { id, page });
  }

  @Get('many')
  async many(@Query('ids') ids: string): Promise<Product[]> {
    return [...(await this.service.findMany(ids.split(','))).values()];
  }

  @Get(':id')
  find(@Param('id') id: string): Promise<Product> {
    return this.service.find(id);
  }

  @Post(':id/price/:price')
  setPrice(@Param('id') id: string, @Param('price') price: string): Promise<Product> {
    return this.service.setPrice(id, Number(price));
  }

  @Post(':id/remove')
  remove(@Param('id') id: string): Promise<void> {
    return this.service.remove(id);
  }
}

Logger.overrideLogger(false);
const open: INestApplication[] = [];

interface Shop {
  app: INestApplication;
  get(path: string): Promise<unknown>;
  post(path: string): Promise<unknown>;
}

async function listen(metadata: ModuleMetadata): Promise<Shop> {
  const app = (
    await Test.createTestingModule({ ...metadata, imports: metadata.imports ?? [CacheKitModule.forRoot()] }).compile()
  ).createNestApplication();
  open.push(app);
  await app.listen(0, '127.0.0.1');
  const url = await app.getUrl();
  const ask = async (path: string, method: string): Promise<unknown> => {
    const response = await fetch(`${url}/${path}`, {
      method,
      headers: { 'x-key': 'open', 'x-user': path.split('#')[1] ?? '' },
    });
    const text = await response.text();
    return text === '' ? response.status : (JSON.parse(text) as unknown);
  };
  return { app, get: (path) => ask(path, 'GET'), post: (path) => ask(path, 'POST') };
}

const shopOf = (): Promise<Shop> => listen({ controllers: [ProductController], providers: [ProductService, Products] });
const queriesOf = ({ app }: Shop): string[] => app.get(Products, { strict: false }).queries;

afterEach(async () => {
  await Promise.all(open.splice(0).map((app) => app.close()));
});

describe('decorated methods behind routes', () => {
  it('answer from the cache, are written through, and are invalidated', async () => {
    const shop = await shopOf();

    const answers = [
      await shop.get('products/a'),
      await shop.get('products/a'),
      await shop.post('products/a/price/9'),
      await shop.get('products/a'),
      await shop.get('products/b'),
      await shop.post('products/b/remove'),
      await shop.get('products/b'),
    ];

    expect(answers).toEqual([
      { id: 'a', price: 1 },
      { id: 'a', price: 1 },
      { id: 'a', price: 9 },
      { id: 'a', price: 9 },
      { id: 'b', price: 2 },
      201,
      { id: 'b', price: 0 },
    ]);
    expect(queriesOf(shop)).toEqual(['find a', 'set a', 'find b', 'remove b', 'find b']);
  });

  it('share entries between @Cached and @CachedMany', async () => {
    const shop = await shopOf();
    await shop.get('products/b');

    const answer = await shop.get('products/many?ids=a,b,c');

    expect(answer).toEqual([
      { id: 'a', price: 1 },
      { id: 'b', price: 2 },
      { id: 'c', price: 3 },
    ]);
    expect(queriesOf(shop)).toEqual(['find b', 'many a,c']);
  });

  it('run once for concurrent requests', async () => {
    const shop = await shopOf();

    await Promise.all(Array.from({ length: 20 }, () => shop.get('products/a')));

    expect(queriesOf(shop)).toEqual(['find a']);
  });
});

describe('@Cached on a handler', () => {
  it.each(['above', 'below'])('keeps route, parameters and guards when @Get stands %s it', async (order) => {
    const shop = await shopOf();

    const answers = [
      await shop.get(`products/${order}/a?page=1`),
      await shop.get(`products/${order}/a?page=1`),
      await shop.get(`products/${order}/a?page=2`),
    ];

    expect(answers).toEqual([
      { id: 'a', page: '1' },
      { id: 'a', page: '1' },
      { id: 'a', page: '2' },
    ]);
    expect(queriesOf(shop)).toEqual([`${order} a 1`, `${order} a 2`]);
  });

  it.each(['above', 'below'])(
    'lets the guard refuse although the answer is cached, when @Get stands %s it',
    async (order) => {
      const shop = await shopOf();
      await shop.get(`products/${order}/a`);

      const { status } = await fetch(`${await shop.app.getUrl()}/products/${order}/a`);

      expect(status).toBe(403);
    },
  );
});

describe('several applications in one process', () => {
  it('use their own caches and instances', async () => {
    const [one, other] = [await shopOf(), await shopOf()];
    other.app.get(Products).rows.set('a', 100);

    const answers = [
      await one.get('products/a'),
      await other.get('products/a'),
      await one.get('products/a'),
      await other.get('products/a'),
    ];

    expect(answers).toEqual([
      { id: 'a', price: 1 },
      { id: 'a', price: 100 },
      { id: 'a', price: 1 },
      { id: 'a', price: 100 },
    ]);
    expect([queriesOf(one), queriesOf(other)]).toEqual([['find a'], ['find a']]);
  });

  it('do not disturb each other when one is closed', async () => {
    const [one, other] = [await shopOf(), await shopOf()];
    await other.get('products/a');
    await one.app.close();

    await other.get('products/a');

    expect(queriesOf(other)).toEqual(['find a']);
  });
});

describe('one class in several modules', () => {
  it('shares one cache, although each module imports it for itself', async () => {
    const moduleWith = (name: string) => {
      @Module({
        imports: [CacheKitModule.forRoot({ isGlobal: false })],
        providers: [Products, ProductService, { provide: `cache of ${name}`, useExisting: CacheService }],
      })
      class Shop {}
      return Shop;
    };
    const [East, West] = [moduleWith('east'), moduleWith('west')];
    const { app } = await listen({ imports: [East, West] });

    await app.select(East).get(ProductService, { strict: true }).find('a');

    expect(await app.get<CacheService>('cache of east', { strict: false }).has('product:a')).toBe(true);
    expect(await app.get<CacheService>('cache of west', { strict: false }).has('product:a')).toBe(true);
  });
});

describe('several caches', () => {
  @Injectable()
  class Sessions {
    @Cached({ key: (id: string) => id })
    async user(id: string): Promise<string> {
      return `user ${id}`;
    }

    @Cached({ cache: 'sessions', key: (id: string) => id })
    async session(id: string): Promise<string> {
      return `session ${id}`;
    }
  }

  it('are told apart by `cache`', async () => {
    const { app } = await listen({
      imports: [CacheKitModule.forRoot(), CacheKitModule.forRoot({ name: 'sessions' })],
      providers: [Sessions],
    });
    const service = app.get(Sessions);

    const answers = [await service.user('a'), await service.session('a')];

    expect(answers).toEqual(['user a', 'session a']);
    expect(await app.get(CacheService).get('a')).toBe('user a');
    expect(await app.get<CacheService>(getCacheToken('sessions') as string).get('a')).toBe('session a');
  });
});

describe('request-scoped and transient providers', () => {
  @Injectable({ scope: Scope.REQUEST })
  class Cart {
    constructor(
      @Inject(REQUEST) private readonly request: { headers: Record<string, string> },
      private readonly products: Products,
    ) {}

    @Cached({
      key(this: Cart, id: string) {
        return `cart:${this.user}:${id}`;
      },
    })
    async price(id: string): Promise<string> {
      return this.products.query(`price ${this.user} ${id}`, `${id} for ${this.user}`);
    }

    get user(): string {
      return this.request.headers['x-user'] ?? '';
    }
  }

  @Injectable({ scope: Scope.TRANSIENT })
  class Rates {
    constructor(private readonly products: Products) {}

    @Cached()
    async rate(currency: string): Promise<string> {
      return this.products.query(`rate ${currency}`, `rate of ${currency}`);
    }
  }

  @Controller('cart')
  class CartController {
    constructor(
      private readonly cart: Cart,
      private readonly rates: Rates,
      @Inject('other rates') private readonly others: Rates,
    ) {}

    @Get(':id')
    async price(@Param('id') id: string): Promise<unknown[]> {
      return [await this.cart.price(id), await this.rates.rate('EUR'), await this.others.rate('EUR')];
    }
  }

  it('have `this` of their request, and the cache of the application', async () => {
    const shop = await listen({
      controllers: [CartController],
      providers: [Cart, Rates, Products, { provide: 'other rates', useClass: Rates, scope: Scope.TRANSIENT }],
    });

    const answers = [await shop.get('cart/a#ann'), await shop.get('cart/a#bob'), await shop.get('cart/a#ann')];

    expect(answers).toEqual(['ann', 'bob', 'ann'].map((user) => [`a for ${user}`, 'rate of EUR', 'rate of EUR']));
    expect(queriesOf(shop)).toEqual(['price ann a', 'rate EUR', 'price bob a']);
  });
});
