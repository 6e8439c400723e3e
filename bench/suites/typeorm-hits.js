import { measure } from '../lib/measure.js';
import { duration, percent, times } from '../lib/report.js';
import { NAMES } from '../workloads/typeorm-hits.js';
import { effort } from './suite.js';

/**
 * Queries of TypeORM whose result is cached, in memory. The smallest possible cost is that of a cache whose caller has
 * the key ready.
 * @type {import('./suite.js').Suite}
 */
export const typeormHits = {
  name: 'typeorm-hits',
  hasTargets: true,
  async measure(run) {
    /** @param {string} by @param {string} label @returns {import('../lib/measure.js').Case} */
    const of = (by, label) => ({
      id: by,
      label,
      subject: 'typeorm',
      workload: 'typeorm-hits',
      operations: ['find'],
      settings: { kit: run.kit, by, names: NAMES, maxEntries: NAMES.length },
    });
    const cases = [
      of('key', 'getOrSet with a ready key'),
      of('kit', 'nestjs-cache-kit/typeorm'),
      of('none', 'no cache: sql.js, in the process'),
    ];
    const results = await measure(cases, effort(run), run.log);
    const ratio = results.of('kit', 'find').ratioTo(results.of('key', 'find'));
    return {
      table: {
        title: 'TypeORM: a query that finds one entity',
        columns: ['answered by', 'find', 'spread'],
        rows: cases.map(({ id, label }) => {
          const found = results.of(id, 'find');
          const cell = `${duration(found.medianNs)} (${times(found.ratioTo(results.of('key', 'find')))})`;
          return [label, cell, percent(found.spread)];
        }),
      },
      targets: [
        {
          name: 'A cached query of TypeORM takes at most 1.3 times one that is cached under a ready key',
          isMet: ratio <= 1.3,
          figure: times(ratio),
        },
      ],
      results,
    };
  },
};
