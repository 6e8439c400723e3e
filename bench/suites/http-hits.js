import { measure } from '../lib/measure.js';
import { duration, percent, times } from '../lib/report.js';

/** @typedef {import('../lib/measure.js').Case & { platform: string, label: string }} ServerCase */

const PLATFORMS = ['express', 'fastify'];
/** @type {[id: string, label: string][]} */
const WAYS = [
  ['buffer', 'an interceptor that writes a Buffer'],
  ['kit', 'the kit, a hit'],
  ['constant', 'no cache, a handler that returns a constant object'],
  ['constant-text', 'no cache, a handler that returns a constant text'],
  ['cache-manager', '@nestjs/cache-manager, a hit'],
];

/** @type {import('./suite.js').Suite} */
export const httpHits = {
  name: 'http-hits',
  hasTargets: true,
  async measure(run) {
    /** @type {ServerCase[]} */
    const cases = PLATFORMS.flatMap((platform) =>
      WAYS.map(([way, label]) => ({
        id: `${platform} ${way}`,
        label,
        platform,
        subject: 'nest-server',
        workload: 'http-hits',
        operations: ['hit'],
        settings: { kit: run.kit, platform, way, maxEntries: 1 },
      })),
    );
    const effort = run.isQuick
      ? { generations: 1, rounds: 2, sampleMs: 20, warmUpMs: 20 }
      : { generations: 3, rounds: 5, sampleMs: 100, warmUpMs: 600 };
    const results = await measure(cases, effort, run.log);
    const rows = cases.map(({ id, label, platform }) => {
      const series = results.of(id, 'hit');
      const limit = results.of(`${platform} buffer`, 'hit');
      return [
        platform,
        label,
        duration(series.medianNs),
        Math.round(1e9 / series.medianNs).toLocaleString('en'),
        times(limit.ratioTo(series)),
        percent(series.spread),
      ];
    });
    const columns = ['platform', 'answered by', 'processor time', 'hits a second and core', 'of the limit', 'spread'];
    return {
      table: { title: 'Hits over HTTP: 1 KB of JSON', columns, rows },
      targets: PLATFORMS.flatMap((platform) => targetsOn(platform, results)),
      results,
    };
  },
};

/** @param {string} platform @param {import('../lib/measure.js').Results} results */
function targetsOn(platform, results) {
  const of = (/** @type {string} */ way) => results.of(`${platform} ${way}`, 'hit');
  const share = of('buffer').ratioTo(of('kit'));
  const ahead = of('constant').ratioTo(of('kit'));
  return [
    {
      name: `A hit on ${platform} comes at 0.95 of the rate of an interceptor that writes a Buffer`,
      isMet: share >= 0.95,
      figure: times(share),
    },
    {
      name: `A hit on ${platform} is ahead of a handler that returns a constant`,
      isMet: ahead > 1,
      figure: times(ahead),
    },
  ];
}
