import { Redis } from 'ioredis';

/**
 * The lower bound: only ioredis and JSON.
 * @param {{ url: string }} settings @returns {import('../workloads/redis-hits.js').RedisSubject}
 */
export function open({ url }) {
  const redis = new Redis(url);
  return {
    get: async (key) => parsed(await redis.get(`raw:${key}`)),
    getMany: async (keys) => (await redis.mget(keys.map((key) => `raw:${key}`))).map(parsed),
    set: async (key, value) => void (await redis.set(`raw:${key}`, JSON.stringify(value), 'PX', 3_600_000)),
    close: () => redis.disconnect(),
  };
}

/** @param {string | null} text @returns {unknown} */
function parsed(text) {
  return text === null ? undefined : JSON.parse(text);
}
