import type {
  AdapterUsage,
  CacheAdapter,
  EntryDraft,
  InvalidationTarget,
  LoadGrant,
  LoadRequest,
  ScanPage,
  ScanQuery,
  StoredEntry,
  TierEntry,
} from '../../core/ports/cache-adapter.port.js';
import type { Finding } from '../../core/vocabulary/finding.js';
import type { Clock } from '../../core/ports/clock.port.js';
import type { ProcessBoard } from '../../core/ports/process-board.port.js';
import type { Coherence } from '../../core/ports/coherence.port.js';
import type { EntryCopy, NearGrant, NearTier } from '../../core/ports/near-tier.port.js';

/*
 * Copies, in the memory of the process, of entries that are stored elsewhere. The far tier decides: every load, store
 * and invalidation goes to it, and only reads can end in the near tier. Three rules keep a copy from being served after
 * its entry has changed:
 *
 *   proof    A copy is served only while coherence can prove that this process has received all changes but the latest.
 *   fence    A read of the far tier opens loads of its keys in the near tier before it is sent. Its result becomes a
 *            copy only if these loads are still open: a change that is announced meanwhile has made them void.
 *   order    A change by this process is removed from the near tier after the far tier has replied, and before the
 *            caller gets the result: a read that begins after the call finds no older copy.
 *
 * So nothing here compares versions or clocks. Entries become copies when they are read, not when they are stored:
 * storing is a change, which would remove the copy again.
 */

export interface HybridParts {
  readonly near: NearTier;
  readonly far: CacheAdapter;
  readonly coherence: Coherence;
  readonly clock: Clock;
}

/** The load that a read of the far tier opens in the near tier, as its fence. */
const READ: LoadRequest = Object.freeze({ purpose: 'load', exclusive: false, tags: [], computesTags: true });

export class HybridAdapter implements CacheAdapter {
  readonly kind = 'hybrid';
  readonly processes: ProcessBoard | undefined;
  readonly #near: NearTier;
  readonly #far: CacheAdapter;
  readonly #coherence: Coherence;
  readonly #clock: Clock;

  /** The adapter owns the parts, and closes them. */
  constructor({ near, far, coherence, clock }: HybridParts) {
    this.#near = near;
    this.#far = far;
    this.processes = far.processes;
    this.#coherence = coherence;
    this.#clock = clock;
    coherence.listen({ onChange: (target) => void near.invalidate(target) });
  }

  get(key: string, namespace: string | undefined): StoredEntry | undefined | Promise<StoredEntry | undefined> {
    const nowMs = this.#clock.nowMs();
    if (!this.#isProven(nowMs)) return this.#far.get(key, namespace);
    return this.#copyOf(key, namespace, nowMs) ?? this.#readOne(key, namespace);
  }

  getMany(
    keys: readonly string[],
    namespace: string | undefined,
  ): (StoredEntry | undefined)[] | Promise<(StoredEntry | undefined)[]> {
    const nowMs = this.#clock.nowMs();
    if (!this.#isProven(nowMs)) return this.#far.getMany(keys, namespace);
    const found = keys.map((key) => this.#copyOf(key, namespace, nowMs));
    const missing = keys.filter((_, i) => found[i] === undefined);
    return missing.length === 0 ? found : this.#readMissing(found, missing, namespace);
  }

  async begin(keys: readonly string[], namespace: string | undefined, request: LoadRequest): Promise<LoadGrant> {
    const grant = await this.#far.begin(keys, namespace, request);
    return {
      tickets: grant.tickets,
      commit: (drafts) =>
        this.#changing({ kind: 'keys', keys: drafts.map(({ key }) => key), namespace }, () => grant.commit(drafts)),
      release: () => grant.release(),
    };
  }

  set(drafts: readonly EntryDraft[], namespace: string | undefined): Promise<void> {
    return this.#changing({ kind: 'keys', keys: drafts.map(({ key }) => key), namespace }, () =>
      this.#far.set(drafts, namespace),
    );
  }

  async invalidate(target: InvalidationTarget, how: { soft?: boolean; dryRun?: boolean } = {}): Promise<number> {
    return how.dryRun === true
      ? this.#far.invalidate(target, how)
      : this.#changing(target, () => this.#far.invalidate(target, how));
  }

  scan(query: ScanQuery): ScanPage | Promise<ScanPage> {
    return this.#far.scan(query);
  }

  /** The entries of the far tier; bytes and evictions of both tiers together. */
  async usage(): Promise<AdapterUsage> {
    const far = await this.#far.usage();
    const near = this.#near.usage();
    const coherence = this.#coherence.usage();
    const status = far.status === 'up' && !coherence.isProven ? 'degraded' : far.status;
    const bytes = far.bytes === null ? near.bytes : (near.bytes ?? 0) + far.bytes;
    return {
      ...far,
      bytes,
      evictions: near.evictions + far.evictions,
      status,
      tiers: [...near.tiers, ...far.tiers],
      coherence,
    };
  }

  async diagnose(): Promise<readonly Finding[] | undefined> {
    const ofFar = await this.#far.diagnose?.();
    const ofCoherence = this.#coherence.diagnose?.() ?? [];
    return ofFar === undefined && ofCoherence.length === 0 ? undefined : [...(ofFar ?? []), ...ofCoherence];
  }

  storedKey(key: string, namespace: string | undefined): string {
    return this.#far.storedKey?.(key, namespace) ?? key;
  }

  async look(key: string, namespace: string | undefined): Promise<readonly TierEntry[]> {
    const nowMs = this.#clock.nowMs();
    const copy = this.#isProven(nowMs) ? this.#copyOf(key, namespace, nowMs) : undefined;
    const entry = await this.#far.get(key, namespace);
    return [
      { name: this.#near.kind, entry: copy },
      { name: this.#far.kind, entry },
    ];
  }

  async close(): Promise<void> {
    await Promise.all([this.#coherence.close(), this.#far.close()]);
    await this.#near.close();
  }

  /**
   * @param nowMs the exact time, not the coarse time: after a busy period the coarse time could still be in the proof
   */
  #isProven(nowMs: number): boolean {
    return nowMs < this.#coherence.provenUntilMs;
  }

  /** A copy that can be served. @param nowMs as for `#isProven` */
  #copyOf(key: string, namespace: string | undefined, nowMs: number): StoredEntry | undefined {
    const copy = this.#near.get(key, namespace);
    return copy !== undefined && nowMs < copy.keptUntilMs ? copy : undefined;
  }

  async #readOne(key: string, namespace: string | undefined): Promise<StoredEntry | undefined> {
    const sentMs = this.#clock.nowMs();
    const fence = this.#near.begin([key], namespace, READ);
    try {
      const entry = await this.#far.get(key, namespace);
      return entry === undefined ? undefined : (this.#copied([entry], fence, sentMs)[0] ?? entry);
    } finally {
      fence.release();
    }
  }

  /** Reads the `missing` keys from the far tier, and fills the empty places of `found` in that order. */
  async #readMissing(
    found: readonly (StoredEntry | undefined)[],
    missing: readonly string[],
    namespace: string | undefined,
  ): Promise<(StoredEntry | undefined)[]> {
    const sentMs = this.#clock.nowMs();
    const fence = this.#near.begin(missing, namespace, READ);
    try {
      const entries = await this.#far.getMany(missing, namespace);
      const copies = new Map(
        this.#copied(
          entries.filter((entry) => entry !== undefined),
          fence,
          sentMs,
        ).map((copy) => [copy?.key, copy]),
      );
      let next = 0;
      return found.map((copy) => {
        if (copy !== undefined) return copy;
        const entry = entries[next++];
        return copies.get(entry?.key) ?? entry;
      });
    } finally {
      fence.release();
    }
  }

  /** Makes copies of the entries that were read, where the fence allows it. Expired entries get no copy. */
  #copied(entries: readonly StoredEntry[], fence: NearGrant, sentMs: number): (StoredEntry | undefined)[] {
    const nowMs = this.#clock.nowMs();
    const untilMs = sentMs + this.#coherence.copyLimitMs;
    return fence.commit(
      entries
        .filter((entry) => nowMs < Math.min(entry.freshUntilMs, untilMs))
        .map((entry) => copyOf(entry, nowMs, untilMs)),
    );
  }

  /** Runs a change of the far tier, then removes its target from the near tier, also after a failure. */
  async #changing<T>(target: InvalidationTarget, change: () => T | Promise<T>): Promise<T> {
    try {
      return await change();
    } finally {
      this.#near.invalidate(target);
    }
  }
}

function copyOf(entry: StoredEntry, nowMs: number, untilMs: number): EntryCopy {
  const { key, tags, createdAtMs, ttlMs, loadMs, hits, lastReadAtMs, freshUntilMs, staleMs } = entry;
  return {
    key,
    value: entry.read(),
    tags,
    createdAtMs,
    ttlMs,
    staleMs,
    loadMs,
    copied: { freshMs: freshUntilMs - nowMs, limitMs: untilMs - nowMs, hits, lastReadAtMs },
  };
}
