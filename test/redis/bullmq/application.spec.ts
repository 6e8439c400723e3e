import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Inject, Injectable, Module, type OnApplicationShutdown, type OnModuleInit } from '@nestjs/common';
import { ModuleRef } from '@nestjs/core';
import { Test } from '@nestjs/testing';
import { bullmqWriteBehind } from '../../../src/bullmq.js';
import { CacheKitModule, CacheService } from '../../../src/index.js';
import { CacheKitTestingModule, fakeClock } from '../../../src/testing/index.js';
import { type RedisServer, startRedis } from '../../support/redis-servers.js';
import { cleanUpAfterEach } from '../redis.fixture.js';
import { leave, untilTrue } from './bullmq.fixture.js';

cleanUpAfterEach();

let server: RedisServer;
beforeAll(async () => {
  server = await startRedis();
});
afterAll(() => server.stop());

/** A database that takes values from its initialization until the application is shut down. */
@Injectable()
class Database implements OnModuleInit, OnApplicationShutdown {
  readonly rows = new Map<string, unknown>();
  isOpen = false;

  // Its writers wait for the application, which waits for this.
  constructor(@Inject(CacheService) readonly cache: CacheService) {}

  async onModuleInit(): Promise<void> {
    await new Promise((resolve) => setTimeout(resolve, 300));
    this.isOpen = true;
  }

  onApplicationShutdown(): void {
    this.isOpen = false;
  }

  async save(key: string, row: unknown): Promise<void> {
    if (!this.isOpen) throw new Error(`no database for ${key}`);
    this.rows.set(key, row);
  }
}

@Module({
  imports: [
    CacheKitModule.forRootAsync({
      inject: [ModuleRef],
      useFactory: (modules: ModuleRef) => ({
        writeBehind: bullmqWriteBehind({
          connection: server.url,
          writers: { save: (row, key) => modules.get(Database, { strict: false }).save(key, row) },
        }),
      }),
    }),
  ],
  providers: [Database],
})
class AppModule {}

describe('an application with write-behind on BullMQ', () => {
  it('writes what is left once it has started, and what is pending before its database is closed', async () => {
    await leave(server, { key: 'left', value: 1, writer: 'save' });
    const app = await Test.createTestingModule({ imports: [AppModule] }).compile();
    await app.init();
    const { rows } = app.get(Database);

    await untilTrue(() => rows.has('left'), 'the value that was left');
    await app.get(CacheService).writeBehind('pending', 2, 'save', { delay: '1h', retries: 0 });
    await app.close();

    expect([...rows]).toEqual([
      ['left', 1],
      ['pending', 2],
    ]);
  });

  it('runs its writers in tests without Redis', async () => {
    const saved: unknown[] = [];
    const clock = fakeClock();
    const writeBehind = bullmqWriteBehind({
      connection: 'redis://localhost:1',
      writers: { save: async (value, key, { namespace }) => void saved.push([key, value, namespace]) },
    });
    const imports = [
      CacheKitTestingModule.forRoot({ clock, writeBehind, backend: 'redis', redis: { url: 'redis://a' } }),
    ];
    const module = await Test.createTestingModule({ imports }).compile();

    await module.get(CacheService).writeBehind('k', 'v', 'save', { namespace: 'n' });
    await clock.advance(1_000);

    expect(saved).toEqual([['k', 'v', 'n']]);
    await module.close();
  });
});
