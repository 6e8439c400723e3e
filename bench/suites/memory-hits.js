import { measure } from '../lib/measure.js';
import { duration, percent, times } from '../lib/report.js';
import { effort } from './suite.js';

const OPERATIONS = ['get', 'getOrSet', 'set'];
const SETTINGS = { maxEntries: 10_000 };

/** @typedef {import('../lib/measure.js').Case & { answers: string }} HitCase */

/** @type {import('./suite.js').Suite} */
export const memoryHits = {
  name: 'memory-hits',
  hasTargets: true,
  async measure(run) {
    const cases = hitCases(run, OPERATIONS);
    const results = await measure(cases, effort(run), run.log);
    const rows = cases.map(({ id, label, answers }) => {
      const series = OPERATIONS.map((operation) => results.of(id, operation));
      const cells = series.map(
        (of, i) => `${duration(of.medianNs)} (${times(of.ratioTo(results.of('floor', OPERATIONS[i])))})`,
      );
      return [label, answers, ...cells, percent(Math.max(...series.map((of) => of.spread)))];
    });
    const columns = ['cache', 'answers with', ...OPERATIONS, 'spread'];
    return {
      table: { title: 'Hits: a 1 KB object, time per call and times the floor', columns, rows },
      targets: targets(results),
      results,
    };
  },
};

/** @param {import('./suite.js').Run} run @param {readonly string[]} operations @returns {HitCase[]} */
export function hitCases({ kit }, operations) {
  /**
   * @param {string} id
   * @param {string} label
   * @param {string} answers
   * @param {string} subject
   * @param {object} [settings]
   */
  const of = (id, label, answers, subject, settings) => ({
    id,
    label,
    answers,
    subject,
    workload: 'hits',
    operations,
    settings: { ...SETTINGS, kit, ...settings },
  });
  return [
    of('lru', 'lru-cache, synchronous', 'same object', 'lru-cache'),
    of('floor', 'floor', 'same object', 'floor'),
    of('floor-copying', 'floor + klona', 'copy', 'floor', { isCopying: true }),
    of('kit-none', "kit, isolation 'none'", 'same object', 'kit', { isolation: 'none' }),
    of('kit-none-bare', "kit, 'none', stats off", 'same object', 'kit', { isolation: 'none', stats: false }),
    of('kit-namespace', "kit, 'none', in a namespace", 'same object', 'kit', {
      isolation: 'none',
      namespace: 'products',
    }),
    of('kit-freeze', "kit, isolation 'freeze'", 'frozen object', 'kit', { isolation: 'freeze' }),
    of('kit-clone', "kit, isolation 'clone' (default)", 'copy', 'kit', { isolation: 'clone' }),
    of('async-cache-dedupe', 'async-cache-dedupe', 'same object', 'async-cache-dedupe'),
    of('cache-manager', 'cache-manager (unbounded)', 'same object', 'cache-manager'),
    of('cache-manager-keyv', 'cache-manager on Keyv (unbounded)', 'JSON copy', 'cache-manager', { isSerialized: true }),
    of('cacheable-shared', 'cacheable, useClone: false', 'same object', 'cacheable', { useClone: false }),
    of('cacheable', 'cacheable (default)', 'copy', 'cacheable'),
    of('bentocache-shared', 'bentocache, serialize: false', 'same object', 'bentocache', { serialize: false }),
    of('bentocache', 'bentocache (default)', 'JSON copy', 'bentocache'),
  ];
}

/** @param {import('../lib/measure.js').Results} results */
function targets(results) {
  const floor = results.of('floor', 'get');
  const ratio = results.of('kit-none', 'get').ratioTo(floor);
  const excessNs = results.of('kit-clone', 'get').excessOver(floor);
  const klonaNs = results.of('floor-copying', 'get').excessOver(floor);
  return [
    {
      name: "A get hit with isolation 'none' takes at most 1.5 times the floor",
      isMet: ratio <= 1.5,
      figure: `${times(ratio)} of ${duration(floor.medianNs)}`,
    },
    {
      name: "A get hit with isolation 'clone' takes at most 1 µs more than the floor",
      isMet: excessNs <= 1000,
      figure: `${duration(excessNs)} more, where klona takes ${duration(klonaNs)}`,
    },
  ];
}
