import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { type RedisCluster, type RedisServer, startCluster, startRedis } from '../support/redis-servers.js';

let server: RedisServer;
let cluster: RedisCluster;
const children = new Set<ChildProcess>();

beforeAll(async () => {
  server = await startRedis();
  cluster = await startCluster();
}, 60_000);
afterEach(() => {
  for (const child of children) child.kill('SIGKILL');
  children.clear();
});
afterAll(async () => {
  await Promise.all([server.stop(), cluster.stop()]);
});

/** A process without a listener for rejections, and all that it prints. */
function run(
  name: string,
  options: object,
): { child: ChildProcess; output: () => string; end: Promise<number | null> } {
  const child = spawn(
    process.execPath,
    ['--import', './test/simulation/typescript.mjs', 'test/redis/start-process.ts', name, JSON.stringify(options)],
    { stdio: ['ignore', 'pipe', 'pipe'] },
  );
  children.add(child);
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (output += chunk.toString()));
  return { child, output: () => output, end: once(child, 'close').then(([code]) => code as number | null) };
}

const BACKENDS: [string, () => object][] = [
  ['memory', () => ({})],
  ['redis', () => ({ backend: 'redis', redis: { url: server.url } })],
  ['hybrid', () => ({ backend: 'hybrid', redis: { url: server.url } })],
  ['redis in a cluster', () => ({ backend: 'redis', redis: { cluster: { nodes: cluster.urls } } })],
  ['hybrid in a cluster', () => ({ backend: 'hybrid', redis: { cluster: { nodes: cluster.urls } } })],
];

describe('a process with nothing but a cache', () => {
  // A process that does not end is found out by the time limit of the test.
  it.each(BACKENDS)('ends after a start that failed elsewhere, with %s (fault 4)', async (_, options) => {
    const { output, end } = run('failing-start', options());

    expect([await end, output()]).toEqual([0, 'read v\nno start\n']);
  });

  it.each(BACKENDS)('lives while a command of a script is awaited, with %s (fault 4)', async (_, options) => {
    const { output, end } = run('script', options());

    expect([await end, output()]).toEqual([0, 'read v\nclosed\n']);
  });

  it.each(BACKENDS.slice(1))('lives once the application stands, with %s (fault 4)', async (_, options) => {
    const { child, output } = run('standing', options());
    await once(child.stdout as NodeJS.ReadableStream, 'data');

    // Without a reason to stay a process ends as soon as it has nothing more to do.
    const ended = await Promise.race([
      once(child, 'exit'),
      new Promise((resolve) => setTimeout(resolve, 500, 'alive')),
    ]);

    expect([ended, output()]).toEqual(['alive', 'started\n']);
  });
});
