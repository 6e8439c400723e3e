import { Logger } from '@nestjs/common';
import type { CacheKitOptions } from '../../../src/cache-kit.options.js';
import { createCache } from '../../../src/create-cache.js';

/*
 * One process of a deployment: `killed-process.worker.ts <options as JSON> <reads>`. It reads a key that many times,
 * prints `ready`, and closes its cache when the parent sends a message; then it prints `closed` and waits to be ended.
 */

Logger.overrideLogger(false);
const [, , options = '{}', reads = '0'] = process.argv;

const cache = await createCache(JSON.parse(options) as CacheKitOptions);
await cache.set(`key of ${process.pid}`, 'v', { ttl: '1h' });
for (let i = 0; i < Number(reads); i++) await cache.get(`key of ${process.pid}`);
process.on('message', () => void cache.close().then(() => console.log('closed')));
console.log('ready');
