import { measure } from '../lib/measure.js';
import { startRedis } from '../lib/redis-server.js';
import { duration, times } from '../lib/report.js';

const OPERATIONS = ['get', 'inFlight', 'getMany', 'set'];

/** @type {import('./suite.js').Suite} */
export const redisHits = {
  name: 'redis-hits',
  hasTargets: true,
  async measure(run) {
    const server = await startRedis();
    try {
      const cases = redisCases(run, server.url);
      const effort = run.isQuick
        ? { generations: 1, rounds: 2, sampleMs: 5, warmUpMs: 20 }
        : { generations: 3, rounds: 7, sampleMs: 60, warmUpMs: 400 };
      const results = await measure(cases, effort, run.log);
      const rows = cases.map(({ id, label }) => {
        const cells = OPERATIONS.map((operation) => {
          const of = results.of(id, operation);
          return `${duration(of.wallMedianNs)} (${times(of.wallRatioTo(results.of('raw', operation)))})`;
        });
        return [label, ...cells];
      });
      const columns = ['on Redis', 'get, one after the other', 'get, 64 in flight', 'getMany(100)', 'set'];
      return {
        table: { title: 'Redis: a 1 KB object, time per call and times raw ioredis with JSON', columns, rows },
        targets: targets(results),
        results,
      };
    } finally {
      await server.stop();
    }
  },
};

/** @param {import('./suite.js').Run} run @param {string} url @returns {import('../lib/measure.js').Case[]} */
function redisCases({ kit }, url) {
  /** @param {string} id @param {string} label @param {object} [settings] @param {string} [subject] */
  const of = (id, label, settings, subject = `redis-${id}`) => ({
    id,
    label,
    subject,
    workload: 'redis-hits',
    operations: OPERATIONS,
    settings: { kit, url, ...settings },
  });
  return [
    of('raw', 'ioredis and JSON'),
    of('kit', 'kit'),
    of('kit-tagged', 'kit, two tags in a namespace', { tags: ['a', 'b'], namespace: 'n' }, 'redis-kit'),
    of('cacheable', 'cacheable on @keyv/redis'),
    of('cache-manager', 'cache-manager on @keyv/redis'),
    of('bentocache', 'bentocache'),
  ];
}

/** @param {import('../lib/measure.js').Results} results */
function targets(results) {
  /** @param {string} operation */
  const ratio = (operation) => results.of('kit', operation).wallRatioTo(results.of('raw', operation));
  const sequential = ratio('get');
  const throughput = 1 / ratio('inFlight');
  const many = ratio('getMany');
  return [
    {
      name: 'A get hit takes at most 1.08 times raw GET and JSON.parse, one after the other',
      isMet: sequential <= 1.08,
      figure: times(sequential),
    },
    {
      name: 'With 64 in flight it does at least 0.95 times as many',
      isMet: throughput >= 0.95,
      figure: times(throughput),
    },
    { name: 'getMany(100) takes at most 1.15 times MGET and JSON.parse', isMet: many <= 1.15, figure: times(many) },
  ];
}
