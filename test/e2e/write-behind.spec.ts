import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it } from '@jest/globals';
import { type BeforeApplicationShutdown, Global, Inject, Injectable, Module } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { CacheKitModule, CacheService, createCache, InjectCacheNamespace, NamespacedCache } from '../../src/index.js';
import type { PendingWrites, WriteBehindContext, WriteBehindHost, WriteBehindQueue } from '../../src/index.js';
import { InProcessQueue } from '../../src/core/write-behind/in-process-queue.js';
import { CacheKitTestingModule, fakeClock } from '../../src/testing/index.js';

const run = promisify(execFile);
const root = join(import.meta.dirname, '../..');

/** A database that takes values until the application disconnects it. */
@Injectable()
class Database implements BeforeApplicationShutdown {
  readonly rows = new Map<string, unknown>();
  isOpen = true;

  async save(id: string, row: unknown): Promise<void> {
    if (!this.isOpen) throw new Error('disconnected');
    this.rows.set(id, row);
  }

  beforeApplicationShutdown(): void {
    this.isOpen = false;
  }
}

@Global()
@Module({ providers: [Database], exports: [Database] })
class DatabaseModule {}

@Injectable()
class Carts {
  constructor(
    @Inject(CacheService) private readonly cache: CacheService,
    @Inject(Database) private readonly database: Database,
  ) {}

  async change(id: string, cart: unknown): Promise<void> {
    await this.cache.writeBehind(id, cart, (latest) => this.database.save(id, latest), { delay: '1h', retries: 0 });
  }
}

/** A queue with named writers, which says when it was opened. */
class NamedQueue implements WriteBehindQueue {
  readonly opened: string[] = [];
  readonly saved: unknown[] = [];

  open({ name }: WriteBehindContext): PendingWrites {
    this.opened.push(name);
    throw new Error('This queue needs a server.');
  }

  inProcess(): WriteBehindQueue {
    return new InProcessQueue({ save: async (value, key) => void this.saved.push([key, value]) });
  }
}

describe('an application that writes behind', () => {
  it('writes what is pending while its database is open, when it shuts down', async () => {
    const imports = [DatabaseModule, CacheKitModule.forRoot()];
    const module = await Test.createTestingModule({ imports, providers: [Carts] }).compile();
    await module.init();
    await module.get(Carts).change('c', { items: ['tea'] });
    const { rows } = module.get(Database);
    const before = rows.size;

    await module.close();

    expect([before, rows.get('c')]).toEqual([0, { items: ['tea'] }]);
  });

  it('stores with the defaults of its namespace', async () => {
    const clock = fakeClock();
    const imports = [
      CacheKitTestingModule.forRoot({ clock }),
      CacheKitModule.forFeature({ namespace: 'carts', ttl: '10s' }),
    ];
    @Injectable()
    class Service {
      constructor(@InjectCacheNamespace('carts') readonly cache: NamespacedCache) {}
    }
    const module = await Test.createTestingModule({ imports, providers: [Service] }).compile();
    const { cache } = module.get(Service);

    await cache.writeBehind('c', 1, async () => undefined);
    await clock.advance(9_999);
    const before = await cache.get('c');
    await clock.advance(1);

    expect([before, await cache.get('c')]).toEqual([1, undefined]);
    await module.close();
  });

  it.each(['memory', 'pass-through'] as const)(
    'runs named writers in tests without their queue, in mode %s',
    async (mode) => {
      const clock = fakeClock();
      const queue = new NamedQueue();
      const imports = [CacheKitTestingModule.forRoot({ clock, mode, writeBehind: queue })];
      const module = await Test.createTestingModule({ imports }).compile();

      await module.get(CacheService).writeBehind('k', 'v', 'save');
      await clock.advance(1_000);

      expect([queue.opened, queue.saved]).toEqual([[], [['k', 'v']]]);
      await expect(module.get(CacheService).writeBehind('k', 'v', 'other')).rejects.toThrow('got the name `other`');
      await module.close();
    },
  );

  it('fences a key that a queue has written at once, also in a transaction', async () => {
    let host: WriteBehindHost | undefined;
    const pending: Partial<PendingWrites> = {
      start: () => undefined,
      connect: (cache) => (host = cache),
      flush: async () => undefined,
      close: async () => ({ writes: [], areKept: true }),
    };
    const queue: WriteBehindQueue = { open: () => pending as PendingWrites, inProcess: () => queue };
    const cache = await createCache({ writeBehind: queue });
    await cache.set('k', 'old');

    const inside = await cache.transaction(async () => {
      await host?.landed({ key: 'k', namespace: undefined, value: 'new' }, () => false);
      return (await cache.getStats()).totalEntries;
    });

    expect(inside).toBe(0);
    await cache.close();
  });

  it('does not start with a queue that cannot be opened', async () => {
    const queue = new NamedQueue();

    await expect(createCache({ name: 'carts', writeBehind: queue })).rejects.toThrow('This queue needs a server.');
    expect(queue.opened).toEqual(['carts']);
  });
});

describe('a script that ends without close()', () => {
  const SCRIPT = `
    import { createCache } from '${join(root, 'src/index.ts')}';
    const cache = await createCache();
    let tries = 0;
    const write = async (value) => {
      if (++tries === 1) throw new Error('not yet');
      console.log('written', value);
    };
    await cache.writeBehind('k', 'v', write, { delay: 200, backoff: 50 });
    console.log('taken over');
  `;

  it('ends when everything is written', async () => {
    const hooks = ['--import', './test/simulation/typescript.mjs', '--disable-warning=ExperimentalWarning'];

    const { stdout } = await run(process.execPath, [...hooks, '--input-type=module', '--eval', SCRIPT], { cwd: root });

    expect(stdout).toBe('taken over\nwritten v\n');
  });
});
