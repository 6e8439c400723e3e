/*
 * Judges the records of the processes, outside these processes, by one rule: a read that begins after version v of its
 * key was acknowledged must not return a version below v. The age of a stale read is the time from the first
 * acknowledgement that it does not show to the begin of the read. Times are microseconds of the monotonic clock that
 * all processes of a machine share.
 *
 * An acknowledgement counts for its own process at once. For other processes it counts when the server has received the
 * invalidation. A queued (unsent) invalidation counts for them only a while after the last fault, when every queue must
 * be empty.
 *
 * A read is judged when every acknowledgement from before its begin is known, and is then dropped, so a run can take
 * hours. Acknowledgements are kept.
 */

/** Records of one process. All its acknowledgements until `untilUs` are in this batch or in an earlier one. */
export interface Batch {
  readonly untilUs: number;
  readonly reads: { readonly keys: Uint16Array; readonly startsUs: Float64Array; readonly versions: Uint32Array };
  /** `areSent`: 1 when the server has received the invalidation, 0 when the process has queued it. */
  readonly acks: {
    readonly keys: Uint16Array;
    readonly atUs: Float64Array;
    readonly versions: Uint32Array;
    readonly areSent: Uint8Array;
  };
}

export interface Staleness {
  readonly stale: number;
  /** 0 when nothing was stale. */
  readonly maxAgeMs: number;
  readonly p99AgeMs: number;
  /** Description of the oldest stale read. */
  readonly worst: string;
  /** Begin of the oldest stale read. */
  readonly worstUs: number;
}

export interface Verdict {
  readonly reads: number;
  readonly acks: number;
  /** Number of acknowledgements whose invalidation was queued, or is doubtful because of a failover. */
  readonly unsent: number;
  /** Staleness of reads in the process that has invalidated the key. */
  readonly own: Staleness;
  /** Staleness of reads in other processes. */
  readonly others: Staleness;
  /** 99th percentile of the time from an acknowledgement to the last read of an older version in another process. */
  readonly lagP99Ms: number;
  /** Staleness of all reads that began more than `QUIET_AFTER_MS` after the last fault. */
  readonly late: Staleness;
  /** Numbers of stale reads, by reader and then by writer. */
  readonly pairs: readonly (readonly number[])[];
}

/** Time after the last fault and the last write, from which no process may read an older version. */
export const QUIET_AFTER_MS = 2_500;
const MAX_AGES = 1 << 20;

/** The acknowledgements of one key. Versions rise with time, because one writer in one process gives them. */
class KeyHistory {
  writer = -1;
  readonly all: Acks = { atUs: [], versions: [] };
  readonly sent: Acks = { atUs: [], versions: [] };
}

interface Acks {
  readonly atUs: number[];
  readonly versions: number[];
}

export class Checker {
  #calmUs = Infinity;
  readonly #nameOf: (key: number) => string;
  readonly #keys = new Map<number, KeyHistory>();
  readonly #untilUs: number[];
  readonly #waiting: { readonly reader: number; readonly reads: Batch['reads'] }[] = [];
  readonly #ages = { own: new Ages(), others: new Ages(), late: new Ages() };
  readonly #pairs: number[][];
  /** Per reader and acknowledgement: the age of the last read that did not show it. */
  readonly #lagsMs = new Map<string, number>();
  #reads = 0;
  #acks = 0;
  #unsent = 0;

  constructor(processes: number, nameOf: (key: number) => string = String) {
    this.#nameOf = nameOf;
    this.#untilUs = new Array<number>(processes).fill(-Infinity);
    this.#pairs = Array.from({ length: processes }, () => new Array<number>(processes).fill(0));
  }

  /** Summary for progress messages. */
  get staleSoFar(): string {
    const { own, others } = this.#ages;
    const maxMs = Math.round(others.maxMs);
    return `${own.count} stale in the own process, ${others.count} in others, by ${maxMs} ms at most`;
  }

  /** True as soon as a read broke the bound `maxAgeMs`. */
  isStale(maxAgeMs: number): boolean {
    const { own, others, late } = this.#ages;
    return own.count > 0 || others.maxMs > maxAgeMs || late.count > 0;
  }

  /** Records that faults and writes are over. */
  calm(atUs: number): void {
    this.#calmUs = atUs;
  }

  add(process: number, { untilUs, reads, acks }: Batch): void {
    acks.keys.forEach((key, i) => this.#addAck(process, key, acks.atUs[i]!, acks.versions[i]!, acks.areSent[i] === 1));
    this.#untilUs[process] = untilUs;
    this.#waiting.push({ reader: process, reads });
    this.#judgeUntil(Math.min(...this.#untilUs));
  }

  /** Judges the remaining reads, when no more batches will come. */
  finish(): Verdict {
    this.#judgeUntil(Infinity);
    const { own, others, late } = this.#ages;
    const lagP99Ms =
      [...this.#lagsMs.values()].sort((one, other) => other - one)[
        Math.floor((this.#acks * (this.#pairs.length - 1)) / 100)
      ] ?? 0;
    return {
      reads: this.#reads,
      acks: this.#acks,
      unsent: this.#unsent,
      own: own.summary(),
      others: others.summary(),
      lagP99Ms,
      late: late.summary(),
      pairs: this.#pairs,
    };
  }

  #addAck(writer: number, key: number, atUs: number, version: number, isSent: boolean): void {
    const history = this.#keys.get(key) ?? new KeyHistory();
    if (history.writer !== writer && history.writer !== -1)
      throw new Error(`Expected one writer per key, got two writers of ${this.#nameOf(key)}.`);
    this.#keys.set(key, history);
    history.writer = writer;
    this.#acks++;
    if (!isSent) this.#unsent++;
    for (const acks of isSent ? [history.all, history.sent] : [history.all]) {
      acks.atUs.push(atUs);
      acks.versions.push(version);
    }
  }

  #judgeUntil(knownUs: number): void {
    while (this.#waiting.length > 0 && isBefore(this.#waiting[0]!.reads, knownUs)) {
      const { reader, reads } = this.#waiting.shift()!;
      reads.keys.forEach((key, i) => this.#judge(reader, key, reads.startsUs[i]!, reads.versions[i]!));
    }
  }

  #judge(reader: number, key: number, startUs: number, version: number): void {
    this.#reads++;
    const history = this.#keys.get(key);
    if (history === undefined) return;
    const isOwn = history.writer === reader;
    const isLate = startUs > this.#calmUs + QUIET_AFTER_MS * 1_000;
    const { atUs, versions } = isOwn || isLate ? history.all : history.sent;
    const missed = firstAbove(versions, version);
    const missedUs = atUs[missed] ?? Infinity;
    if (missedUs >= startUs) return;
    const ageMs = (startUs - missedUs) / 1_000;
    const description = (): string =>
      `${this.#nameOf(key)}: process ${reader} read ${version}, ${ageMs.toFixed(1)} ms ` +
      `after process ${history.writer} had acknowledged ${versions[missed]!}`;
    this.#ages[isOwn ? 'own' : 'others'].add(ageMs, startUs, description);
    if (!isOwn) this.#noteLag(`${reader} ${key} ${versions[missed]!}`, ageMs);
    if (isLate) this.#ages.late.add(ageMs, startUs, description);
    this.#pairs[reader]![history.writer]!++;
  }

  #noteLag(ack: string, ageMs: number): void {
    if (this.#lagsMs.size < MAX_AGES) this.#lagsMs.set(ack, Math.max(ageMs, this.#lagsMs.get(ack) ?? 0));
  }
}

class Ages {
  count = 0;
  maxMs = 0;
  #worst = '';
  #worstUs = 0;
  /** The first `MAX_AGES` ages, enough for a percentile. */
  readonly #ages: number[] = [];

  add(ageMs: number, atUs: number, description: () => string): void {
    this.count++;
    if (this.#ages.length < MAX_AGES) this.#ages.push(ageMs);
    if (ageMs <= this.maxMs) return;
    this.maxMs = ageMs;
    this.#worst = description();
    this.#worstUs = atUs;
  }

  summary(): Staleness {
    const sorted = Float64Array.from(this.#ages).sort();
    return {
      stale: this.count,
      maxAgeMs: this.maxMs,
      p99AgeMs: sorted[Math.floor(sorted.length * 0.99)] ?? 0,
      worst: this.#worst,
      worstUs: this.#worstUs,
    };
  }
}

function isBefore({ startsUs }: Batch['reads'], knownUs: number): boolean {
  return knownUs === Infinity || startsUs.every((startUs) => startUs <= knownUs);
}

/** Index of the first version greater than `version`, or the length of the list. */
function firstAbove(versions: readonly number[], version: number): number {
  let low = 0;
  let high = versions.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (versions[middle]! > version) high = middle;
    else low = middle + 1;
  }
  return low;
}
