import { describe, expect, it } from '@jest/globals';
import { FakeClock } from '../../testing/fake-clock.js';
import {
  type BoardReport,
  type BoardView,
  CALL_LASTS_MS,
  type ProcessBoard,
  REPORT_EVERY_MS,
} from '../ports/process-board.port.js';
import { ClusterObserver } from './cluster-observer.js';
import type { ClusterStats } from './cluster-stats.js';
import { EMPTY_STATS } from './report.fixture.js';

/** A store of reports with the rules of the port, without an age of reports. */
class SharedReports {
  readonly reports = new Map<string, string>();
  readonly listeners: (() => void)[] = [];
  calledMs = -Infinity;
  readonly counts = { calls: 0, reads: 0, puts: 0, looks: 0 };
  isAway = false;
  readonly #clock: FakeClock;

  constructor(clock: FakeClock) {
    this.#clock = clock;
  }

  board(hearsCalls = true): ProcessBoard {
    return {
      hearsCalls,
      listen: (onCall) => {
        if (hearsCalls) this.listeners.push(onCall);
      },
      read: async () => this.#read(),
      isCalled: async () => {
        this.#answer();
        this.counts.looks++;
        return this.#clock.nowMs() - this.calledMs < CALL_LASTS_MS;
      },
      put: async (processId, report) => {
        this.#answer();
        this.counts.puts++;
        this.reports.set(processId, report);
      },
      remove: async (processId) => {
        this.#answer();
        this.reports.delete(processId);
      },
    };
  }

  #answer(): void {
    if (this.isAway) throw new Error('away');
  }

  #read(): BoardView {
    this.#answer();
    this.counts.reads++;
    const calledMsAgo = this.#clock.nowMs() - this.calledMs;
    if (calledMsAgo >= REPORT_EVERY_MS) {
      this.calledMs = this.#clock.nowMs();
      this.counts.calls++;
      for (const listener of this.listeners) listener();
    }
    const reports = [...this.reports].map(([processId, text]): BoardReport => ({ processId, text, ageMs: 7 }));
    return { reports, calledMsAgo };
  }
}

function deployment(processes: readonly { hits: number; hearsCalls?: boolean; isReporting?: boolean }[]) {
  const clock = new FakeClock();
  const shared = new SharedReports(clock);
  const observers = processes.map(
    ({ hits, hearsCalls, isReporting = true }) =>
      new ClusterObserver({
        stats: async () => ({ ...EMPTY_STATS, totalHits: hits }),
        latencies: () => ({ loads: [], reads: [] }),
        board: shared.board(hearsCalls),
        isReporting,
        clock,
      }),
  );
  /** Asks a process, and lets the time pass that the answer may take. */
  const ask = async (index = 0): Promise<ClusterStats> => {
    const answer = (observers[index] as ClusterObserver).stats();
    await clock.advance(300);
    return answer;
  };
  return { clock, shared, observers, ask };
}

const hitsOf = ({ processes }: ClusterStats): number[] => processes.map(({ stats }) => stats.totalHits);

describe('ClusterObserver', () => {
  it('lists all processes in the first answer after a quiet time, this one first', async () => {
    const { ask } = deployment([{ hits: 1 }, { hits: 10 }, { hits: 100 }]);

    const answer = await ask(1);

    expect(hitsOf(answer)).toEqual([10, 1, 100]);
    expect(answer.processes.map(({ seenMsAgo }) => seenMsAgo)).toEqual([0, 7, 7]);
    expect(answer.total.totalHits).toBe(111);
    expect(new Set(answer.processes.map(({ id }) => id)).size).toBe(3);
  });

  it('waits only for the first answer', async () => {
    const { observers, clock, ask } = deployment([{ hits: 1 }, { hits: 10 }]);
    await ask();
    await clock.advance(2_000);

    const answer = await (observers[0] as ClusterObserver).stats();

    expect(hitsOf(answer)).toEqual([1, 10]);
  });

  it('waits, too, for a call that another process has just made', async () => {
    const { observers, clock } = deployment([{ hits: 1 }, { hits: 10 }, { hits: 100 }]);

    const answers = observers.map((observer) => observer.stats());
    await clock.advance(300);

    expect((await Promise.all(answers)).map(({ total }) => total.totalHits)).toEqual([111, 111, 111]);
  });

  it('sends nothing while nobody asks', async () => {
    const { clock, shared } = deployment([{ hits: 1 }, { hits: 10 }]);

    await clock.advance(3_600_000);

    expect(shared.counts).toEqual({ calls: 0, reads: 0, puts: 0, looks: 0 });
  });

  it('reports every 5 s for one minute after a call, then no more', async () => {
    const { clock, shared, ask } = deployment([{ hits: 1 }]);
    await ask();
    const first = shared.counts.puts;

    await clock.advance(60_000);
    const inMinute = shared.counts.puts;
    await clock.advance(600_000);

    expect([first, inMinute, shared.counts.puts]).toEqual([1, 12, 12]);
  });

  it('makes no storm when dashboards ask each second', async () => {
    const { clock, shared, observers } = deployment([{ hits: 1 }, { hits: 10 }]);

    for (let second = 0; second < 60; second++) {
      for (const observer of observers) for (let i = 0; i < 5; i++) void observer.stats();
      await clock.advance(1_000);
    }

    expect(shared.counts.calls).toBeLessThanOrEqual(12);
    expect(shared.counts.puts).toBeLessThanOrEqual(2 * 15);
    expect(shared.counts.reads).toBeLessThanOrEqual(2 * 61);
  });

  it('gives each caller an answer of its own', async () => {
    const { observers, clock } = deployment([{ hits: 1 }]);
    const [one, other] = [observers[0]?.stats(), observers[0]?.stats()];
    await clock.advance(300);

    ((await one) as ClusterStats).total.totalHits = 99;

    expect((await other)?.total.totalHits).toBe(1);
  });

  it('leaves at once when it is closed, and frees its timer', async () => {
    const { ask, observers, clock } = deployment([{ hits: 1 }, { hits: 10 }]);
    await ask();

    await (observers[1] as ClusterObserver).close();
    await clock.advance(1_000);
    const answer = await ask();
    await (observers[0] as ClusterObserver).close();

    expect(hitsOf(answer)).toEqual([1]);
    expect(clock.pending).toBe(0);
  });

  it('lets a process that cannot hear calls look for one every 5 s', async () => {
    const { ask, clock, shared } = deployment([{ hits: 1 }, { hits: 10, hearsCalls: false }]);

    const first = await ask();
    await clock.advance(5_000);
    const later = await ask();

    expect([hitsOf(first), hitsOf(later)]).toEqual([[1], [1, 10]]);
    expect(shared.counts.looks).toBe(1);
  });

  it('answers at once for this process alone while the store is away, and recovers', async () => {
    const { observers, shared, clock, ask } = deployment([{ hits: 1 }, { hits: 10 }]);
    await ask();
    shared.isAway = true;
    await clock.advance(2_000);

    const away = await (observers[0] as ClusterObserver).stats();
    await clock.advance(70_000);
    shared.isAway = false;
    const back = await ask();

    expect([hitsOf(away), hitsOf(back)]).toEqual([[1], [1, 10]]);
  });

  it('leaves out reports that it cannot read', async () => {
    const { ask, shared } = deployment([{ hits: 1 }]);
    shared.reports.set('newer', '{"format":2}').set('damaged', '{"format":');

    expect(hitsOf(await ask())).toEqual([1]);
  });

  it('reports nothing and has no timer with `stats: false`, but sees the others', async () => {
    const { ask, clock } = deployment([{ hits: 0, isReporting: false }, { hits: 10 }]);
    const timers = clock.pending;

    expect([timers, hitsOf(await ask(0)), hitsOf(await ask(1))]).toEqual([1, [0, 10], [10]]);
  });

  it('lists this process alone where the store is not shared', async () => {
    const clock = new FakeClock();
    const observer = new ClusterObserver({
      stats: async () => ({ ...EMPTY_STATS, totalHits: 5, hitRate: 1 }),
      latencies: () => ({ loads: [], reads: [] }),
      board: undefined,
      isReporting: true,
      clock,
    });

    const { processes, total } = await observer.stats();

    expect(processes).toMatchObject([{ pid: process.pid, seenMsAgo: 0, since: EMPTY_STATS.since, stats: total }]);
    expect([total.totalHits, clock.pending]).toEqual([5, 0]);
  });
});
