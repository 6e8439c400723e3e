import { describe, expect, it, jest } from '@jest/globals';
import { hashSlot } from '../../../src/adapters/redis/protocol/hash-slot.js';
import type { CacheService } from '../../../src/core/cache.service.js';
import { times } from '../../support/cache-with.js';
import { ask } from '../../support/redis/ask.js';
import { until } from '../../support/redis/until.js';
import { type RedisCluster, type RedisServer, startCluster } from '../../support/redis-servers.js';
import { untilEmpty } from '../deployments.fixture.js';
import { cleanUpAfterEach, stopAfterTest, open, openHybrid, rawClient, untilStatus } from '../redis.fixture.js';

/**
 * A slot that is open for migration, as after a reshard that was cancelled. Commands with several keys fail there
 * unless all keys are on the same node.
 */

jest.setTimeout(60_000);
cleanUpAfterEach();

const ENTRIES = times(30, (i) => `k${i}`);
/** More entries than are counted one by one. */
const MANY = times(1_200, (i) => `m${i}`);

interface Case {
  readonly part: string;
  invalidate(cache: CacheService): Promise<number>;
}

const CASES: readonly (readonly [string, Case])[] = [
  ['a tag', { part: '{tag:t}', invalidate: (cache) => cache.invalidateTags(['t']) }],
  ['a namespace', { part: '{ns:n}', invalidate: (cache) => cache.invalidateNamespace('n') }],
];
const MOVED: readonly (readonly [string, (keys: readonly string[]) => readonly string[]])[] = [
  ['nothing was moved', () => []],
  ['everything was moved', (keys) => keys],
  ['the generation was moved', (keys) => keys.filter((key) => key.includes(':g:'))],
  ['the index was moved', (keys) => keys.filter((key) => key.includes(':i:'))],
];

describe.each(CASES)('while the slot of %s is open', (_, { part, invalidate }) => {
  it.each(MOVED)(
    'and %s, it is invalidated, counted and freed, and new entries are found (fault 32)',
    async (_, moved) => {
      const { cluster, cache, other } = await openTwo();
      await cache.setMany(
        ENTRIES.map((key) => [key, 'old'] as const),
        { tags: ['t'], namespace: 'n' },
      );
      await openSlot(cluster, hashSlot(part), moved);
      expect((await other.getMany(ENTRIES, { namespace: 'n' })).size).toBe(ENTRIES.length);

      const count = await invalidate(cache);

      expect([count, (await other.getMany(ENTRIES, { namespace: 'n' })).size]).toEqual([ENTRIES.length, 0]);
      expect([await invalidate(cache), (await cache.getStats()).status]).toEqual([0, 'up']);
      await closeSlot(cluster, hashSlot(part));
      await cache.set('k0', 'new', { tags: ['t'], namespace: 'n' });
      expect([await other.get('k0', { namespace: 'n' }), await invalidate(other)]).toEqual(['new', 1]);
      // A later process frees the keys that could not be freed while the slot was open.
      await open({ cluster: { nodes: cluster.urls } });
      await untilEmpty(cluster.nodes.slice(0, 3), 20_000);
    },
  );
});

it('`clear` empties a cache with a part in an open slot (fault 32)', async () => {
  const { cluster, cache, other } = await openTwo();
  const slots = times(16, (part) => hashSlot(`{all:${part}}`));
  await cache.setMany(MANY.map((key) => [key, 'old'] as const));
  for (const slot of slots) await openSlot(cluster, slot, () => []);

  const count = await cache.clear();

  expect([count, (await other.getMany(MANY)).size]).toEqual([MANY.length, 0]);
  await cache.set('again', 1);
  expect([await other.get('again'), (await cache.getStats()).status]).toEqual([1, 'up']);
});

it('a near copy is dropped when its tag is in an open slot (fault 32)', async () => {
  const cluster = await stopAfterTest(startCluster());
  const [one, other] = [
    await openHybrid({ cluster: { nodes: cluster.urls } }),
    await openHybrid({ cluster: { nodes: cluster.urls } }),
  ].map(({ cache }) => cache) as [CacheService, CacheService];
  for (const cache of [one, other]) await untilStatus(cache, 'up');
  await one.set('k', 'old', { tags: ['t'] });
  await openSlot(cluster, hashSlot('{tag:t}'), () => []);
  for (let i = 0; i < 3; i++) expect(await other.get('k')).toBe('old');

  expect(await one.invalidateTags(['t'])).toBe(1);
  expect(await one.get('k')).toBeUndefined();

  await until(
    async () => (await other.get('k')) === undefined,
    2_000,
    () => 'The other process still has its copy.',
  );
});

async function openTwo(): Promise<{ cluster: RedisCluster; cache: CacheService; other: CacheService }> {
  const cluster = await stopAfterTest(startCluster());
  const [{ cache }, { cache: other }] = [
    await open({ cluster: { nodes: cluster.urls } }),
    await open({ cluster: { nodes: cluster.urls } }),
  ];
  return { cluster, cache, other };
}

/** Opens a slot for migration to another master, and moves the keys that `choose` returns. */
async function openSlot(
  cluster: RedisCluster,
  slot: number,
  choose: (keys: readonly string[]) => readonly string[],
): Promise<void> {
  const { from, to } = ownersOf(cluster, slot);
  await ask(to.port, `CLUSTER SETSLOT ${slot} IMPORTING ${await ask(from.port, 'CLUSTER MYID')}`);
  await ask(from.port, `CLUSTER SETSLOT ${slot} MIGRATING ${await ask(to.port, 'CLUSTER MYID')}`);
  const client = rawClient(from);
  const keys = choose((await client.call('CLUSTER', 'GETKEYSINSLOT', slot, 10_000)) as string[]);
  if (keys.length > 0) await client.call('MIGRATE', '127.0.0.1', to.port, '', 0, 5_000, 'KEYS', ...keys);
  client.disconnect();
}

/** Ends the migration as `redis-cli --cluster fix` does: moves the remaining keys. */
async function closeSlot(cluster: RedisCluster, slot: number): Promise<void> {
  await openSlot(cluster, slot, (keys) => keys);
  const { to } = ownersOf(cluster, slot);
  const id = await ask(to.port, 'CLUSTER MYID');
  for (const node of [to, ...(await cluster.masters())]) await ask(node.port, `CLUSTER SETSLOT ${slot} NODE ${id}`);
}

function ownersOf(cluster: RedisCluster, slot: number): { from: RedisServer; to: RedisServer } {
  const owner = cluster.initialOwnerOf(slot);
  return { from: cluster.nodes[owner] as RedisServer, to: cluster.nodes[(owner + 1) % 3] as RedisServer };
}
