import { setTimeout as sleep } from 'node:timers/promises';
import 'reflect-metadata';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import {
  Controller,
  Get,
  type INestApplication,
  InternalServerErrorException,
  Param,
  UseInterceptors,
} from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { ExpressAdapter } from '@nestjs/platform-express';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { CacheKitModule } from '../../../src/cache-kit.module.js';
import type { CacheKitOptions } from '../../../src/cache-kit.options.js';
import { CacheService } from '../../../src/core/cache.service.js';
import { CacheRoute } from '../../../src/nest/http/route/cache-route.decorator.js';
import { CacheInterceptor } from '../../../src/nest/http/cache.interceptor.js';
import type { Platform } from '../../support/nest-app.js';

/*
 * An application in a separate process: `faults-process.worker.ts <settings as JSON>`. It has no listener for unhandled
 * rejections, so the first one ends it. It makes calls and closes on messages of its parent.
 */

export interface WorkerSettings {
  readonly platform: Platform;
  readonly cache: CacheKitOptions;
}

export interface CallRound {
  readonly slowestMs: number;
  /** Calls that returned a wrong value or rejected. */
  readonly wrong: readonly string[];
}

const settings = JSON.parse(process.argv[2] ?? '') as WorkerSettings;
/** Duration of the handler of `slow`. */
const SLOW_MS = 600;
let runs = 0;

@Controller()
@UseInterceptors(CacheInterceptor)
class ItemsController {
  @Get('items/:id')
  @CacheRoute({ ttl: '10m' })
  item(@Param('id') id: string): string {
    return `items/${id} by run ${++runs}`;
  }

  @Get('slow/:id')
  @CacheRoute({ ttl: '10m' })
  async slow(@Param('id') id: string): Promise<string> {
    const run = ++runs;
    await sleep(SLOW_MS);
    return `slow/${id} by run ${run}`;
  }

  @Get('failing/:id')
  @CacheRoute({ ttl: '10m', staleIfError: '1h' })
  failing(): never {
    throw new InternalServerErrorException('own');
  }
}

class AppModule {}

async function start(): Promise<INestApplication> {
  const module = {
    module: AppModule,
    imports: [CacheKitModule.forRoot(settings.cache)],
    controllers: [ItemsController],
  };
  const adapter = settings.platform === 'express' ? new ExpressAdapter() : new FastifyAdapter();
  const app = await NestFactory.create(module, adapter as ExpressAdapter, { logger: ['warn'], abortOnError: false });
  await app.listen(0, '127.0.0.1');
  return app;
}

const isOwnError = (error: unknown): boolean => error instanceof Error && error.message === 'own';
const fail = (): never => {
  throw new Error('own');
};
const rightOf = (values: ReadonlyMap<string, number>, i: number): boolean =>
  [...values.values()].every((value) => value === i);

/** Calls on a key whose value is `i`. Each resolves with true for a right answer, with or without Redis. */
const CALLS: Readonly<Record<string, (cache: CacheService, key: string, i: number) => Promise<boolean>>> = {
  get: async (cache, key, i) => [undefined, i].includes(await cache.get<number>(key)),
  getOrSet: async (cache, key, i) => (await cache.getOrSet(key, () => i)) === i,
  'getOrSet with staleIfError': async (cache, key, i) => {
    await cache.getOrSet(key, () => i, { ttl: 1, staleIfError: '1h' });
    return (
      (await cache
        .getOrSet(key, fail, { ttl: 1, staleIfError: '1h' })
        .catch((error: unknown) => isOwnError(error) && i)) === i
    );
  },
  'getOrSet after a load that failed': async (cache, key, i) =>
    (await cache.getOrSet<unknown>(key, fail).catch(isOwnError)) === true && (await cache.getOrSet(key, () => i)) === i,
  refresh: async (cache, key, i) => (await cache.refresh(key, () => i)) === i,
  writeThrough: async (cache, key, i) => (await cache.writeThrough(key, async () => i)) === i,
  set: async (cache, key, i) => {
    await cache.set(key, i, { tags: ['t'] });
    return [undefined, i].includes(await cache.get<number>(key));
  },
  getMany: async (cache, key, i) => rightOf(await cache.getMany<number>([key, `${key}+`]), i),
  getOrSetMany: async (cache, key, i) =>
    rightOf(
      await cache.getOrSetMany([key, `${key}+`], async (missing) => new Map(missing.map((name) => [name, i]))),
      i,
    ),
  has: async (cache, key) => typeof (await cache.has(key)) === 'boolean',
  getEntry: async (cache, key, i) => [undefined, i].includes((await cache.getEntry<number>(key))?.value),
  delete: async (cache, key) => typeof (await cache.delete(key)) === 'boolean',
  invalidateTags: async (cache) => (await cache.invalidateTags(['t'])) >= 0,
};

const KEYS = 70;
const AT_ONCE = 10;

/** Makes more than 64 calls of each kind, for ten keys at the same time. */
async function callAll(cache: CacheService, round: string): Promise<CallRound> {
  const wrong: string[] = [];
  let slowestMs = 0;
  const one = async (name: string, i: number): Promise<void> => {
    const startedMs = performance.now();
    const isRight = await CALLS[name]!(cache, `${round}:${name}:${i}`, i).catch(
      (error: unknown) => `${name}: ${String(error)}`,
    );
    slowestMs = Math.max(slowestMs, performance.now() - startedMs);
    if (isRight !== true) wrong.push(isRight === false ? name : isRight);
  };
  for (let first = 0; first < KEYS; first += AT_ONCE) {
    await Promise.all(
      Object.keys(CALLS).flatMap((name) => Array.from({ length: AT_ONCE }, (_, i) => one(name, first + i))),
    );
  }
  return { slowestMs, wrong };
}

const app = await start();
const { port } = (app.getHttpServer() as Server).address() as AddressInfo;

async function handle(command: { readonly call: string } | 'close'): Promise<void> {
  if (command === 'close') {
    await app.close();
    process.disconnect();
  } else {
    process.send?.(await callAll(app.get(CacheService), command.call));
  }
}

process.on('message', (command: Parameters<typeof handle>[0]) => void handle(command));
process.send?.({ port });
