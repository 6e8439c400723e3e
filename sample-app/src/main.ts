import 'reflect-metadata';
import type { AbstractHttpAdapter } from '@nestjs/core';
import { NestFactory } from '@nestjs/core';
import { config } from './config.js';
import { ShopModule } from './shop.module.js';
import { welcome } from './welcome.js';

console.log('Opening the shop: the database is made and filled, which takes a few seconds ...');

const app = await NestFactory.create(ShopModule, await createHttpAdapter(), { logger: ['warn', 'error'] });
// Ctrl-C closes the server, the cache and the database, in this order.
app.enableShutdownHooks();
await app.listen(config.port, config.host).catch((cause: unknown) => {
  throw new Error(`Cannot listen on ${config.host}:${config.port}. Another port: PORT=3001 npm run sample`, { cause });
});
console.log(welcome(await app.getUrl()));

async function createHttpAdapter(): Promise<AbstractHttpAdapter> {
  if (config.httpAdapter === 'fastify') return new (await import('@nestjs/platform-fastify')).FastifyAdapter();
  return new (await import('@nestjs/platform-express')).ExpressAdapter();
}
