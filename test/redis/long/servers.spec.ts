import { execFile, spawnSync } from 'node:child_process';
import { resolve } from 'node:path';
import { describe, expect, it, jest } from '@jest/globals';
import { Cluster, Redis } from 'ioredis';
import { ask } from '../../support/redis/ask.js';
import { startServer } from '../../support/redis/redis-server.js';
import { commonArgs } from '../../support/redis/server-args.js';
import { until } from '../../support/redis/until.js';
import { findServer, startCluster, startRedis, startSentinels } from '../../support/redis-servers.js';
import { afterTest, cleanUpAfterEach, stopAfterTest } from '../redis.fixture.js';

jest.setTimeout(60_000);

const root = resolve(import.meta.dirname, '../../..');
cleanUpAfterEach();

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

describe('a server', () => {
  it('answers from its own process on a port of its own', async () => {
    const [one, other] = await Promise.all([stopAfterTest(startRedis()), stopAfterTest(startRedis())]);

    const replies = await Promise.all([ask(one.port, 'PING'), ask(other.port, 'PING')]);

    expect(replies).toEqual(['PONG', 'PONG']);
    expect(one.port).not.toBe(other.port);
    expect(one.pid).not.toBe(other.pid);
  });

  it('leaves no process behind when it is stopped, paused or not', async () => {
    const [running, paused] = await Promise.all([startRedis(), startRedis()]);
    paused.pause();

    await Promise.all([running.stop(), paused.stop()]);

    expect([running.pid, paused.pid].filter(isAlive)).toEqual([]);
  });

  it('comes back empty on the same port after it was killed', async () => {
    const server = await stopAfterTest(startRedis());
    const { pid } = server;
    await ask(server.port, 'SET greeting hello');

    server.kill('SIGKILL');
    await server.restart();

    expect(await ask(server.port, 'DBSIZE')).toBe('0');
    expect(server.pid).not.toBe(pid);
    expect(isAlive(pid)).toBe(false);
  });

  it('answers nothing while paused, and answers waiting commands when resumed', async () => {
    const server = await stopAfterTest(startRedis());
    server.pause();
    let isAnswered = false;

    const whilePaused = await ask(server.port, 'PING').catch(String);
    const later = ask(server.port, 'PING').then(() => (isAnswered = true));
    const wasAnswered = isAnswered;
    server.resume();
    await later;

    expect(whilePaused).toMatch(/No answer to PING/);
    expect([wasAnswered, isAnswered]).toEqual([false, true]);
  });

  it('takes arguments, such as a password', async () => {
    const server = await stopAfterTest(startRedis({ args: ['--requirepass', 'secret', '--maxmemory', '8mb'] }));
    const client = new Redis(server.url, { password: 'secret' });
    afterTest(() => client.disconnect());

    expect(await client.config('GET', 'maxmemory')).toEqual(['maxmemory', String(8 * 1024 * 1024)]);
  });

  it('reports its output when it does not start', async () => {
    await expect(startRedis({ args: ['--no-such-option', 'yes'] })).rejects.toThrow(/did not start:[^]*no-such-option/);
  });

  it('is refused on a port that is taken', async () => {
    const { port } = await stopAfterTest(startRedis());

    await expect(startRedis({ port })).rejects.toThrow(/Address already in use/);
  });

  it('takes another port when another server was faster', async () => {
    const faster = await stopAfterTest(startRedis());
    const tried: number[] = [];
    const args = (port: number): string[] => commonArgs(tried.push(port) === 1 ? faster.port : port);

    const server = await stopAfterTest(startServer(args));

    expect(tried).toEqual([expect.any(Number), server.port]);
  });

  it('ends with its test run, even one that is killed', async () => {
    const jestArgs = [
      'node_modules/jest/bin/jest.js',
      '--runInBand',
      '--testMatch',
      '**/test/redis/long/killed-run.fixture.ts',
    ];

    const output = await new Promise<string>((done) => {
      execFile(process.execPath, ['--experimental-vm-modules', ...jestArgs], { cwd: root }, (_, stdout) =>
        done(stdout),
      );
    });

    const pid = Number(/server (\d+)/.exec(output)?.[1]);
    expect(pid).toBeGreaterThan(0);
    await until(
      async () => !isAlive(pid),
      5_000,
      () => `The server ${pid} is still running.`,
    );
  });
});

describe('the search for a server', () => {
  const nowhere = resolve(root, 'no-such-directory');
  const ensureRedis = (env: NodeJS.ProcessEnv): ReturnType<typeof spawnSync> =>
    spawnSync(process.execPath, [resolve(root, 'scripts/ensure-redis.mjs')], { env, encoding: 'utf8' });

  it('names the script that installs one', () => {
    expect(() => findServer(nowhere)).toThrow(
      /Expected redis-server or valkey-server on the PATH: run `node scripts\/ensure-redis.mjs`/,
    );
  });

  it('prints the found version', () => {
    const { status, stdout } = ensureRedis(process.env);

    expect(stdout).toMatch(/^Found (redis|valkey)-server \d+\.\d+\.\d+ for the tests\.\n$/);
    expect(status).toBe(0);
  });

  it('fails when nothing can be installed, and says what to install', () => {
    const { status, stderr } = ensureRedis({ PATH: nowhere });

    expect(stderr).toMatch(/^Found no Redis server\.[^]*apt-get install[^]*brew install[^]*dnf install/);
    expect(status).toBe(1);
  });
});

describe('a cluster', () => {
  it('serves every slot through a client that knows one node, and leaves no process behind', async () => {
    const cluster = await stopAfterTest(startCluster());
    const client = new Cluster(cluster.urls.slice(0, 1));
    afterTest(() => client.disconnect());
    const keys = Array.from({ length: 50 }, (_, index) => `key:${index}`);

    await Promise.all(keys.map((key) => client.set(key, key)));
    const values = await Promise.all(keys.map((key) => client.get(key)));
    const [masters, replicas] = await Promise.all([cluster.masters(), cluster.replicas()]);
    client.disconnect();
    await cluster.stop();

    expect(values).toEqual(keys);
    expect(masters).toEqual(cluster.nodes.slice(0, 3));
    expect(replicas).toEqual(cluster.nodes.slice(3));
    expect(cluster.nodes.filter(({ pid }) => isAlive(pid))).toEqual([]);
  });

  it('promotes the replica of a master that is killed, and takes the killed one back as a replica', async () => {
    const cluster = await stopAfterTest(startCluster());
    const [master, , , replica] = cluster.nodes;

    master!.kill('SIGKILL');
    await until(
      async () => (await cluster.masters()).includes(replica!),
      15_000,
      () => 'No replica was promoted.',
    );
    await master!.restart();
    await cluster.ready();

    expect(await cluster.replicas()).toContain(master);
  });
});

describe('sentinels', () => {
  it('lead a client to the master, and leave no process behind', async () => {
    const trio = await stopAfterTest(startSentinels());
    const client = new Redis({ sentinels: [...trio.sentinels], name: trio.name });
    afterTest(() => client.disconnect());

    await client.set('greeting', 'hello');
    const greeting = await ask(trio.master.port, 'GET greeting');
    client.disconnect();
    await trio.stop();

    expect(greeting).toBe('hello');
    expect([...trio.sentinels, trio.master, ...trio.replicas].filter(({ pid }) => isAlive(pid))).toEqual([]);
  });

  it('send clients to a replica when the master does not answer', async () => {
    const trio = await stopAfterTest(startSentinels());

    trio.master.pause();
    const isReplaced = async (): Promise<boolean> => {
      const current = await trio.currentMaster();
      return current !== undefined && trio.replicas.includes(current);
    };
    await until(isReplaced, 15_000, () => 'No replica was promoted.');

    expect(trio.replicas).toContain(await trio.currentMaster());
  });
});
