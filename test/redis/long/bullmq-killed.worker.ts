import { setTimeout as sleep } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { bullmqWriteBehind } from '../../../src/bullmq.js';
import { createCache } from '../../../src/create-cache.js';

/*
 * A process that writes behind until it is killed: `bullmq-killed.worker.ts <port> <first number>`. The source is
 * database 1 of the server: a list for each key. It reports each number to its parent when `writeBehind` has taken it
 * over.
 */
const [, , port = '', first = '1'] = process.argv;
const KEYS = 8;

const source = new Redis({ port: Number(port), host: '127.0.0.1', db: 1 });
const cache = await createCache({
  onError: (error) => {
    throw error;
  },
  writeBehind: bullmqWriteBehind({
    connection: { port: Number(port), host: '127.0.0.1' },
    writers: {
      append: async (value, key) => {
        // Kills must also come while a writer runs.
        await sleep(Math.random() * 10);
        await source.rpush(key, String(value));
        await sleep(Math.random() * 10);
      },
    },
  }),
});

process.send?.('ready');
for (let n = Number(first); ; n++) {
  const key = `k${n % KEYS}`;
  await cache.writeBehind(key, n, 'append', { delay: n % 5 === 0 ? 0 : 30 });
  process.send?.([key, n]);
}
