/*
 * Records all events, and checks which answers they allow.
 *
 * The "database" is a version number. Every write increments it and then invalidates, in the order of a real
 * application. A factory reads the version when it begins. When an invalidation is acknowledged, the version of its
 * write becomes a floor for all values that it hits. A read uses the floors that exist when it begins, and must not
 * return a lower version: the load of such a value began before an invalidation that was acknowledged before the read.
 * This rule also holds for overlapping writes, because the version of a load shows when the load began, not which write
 * was last.
 *
 *   soft      A floor for fresh answers only.
 *   queued    Redis was unavailable: until the invalidation is sent, it is a floor only in the process that queued it.
 *   set       A value stored by `set` comes from no load. When a set and a write overlap, either can be last, so
 *             the value is checked only against writes that began after the set had ended. A failed set might be
 *             stored, and is removed when Redis answers again. Its value is checked only in the final checks.
 */

/** A stored value of the simulation, with its origin. */
export interface Value {
  readonly version: number;
  readonly key: string;
  readonly namespace: string | null;
  readonly tags: readonly string[];
  /** The number of the `set` that stored it. */
  readonly set?: number;
}

export type IsHit = (value: Value) => boolean;

/** A write to the database, and the invalidation that follows it. */
export interface Write {
  readonly version: number;
  readonly isSoft: boolean;
  readonly isHit: IsHit;
}

interface Floor extends Write {
  /** The only process that the floor applies to; `undefined` for all processes. */
  readonly only: string | undefined;
  readonly what: string;
}

interface SetCall {
  readonly version: number;
  /** Version of the database when the call ended; `undefined` while it runs. */
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
  /** True after a server's clock was set back: a delayed `set` can then be stored at any later time. */
  hasClockGoneBack = false;
  readonly violations: string[] = [];
  readonly #writes: Write[] = [];
  readonly #floors: Floor[] = [];
  readonly #sets: SetCall[] = [];
  /** Processes whose queued invalidations have all been sent; set for the final checks. */
  #settled: ReadonlySet<string> | undefined;

  /** Records a write to the database, before the cache is invalidated. */
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

  /**
   * Begins the final checks, with no call under way. @param settled processes that have sent all queued invalidations
   */
  settle(settled: ReadonlySet<string>): void {
    this.#settled = settled;
  }

  /** True when no later write hits the value. */
  isCurrent(value: Value): boolean {
    return this.#writtenSince(value, this.version) === undefined;
  }

  /** Checks the answer to a read. */
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

  /** Checks the value of the caller's own load: no write may come between the call and the load. */
  checkLoaded(
    reading: Reading,
    value: Value,
    about: { key: string; namespace: string | undefined; how: string },
  ): void {
    const missed = value.set === undefined ? this.#writtenSince(value, reading.version) : undefined;
    if (missed !== undefined)
      this.#violate(reading, value, about, `was loaded before the write ${missed.version}, which came before the call`);
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
