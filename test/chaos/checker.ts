/*
 * What the processes have recorded is judged apart from them, by one rule: a read that began after version v of its key
 * was acknowledged must not bring less than v. The age of a stale read is the time from the first acknowledgement that
 * it does not show to its beginning. Times are microseconds of the one monotonic clock that the processes of a machine
 * share.
 *
 * An acknowledgement counts in the process that gave it as soon as it is given. For the others it counts when the
 * server had it: one that the process could only keep for later says nothing to them, until the faults have been over
 * for so long that all that was kept must have been sent.
 *
 * Reads are judged when every acknowledgement from before they began is known, and then forgotten, so that a run may
 * take hours. Acknowledgements are kept.
 */

/**
 * What a process tells now and then. All acknowledgements that it gave until `untilUs` are in this batch or an earlier
 * one.
 */
export interface Batch {
  readonly untilUs: number;
  readonly reads: { readonly keys: Uint16Array; readonly startsUs: Float64Array; readonly versions: Uint32Array };
  /** `areSent`: 1 where the server had it, 0 where it was kept for later. */
  readonly acks: {
    readonly keys: Uint16Array;
    readonly atUs: Float64Array;
    readonly versions: Uint32Array;
    readonly areSent: Uint8Array;
  };
}

export interface Staleness {
  readonly stale: number;
  /** 0 where nothing was stale. */
  readonly maxAgeMs: number;
  readonly p99AgeMs: number;
  /** The oldest one, in words, and when it was read. */
  readonly worst: string;
  readonly worstUs: number;
}

export interface Verdict {
  readonly reads: number;
  readonly acks: number;
  /** Acknowledgements that the server did not have when they were given, as far as is known. */
  readonly unsent: number;
  /** What processes read of their own invalidations. */
  readonly own: Staleness;
  readonly others: Staleness;
  /**
   * How long it took, 99 times in 100, until another process read nothing older any more than what was acknowledged.
   */
  readonly lagP99Ms: number;
  /** Of both, what began when the faults had been over for a while. */
  readonly late: Staleness;
  /** Stale reads, by reader and then by writer. */
  readonly pairs: readonly (readonly number[])[];
}

/** So long after the last fault and the last write nothing may be behind. */
export const QUIET_AFTER_MS = 2_500;
const MAX_AGES = 1 << 20;

/** The acknowledgements of one key, whose versions rise with time, since one writer of one process gives them. */
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
  /**
   * Of each acknowledgement that another process did not see at once, the age of the last read that did not show it.
   */
  readonly #lagsMs = new Map<string, number>();
  #reads = 0;
  #acks = 0;
  #unsent = 0;

  constructor(processes: number, nameOf: (key: number) => string = String) {
    this.#nameOf = nameOf;
    this.#untilUs = new Array<number>(processes).fill(-Infinity);
    this.#pairs = Array.from({ length: processes }, () => new Array<number>(processes).fill(0));
  }

  /** For who cannot wait for the end. */
  get staleSoFar(): string {
    const { own, others } = this.#ages;
    return `${own.count} stale in the own process, ${others.count} in others, by ${Math.round(others.maxMs)} ms at most`;
  }

  /** Whether it is known already that more was stale than may be. */
  isStale(maxAgeMs: number): boolean {
    const { own, others, late } = this.#ages;
    return own.count > 0 || others.maxMs > maxAgeMs || late.count > 0;
  }

  /** The faults and the writes are over as of now. */
  calm(atUs: number): void {
    this.#calmUs = atUs;
  }

  add(process: number, { untilUs, reads, acks }: Batch): void {
    acks.keys.forEach((key, i) => this.#addAck(process, key, acks.atUs[i]!, acks.versions[i]!, acks.areSent[i] === 1));
    this.#untilUs[process] = untilUs;
    this.#waiting.push({ reader: process, reads });
    this.#judgeUntil(Math.min(...this.#untilUs));
  }

  /** No process has more to tell. */
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
      throw new Error(`The key ${this.#nameOf(key)} has two writers.`);
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
    const tell = (): string =>
      `${this.#nameOf(key)}: process ${reader} read ${version}, ${ageMs.toFixed(1)} ms after process ${history.writer} had acknowledged ${versions[missed]!}`;
    this.#ages[isOwn ? 'own' : 'others'].add(ageMs, startUs, tell);
    if (!isOwn) this.#noteLag(`${reader} ${key} ${versions[missed]!}`, ageMs);
    if (isLate) this.#ages.late.add(ageMs, startUs, tell);
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
  /** Enough of them to tell the share of the old ones. */
  readonly #ages: number[] = [];

  add(ageMs: number, atUs: number, tell: () => string): void {
    this.count++;
    if (this.#ages.length < MAX_AGES) this.#ages.push(ageMs);
    if (ageMs <= this.maxMs) return;
    this.maxMs = ageMs;
    this.#worst = tell();
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

/** Where the first version is that is greater; behind the last one where none is. */
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
