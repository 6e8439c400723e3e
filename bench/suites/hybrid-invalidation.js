import { measure } from '../lib/measure.js';
import { startRedis } from '../lib/redis-server.js';
import { duration, percent, times } from '../lib/report.js';
import { median, spread } from '../lib/statistics.js';

const OPERATIONS = ['set', 'delete', 'invalidateTags'];
const LISTENERS = [1, 8, 32];

/** @typedef {{ label: string, listeners: number, options: Record<string, any> }} Setting */

/** @type {import('./suite.js').Suite} */
export const hybridInvalidation = {
  name: 'hybrid-invalidation',
  hasTargets: false,
  async measure(run) {
    // A server for each case: the commands of its listeners must not count for another case.
    const settings = caseSettings();
    const servers = await Promise.all(settings.map(() => startRedis()));
    try {
      const cases = settings.map((setting, i) => caseOf(run, setting, servers[i].url));
      const effort = run.isQuick
        ? { generations: 1, rounds: 2, sampleMs: 10, warmUpMs: 10 }
        : { generations: 3, rounds: 5, sampleMs: 120, warmUpMs: 240 };
      const results = await measure(cases, effort, run.log);
      const rows = cases.map(({ id, label }, i) => {
        const series = OPERATIONS.map((operation) => serverNs(results, id, operation));
        const cells = series.map(
          (ns, i) => `${duration(median(ns))} (${times(ratio(ns, serverNs(results, cases[0].id, OPERATIONS[i])))})`,
        );
        const idle = duration(median(serverNs(results, id, 'idle')));
        return [
          label,
          String(settings[i].listeners),
          ...cells,
          idle,
          lag(results, id, 'p50Ns'),
          lag(results, id, 'p99Ns'),
          percent(Math.max(...series.map(spread))),
        ];
      });
      const columns = [
        'changes are heard of by',
        'listeners',
        ...OPERATIONS,
        'idle, a second',
        'lag p50',
        'lag p99',
        'spread',
      ];
      return {
        table: {
          title: "Invalidation: the server's processor time per call, and times what it is with nobody listening",
          columns,
          rows,
        },
        targets: [],
        results,
      };
    } finally {
      await Promise.all(servers.map((server) => server.stop()));
    }
  },
};

/** @returns {Setting[]} the first is the one to compare with */
function caseSettings() {
  const modes = ['tracking', 'bus'];
  return [
    { label: "nobody, backend 'redis'", listeners: 0, options: { backend: 'redis' } },
    ...modes.flatMap((coherence) =>
      LISTENERS.map((listeners) => ({
        label: coherence,
        listeners,
        options: { backend: 'hybrid', redis: { coherence } },
      })),
    ),
  ];
}

/**
 * @param {import('./suite.js').Run} run
 * @param {Setting} setting
 * @param {string} url
 * @returns {import('../lib/measure.js').Case}
 */
function caseOf({ kit, isQuick }, { label, listeners, options }, url) {
  // A long timeout: all processes warm up at the same time, and timeouts are not measured here.
  const redis = { ...options.redis, url, commandTimeout: '10s' };
  return {
    id: `${label} ${listeners}`,
    label,
    subject: 'kit-service',
    workload: 'invalidation',
    operations: OPERATIONS,
    once: [
      { operation: 'idle', calls: isQuick ? 1 : 3 },
      ...(listeners > 0 ? [{ operation: 'lag', calls: isQuick ? 8 : 400 }] : []),
    ],
    settings: { maxEntries: 10_000, kit, url, listeners, options: { ...options, redis } },
  };
}

/** @param {import('../lib/measure.js').Results} results @param {string} id @param {string} operation */
function serverNs(results, id, operation) {
  return results.of(id, operation).samples.map(({ figures }) => figures?.serverNs ?? NaN);
}

/** Compares within each round. @param {readonly number[]} values @param {readonly number[]} others */
function ratio(values, others) {
  return median(values.map((value, round) => value / others[round]));
}

/** @param {import('../lib/measure.js').Results} results @param {string} id @param {string} figure */
function lag(results, id, figure) {
  const { samples } = results.of(id, 'lag');
  return samples.length === 0 ? '' : duration(median(samples.map(({ figures }) => figures?.[figure] ?? NaN)));
}
