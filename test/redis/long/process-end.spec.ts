import { setTimeout as sleep } from 'node:timers/promises';
import { once } from 'node:events';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type RedisCluster, type RedisServer, startCluster, startRedis } from '../../support/redis-servers.js';
import { spawnWorker } from './process-end.fixture.js';
import { cleanUpAfterEach } from '../redis.fixture.js';

cleanUpAfterEach();

let server: RedisServer;
let cluster: RedisCluster;

beforeAll(async () => {
  server = await startRedis();
  cluster = await startCluster();
}, 60_000);
afterAll(async () => {
  await Promise.all([server.stop(), cluster.stop()]);
});

const BACKENDS: [string, () => object][] = [
  ['memory', () => ({})],
  ['redis', () => ({ backend: 'redis', redis: { url: server.url } })],
  ['hybrid', () => ({ backend: 'hybrid', redis: { url: server.url } })],
  ['redis in a cluster', () => ({ backend: 'redis', redis: { cluster: { nodes: cluster.urls } } })],
  ['hybrid in a cluster', () => ({ backend: 'hybrid', redis: { cluster: { nodes: cluster.urls } } })],
];

describe('a process with only a cache', () => {
  // The time limit of the test finds a process that does not end.
  it.each(BACKENDS)('ends after a start that failed elsewhere, with %s (fault 4)', async (_, options) => {
    const { output, end } = spawnWorker('failing-start', options());

    expect([await end, output()]).toEqual([0, 'read v\nno start\n']);
  });

  it.each(BACKENDS)('lives while a script awaits a command, with %s (fault 4)', async (_, options) => {
    const { output, end } = spawnWorker('script', options());

    expect([await end, output()]).toEqual([0, 'read v\nclosed\n']);
  });

  it.each(BACKENDS.slice(1))('lives after the application has started, with %s (fault 4)', async (_, options) => {
    const { child, output } = spawnWorker('running', options());
    await once(child.stdout as NodeJS.ReadableStream, 'data');

    // Without a reason to stay alive, a process ends as soon as it has nothing to do.
    const ended = await Promise.race([once(child, 'exit'), sleep(500, 'alive')]);

    expect([ended, output()]).toEqual(['alive', 'started\n']);
  });
});
