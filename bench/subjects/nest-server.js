import 'reflect-metadata';
import { Controller, Get, Module, UseInterceptors } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { NEVER } from 'rxjs';
import { product } from '../workloads/product.js';

/*
 * A server that answers one path with a product of about 1 KB, in one of several ways. Decorators are called as
 * functions, because this is JavaScript.
 */

/** @typedef {'constant' | 'constant-text' | 'buffer' | 'kit' | 'cache-manager'} Way */
/**
 * @typedef {import('./subject.js').SubjectSettings & { kit: string, platform: 'express' | 'fastify', way: Way }}
 * ServerSettings
 */

const VALUE = product(1);
const TEXT = JSON.stringify(VALUE);
const BYTES = Buffer.from(TEXT);

/** @param {ServerSettings} settings */
export async function open({ kit, platform, way }) {
  const { imports, interceptor } = await partsOf(way, kit, platform);
  class ProductController {
    find() {
      return way === 'constant-text' ? TEXT : VALUE;
    }
  }
  const descriptor = Object.getOwnPropertyDescriptor(ProductController.prototype, 'find');
  Get('/product')(ProductController.prototype, 'find', descriptor);
  Controller()(ProductController);
  if (interceptor !== undefined) UseInterceptors(interceptor)(ProductController);
  class AppModule {}
  Module({ imports, controllers: [ProductController] })(AppModule);

  const app = await NestFactory.create(AppModule, await adapterOf(platform), { logger: false });
  await app.listen(0, '127.0.0.1');
  return { port: app.getHttpServer().address().port, path: '/product', close: () => app.close() };
}

/** @param {string} platform */
async function adapterOf(platform) {
  if (platform === 'express') return new (await import('@nestjs/platform-express')).ExpressAdapter();
  return new (await import('@nestjs/platform-fastify')).FastifyAdapter();
}

/**
 * @param {Way} way
 * @param {string} kit
 * @param {string} platform
 * @returns {Promise<{ imports: any[], interceptor?: any }>}
 */
async function partsOf(way, kit, platform) {
  if (way === 'kit') {
    const { CacheInterceptor, CacheKitModule } = await import(kit);
    return { imports: [CacheKitModule.forRoot()], interceptor: CacheInterceptor };
  }
  if (way === 'cache-manager') {
    const { CacheInterceptor, CacheModule } = await import('@nestjs/cache-manager');
    return { imports: [CacheModule.register({ ttl: 3_600_000 })], interceptor: CacheInterceptor };
  }
  return {
    imports: [],
    ...(way === 'buffer' && { interceptor: new (platform === 'express' ? ExpressBuffer : FastifyBuffer)() }),
  };
}

/** The cheapest interceptor that answers: it writes bytes, and Nest does nothing after it. */
class ExpressBuffer {
  /** @param {any} context */
  intercept(context) {
    const response = context.switchToHttp().getResponse();
    response.setHeader('Content-Type', 'application/json; charset=utf-8');
    response.setHeader('Content-Length', BYTES.length);
    response.end(BYTES);
    return NEVER;
  }
}

class FastifyBuffer {
  /** @param {any} context */
  intercept(context) {
    const reply = context.switchToHttp().getResponse();
    reply.header('content-type', 'application/json; charset=utf-8');
    reply.send(BYTES);
    return NEVER;
  }
}
