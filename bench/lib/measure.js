import { CaseProcess } from './case-process.js';
import { median, spread } from './statistics.js';

/** @typedef {import('./case-process.js').Case} Case */
/** @typedef {import('./case-process.js').Sample} Sample */
/**
 * @typedef {{ generations: number, rounds: number, sampleMs: number, warmUpMs: number }} Effort `rounds` in each
 * generation
 */
/**
 * @typedef {{ which: Case, process: CaseProcess, calls: Map<string, number> }} OpenCase `calls`: number of calls that
 * fill a sample, by operation
 */

/** The samples of one operation of one case, one for each round. */
export class Series {
  /** @type {Sample[]} */
  samples = [];

  /**
   * Processor time per call, of all threads and the garbage collector. Other work on the machine does not lengthen it.
   */
  get cpuNs() {
    return this.samples.map(({ cpuNs }) => cpuNs);
  }

  get medianNs() {
    return median(this.cpuNs);
  }

  get spread() {
    return spread(this.cpuNs);
  }

  /** Ratio of elapsed time to processor time: 1 on a machine without other work. */
  get waiting() {
    return median(this.samples.map(({ wallNs, cpuNs }) => wallNs / cpuNs));
  }

  /** Ratio of the cost to that of `other`, compared within each round. @param {Series} other */
  ratioTo(other) {
    const others = other.cpuNs;
    return median(this.cpuNs.map((ns, round) => ns / others[round]));
  }

  /** The same by elapsed time, for operations that wait for another process. @param {Series} other */
  wallRatioTo(other) {
    return median(this.samples.map(({ wallNs }, round) => wallNs / other.samples[round].wallNs));
  }

  get wallMedianNs() {
    return median(this.samples.map(({ wallNs }) => wallNs));
  }

  /** Nanoseconds that it costs more than `other`, compared within each round. @param {Series} other */
  excessOver(other) {
    const others = other.cpuNs;
    return median(this.cpuNs.map((ns, round) => ns - others[round]));
  }
}

/** The results, by case and operation. */
export class Results {
  /** @type {Map<string, Series>} */
  #series = new Map();

  /** @param {string} id @param {string} operation @returns {Series} */
  of(id, operation) {
    const name = `${id} ${operation}`;
    const series = this.#series.get(name) ?? new Series();
    this.#series.set(name, series);
    return series;
  }

  toJSON() {
    return Object.fromEntries(
      [...this.#series].map(([name, { medianNs, spread, waiting, samples }]) => [
        name,
        { medianNs, spread, waiting, samples },
      ]),
    );
  }
}

/**
 * Measures all cases in interleaved rounds: in each round every operation of every case gets one short sample, in an
 * order that rotates from round to round. A disturbance of the machine for a second then affects all of them alike.
 * After a few rounds all processes are replaced by new ones, because the compiler does not make the same decisions in
 * every process.
 * @param {readonly Case[]} cases @param {Effort} effort @param {(line: string) => void} log
 */
export async function measure(cases, effort, log) {
  const results = new Results();
  for (let generation = 0; generation < effort.generations; generation++) {
    log(`generation ${generation + 1} of ${effort.generations}`);
    /** @type {OpenCase[]} */
    const open = cases.map((which) => ({ which, process: new CaseProcess(), calls: new Map() }));
    try {
      await Promise.all(open.map(({ which, process }) => process.open(which)));
      for (const each of open) await warmUp(each, effort, results);
      for (let round = 0; round < effort.rounds; round++) await measureRound(turned(open, round), results);
    } finally {
      await Promise.all(open.map(({ process }) => process.close()));
    }
  }
  return results;
}

/** @param {OpenCase} open @param {Effort} effort @param {Results} results */
async function warmUp({ which, process, calls }, effort, results) {
  for (const operation of which.operations) calls.set(operation, await callsPerSample(process, operation, effort));
  for (const { operation, calls } of which.once ?? [])
    results.of(which.id, operation).samples.push(await process.measure(operation, calls));
}

/** @param {readonly OpenCase[]} open @param {Results} results */
async function measureRound(open, results) {
  const operations = new Set(open.flatMap(({ which }) => which.operations));
  for (const operation of operations) {
    for (const { which, process, calls } of open) {
      const count = calls.get(operation);
      if (count !== undefined) results.of(which.id, operation).samples.push(await process.measure(operation, count));
    }
  }
}

/**
 * Warms the operation up, and finds the number of calls that fill a sample.
 * @param {CaseProcess} process
 * @param {string} operation
 * @param {Effort} effort
 */
async function callsPerSample(process, operation, { sampleMs, warmUpMs }) {
  let calls = 64;
  for (let spentMs = 0; ;) {
    const { cpuNs } = await process.measure(operation, calls);
    const tookMs = (cpuNs * calls) / 1e6;
    spentMs += tookMs;
    if (spentMs >= warmUpMs) return Math.max(1, Math.round((sampleMs * 1e6) / cpuNs));
    if (tookMs < sampleMs) calls *= 2;
  }
}

/** @template T @param {readonly T[]} items @param {number} by */
function turned(items, by) {
  const start = by % items.length;
  return [...items.slice(start), ...items.slice(0, start)];
}
