import { measure } from '../lib/measure.js';
import { duration, percent, times } from '../lib/report.js';
import { effort } from './suite.js';

const SUBJECTS = [
  { id: 'map', label: 'plain Map, async', subject: 'map' },
  { id: 'floor', label: 'floor', subject: 'floor' },
  { id: 'kit', label: "kit, isolation 'none'", subject: 'kit', isolation: 'none' },
  { id: 'kit-bare', label: "kit, 'none', stats off", subject: 'kit', isolation: 'none', stats: false },
];

const TOLERANCE = 1.1;

/**
 * The cost of a hit with a hundred entries and with a million. The caches of the processor hold the first and not the
 * second, which slows down a plain Map too: the cost of the kit must not grow by a larger factor than that of the Map.
 * @type {import('./suite.js').Suite}
 */
export const memoryGrowth = {
  name: 'memory-growth',
  hasTargets: true,
  async measure(run) {
    const sizes = run.isQuick ? [100, 10_000] : [100, 10_000, 1_000_000];
    const cases = SUBJECTS.flatMap((subject) => sizes.map((entries) => growthCase(subject, entries, run)));
    const results = await measure(cases, { ...effort(run), ...(!run.isQuick && { generations: 3 }) }, run.log);
    /** @param {string} id */
    const seriesOf = (id) => sizes.map((entries) => results.of(`${id} ${entries}`, 'get'));
    /** @param {string} id */
    const growthOf = (id) => lastOf(seriesOf(id)).ratioTo(seriesOf(id)[0]);
    const rows = SUBJECTS.map(({ id, label }) => {
      const series = seriesOf(id);
      const excessNs = lastOf(series).excessOver(series[0]);
      return [
        label,
        ...series.map((of) => duration(of.medianNs)),
        times(growthOf(id)),
        duration(excessNs),
        percent(Math.max(...series.map((of) => of.spread))),
      ];
    });
    const columns = [
      'cache',
      ...sizes.map((entries) => `${entries.toLocaleString('en')} entries`),
      'last : first',
      'last - first',
      'spread',
    ];
    const target = {
      name:
        'A get hit grows with the number of entries no more than that of a plain Map ' +
        `(${percent(TOLERANCE - 1)} tolerance)`,
      isMet: growthOf('kit') <= growthOf('map') * TOLERANCE,
      figure: `${times(growthOf('kit'))} against ${times(growthOf('map'))}`,
    };
    return {
      table: { title: 'Growth: get hits in random order, small objects', columns, rows },
      targets: [target],
      results,
    };
  },
};

/** @param {typeof SUBJECTS[number]} subject @param {number} entries @param {import('./suite.js').Run} run */
function growthCase({ id, label, subject, ...options }, entries, { kit }) {
  const settings = { ...options, kit, maxEntries: entries, entries };
  return {
    id: `${id} ${entries}`,
    label: `${label}, ${entries} entries`,
    subject,
    workload: 'growth',
    operations: ['get'],
    settings,
  };
}

/** @template T @param {readonly T[]} items @returns {T} */
function lastOf(items) {
  return items[items.length - 1];
}
