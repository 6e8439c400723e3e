import { measure } from '../lib/measure.js';
import { duration, percent, times } from '../lib/report.js';
import { effort } from './suite.js';

const OPERATIONS = ['getOrSet', 'plain', 'cached', 'selectPlain', 'select'];
const LABELS = [
  'getOrSet with a ready key',
  'prepared query, no cache',
  'prepared query, cached',
  'built query, no cache',
  'built query, cached',
];

/** @type {import('./suite.js').Suite} */
export const queryHits = {
  name: 'query-hits',
  hasTargets: true,
  async measure(run) {
    const settings = { kit: run.kit, maxEntries: 10_000 };
    const drizzle = { id: 'drizzle', label: 'Drizzle', subject: 'drizzle', workload: 'query-hits', settings };
    const results = await measure([{ ...drizzle, operations: OPERATIONS }], effort(run), run.log);
    const of = (/** @type {string} */ operation) => results.of('drizzle', operation);
    const rows = OPERATIONS.map((operation, i) => [
      LABELS[i],
      duration(of(operation).medianNs),
      percent(of(operation).spread),
    ]);
    return {
      table: {
        title: 'Queries of Drizzle on a database that answers at once: time per call',
        columns: ['call', 'time', 'spread'],
        rows,
      },
      targets: [
        target('prepared', of('cached'), of('plain'), of('getOrSet')),
        target('built', of('select'), of('selectPlain'), of('getOrSet')),
      ],
      results,
    };
  },
};

/**
 * @param {string} kind
 * @param {import('../lib/measure.js').Series} cached
 * @param {import('../lib/measure.js').Series} plain
 * @param {import('../lib/measure.js').Series} hit
 */
function target(kind, cached, plain, hit) {
  const ratio = cached.medianNs / (plain.medianNs + hit.medianNs);
  return {
    name: `A hit of a ${kind} query takes at most 1.3 times the work of Drizzle and a getOrSet hit`,
    isMet: ratio <= 1.3,
    figure: `${times(ratio)} of ${duration(plain.medianNs + hit.medianNs)}`,
  };
}
