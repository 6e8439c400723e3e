import { measure } from '../lib/measure.js';
import { duration, percent, times } from '../lib/report.js';
import { CAPACITY, PRODUCTS } from '../workloads/zipf.js';
import { effort } from './suite.js';

/** @type {import('./suite.js').Suite} */
export const memoryZipf = {
  name: 'memory-zipf',
  hasTargets: false,
  async measure(run) {
    const cases = zipfCases(run);
    const results = await measure(cases, effort(run), run.log);
    const rows = cases.map(({ id, label }) => {
      const series = results.of(id, 'getOrSet');
      const [{ figures }] = results.of(id, 'hitRatio').samples;
      return [
        label,
        `${duration(series.medianNs)} (${times(series.ratioTo(results.of('floor', 'getOrSet')))})`,
        percent(figures?.hitRatio ?? NaN, 1),
        percent(series.spread),
      ];
    });
    const [room, products] = [CAPACITY, PRODUCTS].map((count) => count.toLocaleString('en'));
    const title = `Zipf getOrSet: room for ${room} of ${products} products`;
    return { table: { title, columns: ['cache', 'getOrSet', 'hit ratio', 'spread'], rows }, targets: [], results };
  },
};

/** @param {import('./suite.js').Run} run @returns {import('../lib/measure.js').Case[]} */
function zipfCases({ kit, isQuick }) {
  const once = [{ operation: 'hitRatio', calls: isQuick ? 5_000 : 100_000 }];
  /** @param {string} id @param {string} label @param {string} subject @param {object} [settings] */
  const of = (id, label, subject, settings) => ({
    id,
    label,
    subject,
    workload: 'zipf',
    operations: ['getOrSet'],
    once,
    settings: { maxEntries: CAPACITY, kit, ...settings },
  });
  return [
    of('floor', 'floor', 'floor'),
    of('kit-none', "kit, isolation 'none'", 'kit', { isolation: 'none' }),
    of('kit-none-lru', "kit, 'none', policy 'lru'", 'kit', { isolation: 'none', policy: 'lru' }),
    of('kit-clone', 'kit (default)', 'kit'),
    of('async-cache-dedupe', 'async-cache-dedupe', 'async-cache-dedupe'),
    of('cacheable', 'cacheable (default)', 'cacheable'),
    of('bentocache', 'bentocache (default)', 'bentocache'),
  ];
}
