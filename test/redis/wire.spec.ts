import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from '@jest/globals';
import { Redis } from 'ioredis';
import { IoredisWire } from '../../src/adapters/redis/ioredis/ioredis-wire.js';
import { SystemClock } from '../../src/core/system-clock.js';
import { until } from '../support/redis/until.js';
import { startRedis, startSentinels } from '../support/redis-servers.js';
import { cleanUpAfterEach, stopAfterTest, afterTest } from './redis.fixture.js';

cleanUpAfterEach();

interface Connected {
  readonly client: Redis;
  readonly wire: IoredisWire;
}

async function connected(client: Redis): Promise<Connected> {
  const wire = new IoredisWire(client, { channel: 'wake', isForeign: false, clock: new SystemClock() });
  afterTest(() => wire.close());
  await wire.connect();
  await until(
    async () => wire.isUp() && wire.isListening(),
    5_000,
    () => 'The wire did not connect in time.',
  );
  return { client, wire };
}

describe('a client that has given up', () => {
  it('connects again', async () => {
    const { url } = await stopAfterTest(startRedis());
    const { client, wire } = await connected(new Redis(url, { lazyConnect: true }));

    client.disconnect();
    await until(
      async () => client.status === 'end',
      5_000,
      () => client.status,
    );
    await until(
      async () => wire.isUp(),
      5_000,
      () => client.status,
    );

    expect(await wire.run([{ name: 'PING', keys: [], args: [] }])).toEqual([Buffer.from('PONG')]);
  });

  it('connects again when it gave up because a failover was announced during its search for the master', async () => {
    const trio = await stopAfterTest(startSentinels());
    const sentinels = trio.sentinels.map(({ host, port }) => ({ host, port }));
    const { client, wire } = await connected(
      new Redis({ sentinels, name: trio.name, failoverDetector: true, retryStrategy: () => 50, lazyConnect: true }),
    );
    const ends = { count: 0 };
    client.on('end', () => ends.count++);
    const { connector } = client as unknown as { connector: { disconnect(): void } };

    // ioredis does this when a failover is announced. The second time it is searching for the master.
    client.once('connecting', () => connector.disconnect());
    connector.disconnect();
    await until(
      async () => ends.count > 0,
      5_000,
      () => client.status,
    );
    await until(
      async () => wire.isUp(),
      5_000,
      () => client.status,
    );

    expect(await wire.run([{ name: 'PING', keys: [], args: [] }])).toEqual([Buffer.from('PONG')]);
  });

  it('stays disconnected when the wire is closed', async () => {
    const { url } = await stopAfterTest(startRedis());
    const { client, wire } = await connected(new Redis(url, { lazyConnect: true }));
    client.disconnect();
    await until(
      async () => client.status === 'end',
      5_000,
      () => client.status,
    );

    await wire.close();
    await sleep(300);

    expect(client.status).toBe('end');
  });
});
