import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';

const entryFile = fileURLToPath(new URL('../../sample-app/dist/main.js', import.meta.url));
const adminToken = 'token-of-the-test';
const startLimitMs = 90_000;

// A page of the catalogue needs thirteen queries to a database in the shop's process, which is slow on a busy machine.
jest.setTimeout(30_000);

const files = mkdtempSync(join(tmpdir(), 'cache-kit-shop-'));
afterAll(() => rmSync(files, { recursive: true, force: true }));

const onFiles = { CACHE_BACKEND: 'file', CACHE_FILE_DIRECTORY: join(files, 'one shop') };

describe.each<[httpAdapter: string, backend: string, settings: Record<string, string>]>([
  ['express', 'memory', {}],
  ['fastify', 'memory', {}],
  ['express', 'file', onFiles],
])('the shop on %s with the cache in %s', (httpAdapter, backend, settings) => {
  let shop: Shop;

  beforeAll(async () => {
    shop = await startShop({ HTTP_ADAPTER: httpAdapter, ...settings });
  }, startLimitMs);

  afterAll(async () => {
    await shop.stop();
  });

  describe('the catalogue', () => {
    it('is a MISS, then a HIT with the same body', async () => {
      const first = await shop.get('/api/catalog?page=2');
      const second = await shop.get('/api/catalog?page=2');

      expect([first.status, second.status]).toEqual([200, 200]);
      expect([first.headers.get('x-cache'), second.headers.get('x-cache')]).toEqual(['MISS', 'HIT']);
      expect(second.text).toBe(first.text);
      expect(first.json).toMatchObject({
        page: 2,
        limit: 20,
        total: expect.any(Number),
        generated_at: expect.any(String),
      });
      expect(first.json.products).toHaveLength(20);
      expect(first.json.categories).toHaveLength(12);
    });

    it('tells for how long the stored answer holds', async () => {
      await shop.get('/api/catalog?page=3');
      const { headers } = await shop.get('/api/catalog?page=3');

      expect(headers.get('cache-control')).toBe('public, max-age=60');
      expect(Number(headers.get('x-cache-ttl'))).toBeGreaterThan(0);
      expect(Number(headers.get('x-cache-ttl'))).toBeLessThanOrEqual(60);
    });

    it('has the ten thousand products', async () => {
      const { json } = await shop.get('/api/catalog');

      expect(json.total).toBeGreaterThanOrEqual(10_000);
      expect(json.products[0]).toEqual({
        id: 1,
        name: 'Wireless Keyboard',
        category: 'Electronics',
        price: 79.99,
        in_stock: true,
      });
    });

    it('keeps one answer per page, whatever else the query says', async () => {
      await shop.get('/api/catalog?page=4');
      const samePage = await shop.get('/api/catalog?page=4&utm_source=mail');
      const otherPage = await shop.get('/api/catalog?page=5');

      expect(samePage.headers.get('x-cache')).toBe('HIT');
      expect(otherPage.headers.get('x-cache')).toBe('MISS');
    });

    it.each(['0', '-1', '1.5', 'abc', '', '1&page=2'])('refuses page=%s', async (page) => {
      const { status, json } = await shop.get(`/api/catalog?page=${page}`);

      expect(status).toBe(400);
      expect(json.error).toContain('Expected page to be a whole number from 1');
    });
  });

  describe('a product', () => {
    it('comes from the database, then from the cache', async () => {
      const first = await shop.get('/api/products/42');
      const second = await shop.get('/api/products/42');

      expect(first.json.source).toBe('database');
      expect(second.json).toEqual({ ...first.json, source: 'cache' });
    });

    it('shows its new price from the cache, and the catalogue follows', async () => {
      await shop.get('/api/catalog?page=1');
      const changed = await shop.send('PUT', '/api/products/1/price', { price: 64.5 });
      const product = await shop.get('/api/products/1');
      const catalog = await shop.get('/api/catalog?page=1');

      expect(changed.json).toEqual({
        id: 1,
        name: 'Wireless Keyboard',
        category: 'Electronics',
        price: 64.5,
        in_stock: true,
      });
      expect(product.json).toEqual({ ...changed.json, source: 'cache' });
      expect(catalog.headers.get('x-cache')).toBe('MISS');
      expect(catalog.json.products[0].price).toBe(64.5);
    });

    it('appears in the catalogue as soon as it is created', async () => {
      await shop.get('/api/catalog?page=1');
      const created = await shop.send('POST', '/api/products', {
        name: 'Tea Kettle',
        category: 'kitchen',
        price: 24.5,
      });
      const catalog = await shop.get('/api/catalog?page=1');

      expect(created.status).toBe(201);
      expect(created.json).toEqual({
        id: expect.any(Number),
        name: 'Tea Kettle',
        category: 'Kitchen',
        price: 24.5,
        in_stock: true,
      });
      expect(catalog.headers.get('x-cache')).toBe('MISS');
      expect(catalog.json.new_arrivals[0]).toEqual(created.json);
    });

    it('is queried with others only when it is missing', async () => {
      await shop.get('/api/products/51');
      const { json } = await shop.get('/api/products?ids=51,52,53');
      const again = await shop.get('/api/products?ids=53,51,52');

      expect(json.products).toMatchObject([{ id: 51 }, { id: 52 }, { id: 53 }]);
      expect([json.from_cache, json.from_database]).toEqual([[51], [52, 53]]);
      expect([again.json.from_cache, again.json.from_database]).toEqual([[53, 51, 52], []]);
    });

    it('is dropped with its category', async () => {
      await shop.get('/api/products?ids=2');
      await shop.get('/api/products/5');
      await shop.get('/api/products/3');
      await shop.admin('POST', '/admin/cache/invalidate', { tags: ['category:Fitness'] });

      expect((await shop.get('/api/products/2')).json).toMatchObject({ category: 'Fitness', source: 'database' });
      expect((await shop.get('/api/products/5')).json).toMatchObject({ category: 'Fitness', source: 'database' });
      expect((await shop.get('/api/products/3')).json).toMatchObject({ category: 'Kitchen', source: 'cache' });
    });

    it('is a 404 while it does not exist', async () => {
      const { status, json } = await shop.get('/api/products/2000000');

      expect([status, json]).toEqual([404, { error: 'Product not found' }]);
    });

    it.each([
      ['GET', '/api/products/abc', undefined, 'Expected id to be a whole number'],
      ['GET', '/api/products/99999999999', undefined, 'Expected id to be a whole number'],
      ['GET', '/api/products', undefined, 'Expected ids, such as ?ids=1,2,3'],
      ['GET', '/api/products?ids=1,x', undefined, 'Expected each of ids to be a whole number'],
      ['PUT', '/api/products/42/price', {}, 'Price must be a number'],
      ['PUT', '/api/products/42/price', { price: '9' }, 'Price must be a number'],
      ['PUT', '/api/products/42/price', { price: -1 }, 'Price must be a number'],
      ['POST', '/api/products', { category: 'Kitchen', price: 1 }, 'Name is required'],
      ['POST', '/api/products', { name: 'Cup', category: 'Cups', price: 1 }, 'There is no category "Cups"'],
    ])('refuses %s %s %j', async (method, path, body, message) => {
      const { status, json } = await shop.send(method, path, body);

      expect(status).toBe(400);
      expect(json.error).toContain(message);
    });
  });

  describe('the store exercise', () => {
    const electronics = '/api/store/products?category=Electronics&page=1';
    const products = [
      { id: 1, name: 'Wireless Keyboard', category: 'Electronics', price: 79.99, in_stock: true },
      { id: 4, name: 'Standing Desk', category: 'Electronics', price: 549.99, in_stock: true },
      { id: 6, name: 'Bluetooth Speaker', category: 'Electronics', price: 39.99, in_stock: true },
    ];

    it('answers from the database, then from the cache, as the chapter says', async () => {
      const first = await shop.get(electronics);
      const second = await shop.get(electronics);

      expect(first.json).toEqual({
        products,
        page: 1,
        limit: 20,
        total: 3,
        pages: 1,
        generated_at: expect.any(String),
        source: 'database',
      });
      expect(second.json).toEqual({ ...first.json, source: 'cache' });
    });

    it('takes the category in any case', async () => {
      const { json } = await shop.get('/api/store/products?category=eLECTRONICS&page=1&limit=2');

      expect(json).toMatchObject({ products: products.slice(0, 2), total: 3, pages: 2 });
    });

    it('queries only the listings again that a created product belongs to', async () => {
      const fitness = '/api/store/products?category=Fitness';
      for (const path of [electronics, fitness, '/api/store/products']) await shop.get(path);
      const created = await shop.send('POST', '/api/store/products', {
        name: 'Smart Watch',
        category: 'Electronics',
        price: 299.99,
      });

      expect(created.status).toBe(201);
      expect(created.json).toEqual({
        message: 'Product created',
        product: { id: 9, name: 'Smart Watch', category: 'Electronics', price: 299.99, in_stock: true },
        cache_invalidated: true,
      });
      expect((await shop.get(electronics)).json).toMatchObject({ total: 4, source: 'database' });
      expect((await shop.get('/api/store/products')).json).toMatchObject({ total: 9, source: 'database' });
      expect((await shop.get(fitness)).json).toMatchObject({ total: 3, source: 'cache' });
    });

    it('requires a name', async () => {
      const { status, json } = await shop.send('POST', '/api/store/products', { price: 1 });

      expect([status, json]).toEqual([400, { error: 'Name is required' }]);
    });

    it.each(['page=0', 'page=x', 'limit=0', 'limit=101', 'limit=1e1', 'category=a%00b', 'category=a&category=b'])(
      'refuses %s',
      async (query) => {
        const { status, json } = await shop.get(`/api/store/products?${query}`);

        expect(status).toBe(400);
        expect(json).toEqual({ error: expect.any(String) });
      },
    );

    it('counts hits and misses', async () => {
      const { hits, misses } = (await shop.get('/api/store/cache-stats')).json as { hits: number; misses: number };
      await shop.get('/api/store/products?category=Kitchen&limit=7');
      for (let call = 0; call < 3; call++) await shop.get('/api/store/products?category=Kitchen&limit=7');
      const after = (await shop.get('/api/store/cache-stats')).json;

      expect(after).toEqual({
        backend,
        entries: expect.any(Number),
        hits: hits + 3,
        misses: misses + 1,
        hit_rate: `${((100 * (hits + 3)) / (hits + misses + 4)).toFixed(1)}%`,
        memory_bytes: expect.any(Number),
        oldest_entry_age: expect.any(Number),
      });
      expect(Number.isInteger(after.oldest_entry_age)).toBe(true);
    });
  });

  describe('a list by category', () => {
    it('refuses a category that Postgres cannot compare', async () => {
      const { status, json } = await shop.get('/api/browse/%00');

      expect(status).toBe(400);
      expect(json.error).toBe('Category contains characters that cannot be stored');
    });

    it('is queried again when a table of its queries was written', async () => {
      const path = '/api/browse/TOYS?page=2';
      const [first, second] = [await shop.get(path), await shop.get(path)];
      await shop.send('POST', '/api/products', { name: 'Marbles', category: 'Toys', price: 4000 });
      const third = await shop.get(path);

      expect(first.json).toMatchObject({ page: 2, limit: 20, total: expect.any(Number) });
      expect(first.json.products).toHaveLength(20);
      expect(second.json).toEqual(first.json);
      expect(third.json.total).toBe((first.json.total as number) + 1);
      expect(third.json.queried_at).not.toBe(first.json.queried_at);
    });
  });

  describe('the views of a product', () => {
    it('are neither counted nor shown for a product that does not exist', async () => {
      const path = '/api/products/999999/views';
      const counted = await shop.send('POST', path);
      const shown = await shop.get(path);

      expect([counted.status, shown.status]).toEqual([404, 404]);
      expect([counted.json, shown.json]).toEqual([{ error: 'Product not found' }, { error: 'Product not found' }]);
    });

    it('are counted at once, and in the database soon', async () => {
      const path = '/api/products/77/views';
      const { views: before } = (await shop.get(path)).json as { views: number };

      const counted = await Promise.all([1, 2, 3].map(() => shop.send('POST', path)));
      const shown = (await shop.get(path)).json;
      await untilSaved(path, before + 3);

      expect(counted.map(({ json }) => json.views as number).sort()).toEqual([before + 1, before + 2, before + 3]);
      expect(shown.views).toBe(before + 3);
    });

    async function untilSaved(path: string, views: number): Promise<void> {
      const endMs = Date.now() + 10_000;
      while ((await shop.get(path)).json.in_database !== views) {
        if (Date.now() > endMs) throw new Error(`The database still has not ${views} views.`);
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
    }
  });

  it('warms the featured products up at its start', async () => {
    const report = (await shop.get('/api/warm-up')).json as Record<'total' | 'loaded' | 'skipped', number>;

    expect(report).toMatchObject({ failed: [] });
    expect(report.loaded + report.skipped).toBe(report.total);
    expect(report.total).toBeGreaterThan(50);
  });

  describe('the administration', () => {
    it('is closed without the token', async () => {
      const without = await shop.get('/admin/cache/stats');
      const wrong = await shop.send('GET', '/admin/cache/stats', undefined, { 'x-admin-token': 'guess' });

      expect([without.status, wrong.status]).toEqual([403, 403]);
    });

    it('shows the statistics to clients with the token', async () => {
      const { status, json } = await shop.admin('GET', '/admin/cache/stats');

      expect(status).toBe(200);
      expect(json).toMatchObject({ name: 'default', backend, status: 'up', totalHits: expect.any(Number) });
    });
  });

  it('prints commands to try, and ends on SIGTERM without an error', async () => {
    const ending = await shop.stop();

    expect(shop.output()).toContain(`curl -i "${shop.url}/api/catalog?page=1"`);
    expect(shop.errors()).toBe('');
    expect(ending).toBe('SIGTERM');
  });
});

describe('two shops with the cache in one directory of files', () => {
  const settings = { ...onFiles, CACHE_FILE_DIRECTORY: join(files, 'two shops') };

  it(
    'answer from what the other has loaded, and a third one from what they have left',
    async () => {
      const [a, b] = await Promise.all([startShop(settings), startShop(settings)]);

      const first = await a.get('/api/catalog?page=2');
      const second = await b.get('/api/catalog?page=2');
      await Promise.all([a.stop(), b.stop()]);
      const c = await startShop(settings);
      const third = await c.get('/api/catalog?page=2');
      await c.stop();

      expect([first, second, third].map(({ headers }) => headers.get('x-cache'))).toEqual(['MISS', 'HIT', 'HIT']);
      expect([second.text, third.text]).toEqual([first.text, first.text]);
    },
    2 * startLimitMs,
  );
});

describe('starting the shop', () => {
  it.each([
    [{ PORT: '70000' }, 'Expected PORT to be a port'],
    [{ HTTP_ADAPTER: 'koa' }, 'Expected HTTP_ADAPTER to be express or fastify'],
    [{ NODE_ENV: 'production', ADMIN_TOKEN: '' }, 'Set ADMIN_TOKEN'],
    [{ CACHE_BACKEND: 'disk' }, 'Expected `backend` to be one of'],
  ])(
    'refuses %j',
    async (settings, message) => {
      await expect(startShop(settings)).rejects.toThrow(message);
    },
    startLimitMs,
  );
});

interface Answer {
  status: number;
  headers: Headers;
  text: string;
  json: ReturnType<typeof JSON.parse>;
}

interface Shop {
  url: string;
  output(): string;
  errors(): string;
  get(path: string): Promise<Answer>;
  send(method: string, path: string, body?: unknown, headers?: Record<string, string>): Promise<Answer>;
  admin(method: string, path: string, body?: unknown): Promise<Answer>;
  /** Exit code or signal of the process. */
  stop(): Promise<number | string | null>;
}

async function startShop(settings: Record<string, string>): Promise<Shop> {
  if (!existsSync(entryFile)) throw new Error('Expected a built shop: run `npm run build` and `npx nest build` first.');
  const { DATABASE_URL: _, ...environment } = process.env;
  const child = spawn(process.execPath, [entryFile], {
    env: { ...environment, NODE_ENV: 'test', PORT: '0', ADMIN_TOKEN: adminToken, ...settings },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  let errors = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (output += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (errors += text));
  const url = await listening(
    child,
    () => output,
    () => errors,
  );

  const send: Shop['send'] = async (method, path, body, headers = {}) => {
    const response = await fetch(url + path, {
      method,
      headers: body === undefined ? headers : { 'content-type': 'application/json', ...headers },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    return { status: response.status, headers: response.headers, text, json: JSON.parse(text) };
  };
  return {
    url,
    output: () => output,
    errors: () => errors,
    send,
    get: (path) => send('GET', path),
    admin: (method, path, body) => send(method, path, body, { 'x-admin-token': adminToken }),
    stop: async () => {
      if (child.exitCode === null && child.signalCode === null) {
        const ended = once(child, 'close');
        child.kill('SIGTERM');
        await ended;
      }
      return child.exitCode ?? child.signalCode;
    },
  };
}

function listening(child: ChildProcess, output: () => string, errors: () => string): Promise<string> {
  return new Promise((resolve, reject) => {
    child.stdout?.on('data', () => {
      const url = /listens on (http:\S+)/.exec(output())?.[1];
      if (url !== undefined) resolve(url);
    });
    child.on('close', (code) =>
      reject(new Error(`The shop ended with ${String(code)} before it listened:\n${output()}${errors()}`)),
    );
  });
}
