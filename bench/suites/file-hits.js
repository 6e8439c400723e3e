import { measure } from '../lib/measure.js';
import { startRedis } from '../lib/redis-server.js';
import { duration, times } from '../lib/report.js';

const OPERATIONS = ['get', 'inFlight', 'getMany', 'set', 'setInFlight'];

/**
 * Files beside lmdb alone, and beside Redis on the same machine.
 * @type {import('./suite.js').Suite}
 */
export const fileHits = {
  name: 'file-hits',
  hasTargets: true,
  async measure(run) {
    const server = await startRedis();
    try {
      const cases = [
        ['lmdb', 'lmdb and the codec', 'file-lmdb'],
        ['kit', 'kit on files', 'file-kit'],
        ['redis', 'kit on Redis', 'redis-kit'],
      ].map(([id, label, subject]) => ({
        id,
        label,
        subject,
        workload: 'redis-hits',
        operations: OPERATIONS,
        settings: { kit: run.kit, url: server.url, maxEntries: 10_000 },
      }));
      const effort = run.isQuick
        ? { generations: 1, rounds: 2, sampleMs: 5, warmUpMs: 20 }
        : { generations: 3, rounds: 7, sampleMs: 60, warmUpMs: 400 };
      const results = await measure(cases, effort, run.log);
      const rows = cases.map(({ id, label }) => {
        const cells = OPERATIONS.map((operation) => {
          const of = results.of(id, operation);
          return `${duration(of.wallMedianNs)} (${times(of.wallRatioTo(results.of('lmdb', operation)))})`;
        });
        return [label, ...cells];
      });
      const columns = ['', 'get, one after the other', 'get, 64 in flight', 'getMany(100)', 'set', 'set, 64 in flight'];
      return {
        table: { title: 'Files: a 1 KB object, time per call and times lmdb with the codec', columns, rows },
        targets: targets(results),
        results,
      };
    } finally {
      await server.stop();
    }
  },
};

/** @param {import('../lib/measure.js').Results} results */
function targets(results) {
  const get = results.of('kit', 'get').wallRatioTo(results.of('lmdb', 'get'));
  const toRedis = results.of('kit', 'get').wallRatioTo(results.of('redis', 'get'));
  const writes = 1 / results.of('kit', 'setInFlight').wallRatioTo(results.of('lmdb', 'setInFlight'));
  return [
    {
      name: 'A get hit on files takes at most 3 times a get of lmdb with the codec',
      isMet: get <= 3,
      figure: times(get),
    },
    { name: 'A get hit on files is faster than on Redis', isMet: toRedis < 1, figure: times(toRedis) },
    {
      name: 'With 64 in flight, set does at least 0.7 times as many as put of lmdb',
      isMet: writes >= 0.7,
      figure: times(writes),
    },
  ];
}
