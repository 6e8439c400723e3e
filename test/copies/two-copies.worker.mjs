/*
 * Starts an application that imports the kit as ES modules, with a library that requires its own copy, and prints the
 * outcome as JSON: `node two-copies.worker.mjs <copy that the library requires> <case>`.
 */
import 'reflect-metadata';
import { createRequire } from 'node:module';
import { Controller, Get, Injectable, Module, UseInterceptors } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import * as ours from 'nestjs-cache-kit';

const [, , copy, situation] = process.argv;
const require = createRequire(import.meta.url);
const isLate = situation === 'late';
const early = isLate ? undefined : require(copy);
const root = ours.CacheKitModule.forRoot();
const theirs = early ?? require(copy);

/** Applies decorators as the compiler does for `@Decorator() class { constructor(x: X) {} }`. */
function decorated(target, decorators, parameters = []) {
  Reflect.defineMetadata('design:paramtypes', parameters, target);
  for (const decorator of decorators) decorator(target);
  return target;
}

function decorateMethod(target, name, decorators) {
  const descriptor = Object.getOwnPropertyDescriptor(target.prototype, name);
  for (const decorator of decorators) decorator(target.prototype, name, descriptor);
  Object.defineProperty(target.prototype, name, descriptor);
}

class Library {
  loads = 0;
  constructor(cache, sessions, orders) {
    Object.assign(this, { cache, sessions, orders });
  }
  async find(id) {
    return { id, load: ++this.loads };
  }
}
decorateMethod(Library, 'find', [theirs.Cached({ key: (id) => `find:${id}` })]);
decorated(Library, [Injectable()], [theirs.CacheService, Object, Object]);
theirs.InjectCache('sessions')(Library, undefined, 1);
theirs.InjectCacheNamespace('orders')(Library, undefined, 2);

/** Created by a factory, so that the kit's explorer must set its cache. */
class Made {
  loads = 0;
  async find(id) {
    return { id, load: ++this.loads };
  }
}
decorateMethod(Made, 'find', [theirs.Cached({ key: (id) => `made:${id}` })]);

class LibraryController {
  runs = 0;
  page() {
    return { run: ++this.runs };
  }
}
decorateMethod(LibraryController, 'page', [
  Get('page'),
  theirs.CacheRoute({ ttl: '1m' }),
  UseInterceptors(ours.CacheInterceptor, theirs.CacheInterceptor),
]);
decorated(LibraryController, [Controller()]);

class LibraryModule {}
const features = {
  imports: [theirs.CacheKitModule.forFeature({ namespace: 'orders' })],
  controllers: [LibraryController],
  providers: [Library, { provide: Made, useFactory: () => new Made() }],
};
Module(situation === 'unused' ? {} : features)(LibraryModule);

class AppModule {}
const second = situation === 'both' ? [theirs.CacheKitModule.forRoot()] : [];
Module({ imports: [root, ours.CacheKitModule.forRoot({ name: 'sessions' }), ...second, LibraryModule] })(AppModule);

async function outcome() {
  const app = await NestFactory.create(AppModule, { logger: false, abortOnError: false });
  await app.listen(0, '127.0.0.1');
  try {
    return await observed(app);
  } finally {
    await app.close();
  }
}

async function observed(app) {
  const cache = app.get(ours.CacheService);
  const isSeparate = theirs.CacheService !== ours.CacheService;
  if (situation === 'unused') return { isSeparate, started: true };
  const library = app.get(Library, { strict: false });
  const made = app.get(Made, { strict: false });
  await library.orders.set('1', 'an order');
  const page = async () => {
    const response = await fetch(`${await app.getUrl()}/page`);
    return { xCache: response.headers.get('x-cache'), ...(await response.json()) };
  };
  const refused = await theirs.createCache({ max: 1 }).catch((error) => error);
  return {
    isSeparate,
    service: library.cache === cache,
    isInstance: [cache instanceof theirs.CacheService, library.orders instanceof ours.NamespacedCache],
    sessions: library.sessions === app.get(ours.getCacheToken('sessions')),
    order: await cache.get('1', { namespace: 'orders' }),
    found: [await library.find('a'), await library.find('a')],
    made: [await made.find('a'), await made.find('a')],
    stored: [await cache.has('find:a'), await cache.has('made:a')],
    pages: [await page(), await page()],
    error: [
      refused instanceof ours.CacheConfigError,
      refused instanceof ours.CacheError,
      refused instanceof ours.CacheKeyError,
    ],
  };
}

/** Switches this copy to pass-through, and calls a class that the other copy has decorated. */
async function passing() {
  const { passThrough } = await import('nestjs-cache-kit/testing');
  const end = passThrough();
  const found = await new Made().find('a');
  end();
  return { isSeparate: theirs.CacheService !== ours.CacheService, found };
}

console.log(
  JSON.stringify(
    await (situation === 'passing' ? passing() : outcome()).catch((error) => ({
      isConfigError: error instanceof ours.CacheConfigError,
      message: error.message,
    })),
  ),
);
