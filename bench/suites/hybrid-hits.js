import { measure } from '../lib/measure.js';
import { startRedis } from '../lib/redis-server.js';
import { duration, percent, times } from '../lib/report.js';
import { effort } from './suite.js';

const OPERATIONS = ['get', 'getOrSet'];

/** @typedef {import('../lib/measure.js').Case & { answers: string }} NearCase */

/** @type {import('./suite.js').Suite} */
export const hybridHits = {
  name: 'hybrid-hits',
  hasTargets: true,
  async measure(run) {
    const server = await startRedis();
    try {
      const cases = nearCases(run, server.url);
      const results = await measure(cases, effort(run), run.log);
      const rows = cases.map(({ id, label, answers }) => {
        const series = OPERATIONS.map((operation) => results.of(id, operation));
        const cells = series.map(
          (of, i) => `${duration(of.medianNs)} (${times(of.ratioTo(results.of('floor', OPERATIONS[i])))})`,
        );
        return [
          label,
          answers,
          ...cells,
          String(commandsPerHit(results, id)),
          percent(Math.max(...series.map((of) => of.spread))),
        ];
      });
      const columns = ['cache', 'answers with', ...OPERATIONS, 'commands at the server', 'spread'];
      return {
        table: { title: 'Near hits: a 1 KB object, time per call and times the floor', columns, rows },
        targets: targets(results),
        results,
      };
    } finally {
      await server.stop();
    }
  },
};

/** @param {import('./suite.js').Run} run @param {string} url @returns {NearCase[]} */
function nearCases({ kit, isQuick }, url) {
  const once = [{ operation: 'serverCommands', calls: isQuick ? 2_000 : 100_000 }];
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
    workload: 'near-hits',
    operations: OPERATIONS,
    once,
    settings: { maxEntries: 10_000, kit, url, id, ...settings },
  });
  return [
    of('floor', 'floor, memory alone', 'same object', 'floor'),
    of('kit-memory', "kit, memory alone, isolation 'none'", 'same object', 'kit', { isolation: 'none' }),
    of('kit-none', "kit, hybrid, isolation 'none'", 'same object', 'hybrid-kit', { isolation: 'none' }),
    of('kit-none-bare', "kit, hybrid, 'none', stats off", 'same object', 'hybrid-kit', {
      isolation: 'none',
      stats: false,
    }),
    of('kit-clone', "kit, hybrid, isolation 'clone' (default)", 'copy', 'hybrid-kit', { isolation: 'clone' }),
    of('cacheable', 'cacheable on @keyv/redis, useClone: false', 'same object', 'hybrid-cacheable'),
    of('bentocache', 'bentocache, serialize: false, with a bus', 'same object', 'hybrid-bentocache'),
  ];
}

/** @param {import('../lib/measure.js').Results} results @param {string} id */
function commandsPerHit(results, id) {
  return Math.max(...results.of(id, 'serverCommands').samples.map(({ figures }) => figures?.perHit ?? NaN));
}

/** @param {import('../lib/measure.js').Results} results */
function targets(results) {
  const floor = results.of('floor', 'get');
  const ratio = results.of('kit-none', 'get').ratioTo(floor);
  const commands = commandsPerHit(results, 'kit-none');
  return [
    {
      name: "A near hit with isolation 'none' takes at most twice the floor",
      isMet: ratio <= 2,
      figure: `${times(ratio)} of ${duration(floor.medianNs)}`,
    },
    { name: 'A near hit sends no command to the server', isMet: commands === 0, figure: `${commands} commands a hit` },
  ];
}
