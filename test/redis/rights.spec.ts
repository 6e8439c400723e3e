import { readFileSync } from 'node:fs';
import { describe, expect, it, jest } from '@jest/globals';
import type { CacheService } from '../../src/core/cache.service.js';
import { times } from '../support/cache-with.js';
import { type Deployment, startDeployment } from '../support/deployments.js';
import { until } from '../support/redis/until.js';
import {
  cleanUpAfterEach,
  stopAfterTest,
  afterTest,
  open,
  openHybrid,
  type OpenCache,
  rawClient,
  untilStatus,
} from './redis.fixture.js';

/** The documented rights are sufficient, and the kit tries nothing beyond them: servers log refused commands. */

jest.setTimeout(60_000);
cleanUpAfterEach();

type Start = () => Promise<Pick<Deployment, 'redis' | 'masters' | 'stop'>>;

const CASES: readonly (readonly [
  page: string,
  title: string,
  start: Start,
  openAs: (redis: object) => Promise<OpenCache>,
  mode: string | undefined,
])[] = [
  ['docs/redis.md', 'standalone, Sentinel', startDeployment.standalone, open, undefined],
  ['docs/redis.md', 'standalone, Sentinel', startDeployment.Sentinel, open, undefined],
  ['docs/redis.md', 'Cluster', startDeployment.Cluster, open, undefined],
  ['docs/hybrid.md', 'standalone, Sentinel', startDeployment.standalone, openHybrid, 'tracking'],
  ['docs/hybrid.md', 'standalone, Sentinel', startDeployment.Sentinel, openHybrid, 'tracking'],
  ['docs/hybrid.md', 'Cluster', startDeployment.Cluster, openHybrid, 'tracking'],
  [
    'docs/hybrid.md',
    'bus, standalone, Sentinel',
    startDeployment.standalone,
    (redis) => openHybrid({ ...redis, coherence: 'bus' }),
    'bus',
  ],
  [
    'docs/hybrid.md',
    'bus, Cluster',
    startDeployment.Cluster,
    (redis) => openHybrid({ ...redis, coherence: 'bus' }),
    'bus',
  ],
];

describe.each(CASES)('a user with the rights in %s (%s)', (page, title, start, openAs, mode) => {
  it('may do everything that a cache does (fault 26)', async () => {
    const { redis, masters } = await stopAfterTest(start());
    const rules = rulesIn(page, title);
    const servers = masters.map((server) => rawClient(server));
    for (const server of servers) await server.call('ACL', 'SETUSER', ...rules);
    // A long timeout, so that a slow machine does not look like missing rights.
    const options = { ...redis, commandTimeout: '5s', options: { username: rules[0], password: passwordIn(rules) } };

    const [{ cache, errors }, { cache: other, errors: othersErrors }] = [await openAs(options), await openAs(options)];
    for (const each of [cache, other]) await untilStatus(each, 'up', 15_000);
    await everyKindOfCall(cache, other);

    expect([...errors, ...othersErrors]).toEqual([]);
    expect((await cache.getStats()).coherence?.mode).toBe(mode);
    for (const server of servers) expect(await server.call('ACL', 'LOG')).toEqual([]);
  });
});

/** Reads the arguments of `ACL SETUSER` in the line after the comment with this title. */
function rulesIn(page: string, title: string): [name: string, ...rules: string[]] {
  const line = readFileSync(page, 'utf8').split(`# ${title}\n`)[1]?.split('\n')[0] ?? '';
  expect(line).toMatch(/^ACL SETUSER \S+ on >\S+ /);
  return line.split(' ').slice(2) as [string, ...string[]];
}

function passwordIn(rules: readonly string[]): string {
  return rules.find((rule) => rule.startsWith('>'))?.slice(1) ?? '';
}

async function everyKindOfCall(cache: CacheService, other: CacheService): Promise<void> {
  await cache.set('a', 1, { tags: ['t', 'u'], namespace: 'n', ttl: 'forever' });
  await cache.setMany(
    times(20, (i) => [`k${i}`, i] as const),
    { tags: ['t'], keepStale: '1h' },
  );
  expect([
    await other.get('a', { namespace: 'n' }),
    await other.get('k1'),
    (await other.getMany(['k1', 'k2'])).size,
  ]).toEqual([1, 1, 2]);
  expect(await other.get('a', { namespace: 'n' })).toBe(1);
  expect([await cache.has('k1'), await cache.touch('k1', '2m'), (await cache.getEntry('k1'))?.value]).toEqual([
    true,
    true,
    1,
  ]);
  expect(await oneLoadOf(cache, other)).toEqual(['loaded', 'loaded']);
  expect(
    await cache.getOrSet('tagged', () => 2, { tags: (value) => [`of ${value}`], staleWhileRevalidate: '1m' }),
  ).toBe(2);
  expect(
    (await cache.getOrSetMany(['x', 'y'], (keys) => Promise.resolve(new Map(keys.map((key) => [key, key]))))).size,
  ).toBe(2);
  expect([
    await cache.refresh('x', () => 'newer'),
    await cache.writeThrough('y', async () => 'written', { tags: ['w'] }),
  ]).toEqual(['newer', 'written']);
  await cache.getOrSet('failing', () => Promise.reject(new Error('no'))).catch(() => undefined);
  expect((await cache.list({ limit: 5 })).entries.length).toBeGreaterThan(0);
  expect((await cache.explain('x')).state).toBe('fresh');
  expect((await cache.getClusterStats()).processes).toHaveLength(2);
  expect([await cache.delete('k1'), await cache.deleteMany(['k2', 'k3'])]).toEqual([true, 2]);
  expect(await cache.invalidateTags(['of 2'], { dryRun: true })).toBe(1);
  expect(await cache.invalidateTags(['of 2'], { soft: true })).toBe(1);
  expect(await cache.invalidateTags(['t', 'u'], { mode: 'all' })).toBe(1);
  expect(await cache.invalidateTags(['t', 'w'])).toBe(18);
  expect(await cache.invalidatePattern('x*')).toBe(1);
  expect(await cache.invalidateNamespace('n')).toBe(0);
  await cache.cleanupExpired();
  expect(await cache.clear()).toBeGreaterThan(0);
  await until(
    async () => (await other.get('loaded')) === undefined,
    5_000,
    () => 'The other process still had a copy.',
  );
}

/** Two processes request one key: one loads, and the other waits and is woken. */
async function oneLoadOf(cache: CacheService, other: CacheService): Promise<unknown[]> {
  let end: (value: string) => void = () => undefined;
  const loading = new Promise<void>((begun) => {
    const first = cache.getOrSet('loaded', () => {
      begun();
      return new Promise<string>((resolve) => (end = resolve));
    });
    afterTest(() => first.catch(() => undefined));
  });
  await loading;
  const values = [cache.getOrSet('loaded', () => 'by nobody'), other.getOrSet('loaded', () => 'by the other')];
  await other.get('something else');
  end('loaded');
  return Promise.all(values);
}
