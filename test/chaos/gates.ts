import { LEASE_MS } from '../../src/adapters/redis/loads/lease-keeper.js';
import type { Report } from './chaos-run.js';
import type { Staleness } from './checker.js';
import { situationAt, type Recovery, slowest } from './recovery.js';
import { maxAgeMsOf, RECOVERED_WITHIN_MS, SLACK_MS } from './settings.js';

/*
 * Conditions that every run must meet. Conditions about speed have slack, because the machine can be busy. Conditions
 * about stale values have none.
 */

/** Default limit for the time that one call waits for Redis. */
const LIMIT_MS = 250;
/** Additional time of a load: the lease of a process that lost its connection, and the factory. */
const LOAD_MS = LEASE_MS + 50;
/** Work that even a slow machine completes. */
const ENOUGH = { reads: 5_000, acks: 100 };
const CLOSED_WITHIN_MS = 500 + SLACK_MS;

type Check = readonly [isBroken: boolean, what: string];

/** Descriptions of all broken conditions. */
export function broken(report: Report): string[] {
  return [...staleness(report), ...otherFailures(report)];
}

/** Descriptions of broken conditions about stale values. */
export function staleness({ options, verdict: { own, others, late }, healings }: Report): string[] {
  const shown = ({ stale, maxAgeMs: ageMs, worst, worstUs }: Staleness): string =>
    `${stale} times, by ${ageMs.toFixed(1)} ms at most (${worst}; that was ${situationAt(healings, worstUs)})`;
  const maxAgeMs = maxAgeMsOf(options.backend);
  return failed([
    [own.stale > 0, `a process read what it had invalidated itself: ${shown(own)}`],
    [
      others.maxAgeMs > maxAgeMs,
      `a process read what another had invalidated more than ${maxAgeMs} ms before: ${shown(others)}`,
    ],
    [late.stale > 0, `old values were left when the faults were over: ${shown(late)}`],
  ]);
}

function otherFailures({ options, verdict, processes, nearAgain, upAgain }: Report): string[] {
  const withinMs = RECOVERED_WITHIN_MS[options.topology];
  const slowestGetMs = Math.max(...processes.map((each) => each.slowestGetMs));
  const slowestLoadMs = Math.max(...processes.map((each) => each.slowestLoadMs));
  return failed([
    [
      verdict.reads < ENOUGH.reads || verdict.acks < ENOUGH.acks,
      `only ${verdict.reads} reads and ${verdict.acks} invalidations are too few to judge`,
    ],
    ...processes.flatMap(({ callerErrorCount, callerErrors, unhandled, left, closedMs }, process): Check[] => [
      [
        callerErrorCount > 0,
        `${callerErrorCount} errors reached callers of process ${process}: ${callerErrors.join('; ')}`,
      ],
      [unhandled.length > 0, `process ${process}: ${unhandled.join('; ')}`],
      [left.length > 0, `process ${process} has left ${left.join()} behind`],
      [closedMs > CLOSED_WITHIN_MS, `process ${process} took ${Math.round(closedMs)} ms to close`],
    ]),
    [slowestGetMs > LIMIT_MS + SLACK_MS, `a get took ${Math.round(slowestGetMs)} ms`],
    [slowestLoadMs > LIMIT_MS + LOAD_MS + SLACK_MS, `a getOrSet took ${Math.round(slowestLoadMs)} ms`],
    [slowest(upAgain).afterMs > withinMs, `it took ${slowestOf(upAgain)} until Redis had every invalidation`],
    [slowest(nearAgain).afterMs > withinMs, `it took ${slowestOf(nearAgain)} until most reads were near again`],
  ]);
}

function failed(checks: readonly Check[]): string[] {
  return checks.filter(([isBroken]) => isBroken).map(([, what]) => what);
}

/** Summary of a run in one line. */
export function figures({
  options,
  verdict,
  processes,
  healings,
  nearAgain,
  upAgain,
  nearShare,
  seconds,
}: Report): string {
  const { reads, acks, unsent, own, others, lagP99Ms, late } = verdict;
  const sum = (of: (process: Report['processes'][number]) => number): number =>
    processes.reduce((total, each) => total + of(each), 0);
  const highest = (of: (process: Report['processes'][number]) => number): number =>
    Math.round(Math.max(...processes.map(of)));
  const design = options.mutant === undefined ? '' : `, a design that ${options.mutant.name}`;
  return [
    `${options.topology}, ${options.backend}, seed ${options.seed}${design}: ` +
      `${Math.round(seconds)} s, ${processes.length} processes, ${healings.length} faults`,
    `${reads} reads, ${acks} invalidations (${unsent} queued or doubtful at first)`,
    `stale: own ${own.stale}, others ${others.stale} (max ${others.maxAgeMs.toFixed(1)} ms, ` +
      `p99 ${others.p99AgeMs.toFixed(1)} ms; of all invalidations ${lagP99Ms.toFixed(1)} ms), late ${late.stale}`,
    `near ${(nearShare * 100).toFixed(1)} %, near again within ${slowestOf(nearAgain)}, ` +
      `up again within ${slowestOf(upAgain)}`,
    `slowest get ${highest((each) => each.slowestGetMs)} ms, ` +
      `getOrSet ${highest((each) => each.slowestLoadMs)} ms, close ${highest((each) => each.closedMs)} ms`,
    `${sum((each) => each.callerErrorCount)} errors, ${sum((each) => each.unhandled.length)} unhandled, ` +
      `${sum((each) => each.left.length)} resources left`,
  ].join('; ');
}

/** Numbers of runs of each fault. */
export function tally({ healings }: Report): string {
  const names = [...new Set(healings.map(({ fault }) => fault))].sort();
  return names.map((name) => `${name} ${healings.filter(({ fault }) => fault === name).length}`).join(', ');
}

function slowestOf(recoveries: readonly Recovery[]): string {
  const { fault, afterMs } = slowest(recoveries);
  return `${Math.round(afterMs)} ms (${fault})`;
}
