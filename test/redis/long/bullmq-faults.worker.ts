import 'reflect-metadata';
import { setTimeout as sleep } from 'node:timers/promises';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { Cluster } from 'ioredis';
import { bullmqWriteBehind } from '../../../src/bullmq.js';
import { CacheKitModule } from '../../../src/cache-kit.module.js';
import { createCache } from '../../../src/create-cache.js';

/*
 * A process that writes behind: `bullmq-faults.worker.ts <case> <ports>`. With `closing` it writes some values, and
 * closes its cache when its parent says so; with `failing-start` its application does not start.
 */
const [, , what = '', given = ''] = process.argv;
const ports = given.split(',').map(Number);
const isCluster = ports.length > 1;

const cluster = isCluster ? new Cluster(ports.map((port) => ({ port, host: '127.0.0.1' }))) : undefined;
cluster?.on('error', () => undefined);
const writeBehind = bullmqWriteBehind({
  connection: cluster ?? { port: ports[0], host: '127.0.0.1' },
  writers: { save: async () => undefined, hang: () => new Promise<void>(() => undefined) },
});

async function close(): Promise<void> {
  const rejections: string[] = [];
  process.on('unhandledRejection', (reason) => rejections.push(String(reason)));
  const reports: string[] = [];
  const cache = await createCache({ writeBehind, onError: ({ message }) => reports.push(message) });
  const writes = Array.from({ length: 5 }, (_, i) => cache.writeBehind(`k${i}`, i, 'save', { delay: i * 50 }));
  await Promise.allSettled(writes);
  process.send?.('writing');
  process.once('message', () => {
    const calls = [1, 2, 3].map((n) => cache.writeBehind(`late${n}`, n, 'save', { delay: 0 }).catch(() => undefined));
    const startedMs = performance.now();
    void cache.close().then(async () => {
      const closedMs = performance.now() - startedMs;
      cluster?.disconnect();
      await Promise.all(calls);
      // A client of ioredis keeps a timer for a moment, to destroy sockets that do not close.
      await sleep(150);
      const resources = process.getActiveResourcesInfo();
      process.send?.({ closedMs, resources, rejections, reports });
      process.disconnect();
    });
  });
}

async function failToStart(): Promise<void> {
  @Module({
    imports: [CacheKitModule.forRoot({ writeBehind })],
    providers: [
      {
        provide: 'broken',
        useFactory: () => {
          throw new Error('no start');
        },
      },
    ],
  })
  class AppModule {}
  await NestFactory.createApplicationContext(AppModule, { logger: false, abortOnError: false }).catch(
    (error: unknown) => console.log((error as Error).message),
  );
}

await (what === 'closing' ? close() : failToStart());
