import { describe, expect, it } from '@jest/globals';
import { Redis } from 'ioredis';
import { IoredisWire } from '../../src/adapters/redis/ioredis/ioredis-wire.js';
import { SystemClock } from '../../src/core/system-clock.js';
import { until } from '../support/redis/until.js';
import { startRedis, startSentinels } from '../support/redis-servers.js';
import { endWhatTestsOpened, kept, onEnd } from './faults.fixture.js';

endWhatTestsOpened();

interface Connected {
  readonly client: Redis;
  readonly wire: IoredisWire;
}

async function connected(client: Redis): Promise<Connected> {
  const wire = new IoredisWire(client, { channel: 'wake', isForeign: false, clock: new SystemClock() });
  onEnd(() => wire.close());
  await wire.connect();
  await until(
    async () => wire.isUp() && wire.isListening(),
    5_000,
    () => 'It did not connect.',
  );
  return { client, wire };
}

describe('a client that has given up', () => {
  it('connects anew', async () => {
    const { url } = await kept(startRedis());
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

  it('connects anew when it did so because a failover was announced while it asked for the master', async () => {
    const trio = await kept(startSentinels());
    const sentinels = trio.sentinels.map(({ host, port }) => ({ host, port }));
    const { client, wire } = await connected(
      new Redis({ sentinels, name: trio.name, failoverDetector: true, retryStrategy: () => 50, lazyConnect: true }),
    );
    const ends = { count: 0 };
    client.on('end', () => ends.count++);
    const { connector } = client as unknown as { connector: { disconnect(): void } };

    // What ioredis does when it hears of a failover, twice: the second time it is asking.
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

  it('stays away when the wire is closed', async () => {
    const { url } = await kept(startRedis());
    const { client, wire } = await connected(new Redis(url, { lazyConnect: true }));
    client.disconnect();
    await until(
      async () => client.status === 'end',
      5_000,
      () => client.status,
    );

    await wire.close();
    await new Promise((resolve) => setTimeout(resolve, 300));

    expect(client.status).toBe('end');
  });
});
