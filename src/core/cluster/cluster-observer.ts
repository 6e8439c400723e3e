import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import { type CacheStats, type LatencyBuckets } from '../observation/cache-stats.js';
import type { Clock } from '../ports/clock.port.js';
import { type BoardReport, CALL_LASTS_MS, type ProcessBoard } from '../ports/process-board.port.js';
import type { ClusterStats, ProcessReport, ProcessStats } from './cluster-stats.js';
import { mergedStats } from './merged-stats.js';
import { readReport, writeReport } from './process-report.js';
import { ReportPublisher } from './report-publisher.js';

/** Time that the processes have to answer the first call after a quiet time. */
const ANSWERED_WITHIN_MS = 300;
/** Age up to which an answer is given again: several dashboards may ask each second. */
const REUSED_FOR_MS = 1_000;

export interface ClusterObserverOptions {
  /** The statistics of this process. */
  readonly stats: () => Promise<CacheStats>;
  /** The durations behind its quantiles. */
  readonly latencies: () => LatencyBuckets;
  /** `undefined` where the store is not shared. */
  readonly board: ProcessBoard | undefined;
  /** False with `stats: false`: this process then reports nothing. */
  readonly isReporting: boolean;
  readonly clock: Clock;
}

/** Collects the statistics of all processes that share a store, and adds those of this one. */
export class ClusterObserver {
  readonly #id = randomUUID();
  readonly #options: ClusterObserverOptions;
  readonly #publisher: ReportPublisher | undefined;
  #answer: Promise<ClusterStats> | undefined;
  #reusedUntilMs = -Infinity;

  constructor(options: ClusterObserverOptions) {
    this.#options = options;
    const { board, isReporting, clock } = options;
    if (board === undefined || !isReporting) return;
    const write = async (): Promise<string> => writeReport(await this.#report());
    this.#publisher = new ReportPublisher({ processId: this.#id, board, clock, write });
  }

  /** Gives the statistics of all processes; of this one alone where the store is not shared, or cannot be reached. */
  async stats(): Promise<ClusterStats> {
    const { board, clock } = this.#options;
    if (board === undefined) return clusterOf(this.#processOf(await this.#report()), []);
    if (this.#answer === undefined || clock.nowMs() >= this.#reusedUntilMs) {
      this.#reusedUntilMs = Infinity;
      const reuse = (ms: number): void => void (this.#reusedUntilMs = clock.nowMs() + ms);
      this.#answer = this.#collect(board);
      this.#answer.then(
        () => reuse(REUSED_FOR_MS),
        () => reuse(0),
      );
    }
    // Each caller may change its answer.
    return structuredClone(await this.#answer);
  }

  /** Lets the other processes know at once that this one has gone. Never rejects. */
  async close(): Promise<void> {
    await this.#publisher?.close();
  }

  async #collect(board: ProcessBoard): Promise<ClusterStats> {
    const [own, reports] = await Promise.all([this.#report(), this.#reportsOn(board)]);
    const others = reports.flatMap(({ processId, text, ageMs }) => {
      const report = processId === this.#id ? undefined : readReport(text);
      return report === undefined ? [] : [{ id: processId, seenMsAgo: ageMs, report }];
    });
    return clusterOf(this.#processOf(own), others);
  }

  /** The reports on the board; none while it cannot be read, which the status of the cache shows. */
  async #reportsOn(board: ProcessBoard): Promise<readonly BoardReport[]> {
    try {
      const { reports, calledMsAgo } = await board.read();
      this.#publisher?.called();
      if (calledMsAgo >= ANSWERED_WITHIN_MS && calledMsAgo < CALL_LASTS_MS) return reports;
      await new Promise<void>((resolve) => this.#options.clock.schedule(ANSWERED_WITHIN_MS, resolve));
      return (await board.read()).reports;
    } catch {
      return [];
    }
  }

  async #report(): Promise<ProcessReport> {
    const { stats, latencies } = this.#options;
    return { host: hostname(), pid: process.pid, stats: await stats(), latencies: latencies() };
  }

  #processOf(report: ProcessReport): ReportedProcess {
    return { id: this.#id, seenMsAgo: 0, report };
  }
}

interface ReportedProcess {
  readonly id: string;
  readonly seenMsAgo: number;
  readonly report: ProcessReport;
}

function clusterOf(own: ReportedProcess, others: readonly ReportedProcess[]): ClusterStats {
  const byStart = [...others].sort(
    (one, other) => Date.parse(one.report.stats.since) - Date.parse(other.report.stats.since),
  );
  return {
    processes: [own, ...byStart].map(processStatsOf),
    total: mergedStats([own.report, ...byStart.map(({ report }) => report)]),
  };
}

function processStatsOf({ id, seenMsAgo, report: { host, pid, stats } }: ReportedProcess): ProcessStats {
  return { id, host, pid, since: stats.since, seenMsAgo, stats };
}
