/*
 * What happened, and which answers it allows.
 *
 * The "database" is a version that every write raises before it tells the cache, as an application writes first and
 * invalidates then. A factory reads the version when it begins. When an invalidation is acknowledged, the version that
 * its write had made becomes the floor of what it hit. A read takes the floors as they are when it begins, and may not
 * be answered with a lower version: that value's load began before an invalidation that was acknowledged before the
 * read. That holds for writes that overlap, too, because a load's version tells when it began, not who was last.
 *
 *   soft      is a floor for fresh answers alone
 *   queued    Redis was away when it was sent: until it has been sent, it is a floor in the process that queued it
 *   set       what `set` stored carries no load. Of a set and a write that overlap either may come last, so its value is
 *             held against floors of writes that began after it had ended. One that failed may or may not be stored, and
 *             it is removed again as soon as Redis can be told: until all is quiet nothing is asked of it
 */

/** What the simulation stores: values that tell where they come from. */
export interface Value {
  readonly version: number;
  readonly key: string;
  readonly namespace: string | null;
  readonly tags: readonly string[];
  /** The number of the `set` that stored it. */
  readonly set?: number;
}

export type IsHit = (value: Value) => boolean;

/** A write to the database, and the invalidation that tells of it. */
export interface Write {
  readonly version: number;
  readonly isSoft: boolean;
  readonly isHit: IsHit;
}

interface Floor extends Write {
  /** The process that alone is bound; `undefined` for all. */
  readonly only: string | undefined;
  readonly what: string;
}

interface SetCall {
  readonly version: number;
  /** The version there was when it ended; `undefined` while it runs. */
  endedVersion: number | undefined;
  hasFailed: boolean;
  readonly by: string;
}

export interface Reading {
  readonly by: string;
  readonly floors: number;
  readonly version: number;
}

export class History {
  version = 0;
  /** Once a server's clock was set back, a `set` that was held up on the way may be stored however late. */
  hasClockGoneBack = false;
  readonly violations: string[] = [];
  readonly #writes: Write[] = [];
  readonly #floors: Floor[] = [];
  readonly #sets: SetCall[] = [];
  /** Processes whose queued invalidations have all been sent; known once all is quiet. */
  #settled: ReadonlySet<string> | undefined;

  /** The database is written; the cache does not know yet. */
  write(isHit: IsHit, isSoft = false): Write {
    const write = { version: ++this.version, isSoft, isHit };
    this.#writes.push(write);
    return write;
  }

  acknowledge(write: Write, what: string, only?: string): void {
    this.#floors.push({ ...write, what, only });
  }

  beginSet(version: number, by: string): number {
    return this.#sets.push({ version, endedVersion: undefined, hasFailed: false, by }) - 1;
  }

  endSet(set: number, hasFailed: boolean): void {
    Object.assign(this.#sets[set] as SetCall, { endedVersion: this.version, hasFailed });
  }

  read(by: string): Reading {
    return { by, floors: this.#floors.length, version: this.version };
  }

  /** From now on nothing is under way any more. @param settled the processes that have sent all they had queued */
  settle(settled: ReadonlySet<string>): void {
    this.#settled = settled;
  }

  /** Whether nothing was written since that concerns the value. */
  isCurrent(value: Value): boolean {
    return this.#writtenSince(value, this.version) === undefined;
  }

  /** Judges the answer to a read. */
  check(
    reading: Reading,
    value: Value,
    about: { key: string; namespace: string | undefined; isFresh: boolean; how: string },
  ): void {
    if (value.key !== about.key || value.namespace !== (about.namespace ?? null))
      this.#violate(reading, value, about, 'is the value of another key');
    for (let i = 0; i < reading.floors; i++) {
      const floor = this.#floors[i] as Floor;
      if (floor.version <= value.version || (floor.isSoft && !about.isFresh) || !floor.isHit(value)) continue;
      if (!this.#binds(floor, reading.by) || this.#isExcused(value, floor)) continue;
      return this.#violate(
        reading,
        value,
        about,
        `is under the floor ${floor.version} of ${floor.what}${floor.only === undefined ? '' : ', queued'}`,
      );
    }
  }

  /** Judges what a load of the caller's own brought: nothing had been written between the call and the load. */
  checkLoaded(
    reading: Reading,
    value: Value,
    about: { key: string; namespace: string | undefined; how: string },
  ): void {
    const missed = value.set === undefined ? this.#writtenSince(value, reading.version) : undefined;
    if (missed !== undefined)
      this.#violate(reading, value, about, `was loaded before the write ${missed.version}, which was before the call`);
  }

  #writtenSince(value: Value, until: number): Write | undefined {
    for (let version = value.version + 1; version <= until; version++) {
      const write = this.#writes[version - 1] as Write;
      if (write.isHit(value)) return write;
    }
    return undefined;
  }

  #binds({ only }: Floor, by: string): boolean {
    return only === undefined || only === by || this.#settled?.has(only) === true;
  }

  #isExcused({ set }: Value, floor: Floor): boolean {
    if (set === undefined) return false;
    const { endedVersion = Infinity, hasFailed, by } = this.#sets[set] as SetCall;
    if (endedVersion >= floor.version) return true;
    return hasFailed && (this.hasClockGoneBack || this.#settled?.has(by) !== true);
  }

  #violate(
    { by }: Reading,
    value: Value,
    { key, namespace, how }: { key: string; namespace: string | undefined; how: string },
    what: string,
  ): void {
    this.violations.push(`${by} ${how} ${namespace ?? ''}/${key}: ${JSON.stringify(value)} ${what}`);
  }
}
