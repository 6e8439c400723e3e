import { compileGlob } from '../../core/glob.js';
import type { Clock, Timer } from '../../core/ports/clock.port.js';
import type { Target } from './invalidator.js';
import type { How } from './redis-parts.js';

/*
 * Invalidations that the server may not have. One that could not be sent, or was not answered, is kept here and sent
 * again until it is acknowledged; meanwhile this process treats what it names as missing. One that was acknowledged is
 * remembered for a while: a replica that becomes the master may never have heard of it, so it is then sent once more. To
 * invalidate twice does no harm beyond a miss.
 */

/** Whether an entry is to be invalidated still. @param tags unknown while it has not been read */
export type Hides = (key: string, namespace: string | undefined, tags: readonly string[] | undefined) => boolean;

export interface Invalidation {
  readonly target: Target;
  readonly isSoft: boolean;
}

/** How long an acknowledged invalidation is remembered: longer than a replica lags that may still be promoted. */
const REMEMBERED_MS = 15_000;
/** Beyond so many it is cheaper, and as safe, to invalidate everything. */
const MAX_KEPT = 100_000;
const RETRY_EVERY_MS = 200;
const EVERYTHING: Invalidation = { target: { kind: 'all' }, isSoft: false };

export class Outbox {
  readonly #pending = new Map<string, Invalidation>();
  #recent: { readonly atMs: number; readonly invalidation: Invalidation }[] = [];
  #timer: Timer | undefined;
  #sending: Promise<void> | undefined;
  #isClosed = false;

  /** @param send rejects where the server did not acknowledge */
  constructor(
    private readonly clock: Clock,
    private readonly send: (target: Target, how: How) => Promise<unknown>,
  ) {}

  /** How many invalidations are to be sent. */
  get size(): number {
    return this.#pending.size;
  }

  /** Keeps an invalidation that was not acknowledged. False where it cannot be kept, because the cache is closed. */
  add(target: Target, isSoft: boolean): boolean {
    if (this.#isClosed) return false;
    this.#keep({ target, isSoft });
    this.#later();
    return true;
  }

  acknowledged(target: Target, isSoft: boolean): void {
    const atMs = this.clock.nowMs();
    this.#forget(atMs);
    if (this.#recent.length >= MAX_KEPT) this.#recent = [{ atMs, invalidation: EVERYTHING }];
    this.#recent.push({ atMs, invalidation: { target, isSoft } });
  }

  /** The server may have lost what it had acknowledged. */
  repeatRecent(): void {
    this.#forget(this.clock.nowMs());
    for (const { invalidation } of this.#recent.splice(0)) this.#keep(invalidation);
  }

  /** Sends what waits, in order. Ends when all of it was acknowledged, or something could not be sent. */
  flush(): Promise<void> {
    return (this.#sending ??= this.#flush().finally(() => (this.#sending = undefined)));
  }

  /** Which entries must be treated as missing, as of now; `undefined` where none must. */
  pending(): Hides | undefined {
    if (this.#pending.size === 0) return undefined;
    const targets = [...this.#pending.values()].map(({ target }) => target);
    return (key, namespace, tags) => targets.some((target) => isHit(target, key, namespace, tags));
  }

  close(): void {
    this.#isClosed = true;
    this.#timer?.cancel();
  }

  async #flush(): Promise<void> {
    for (const [id, { target, isSoft }] of this.#pending) {
      try {
        await this.send(target, { soft: isSoft, dryRun: false });
      } catch {
        this.#later();
        return;
      }
      this.#pending.delete(id);
      this.acknowledged(target, isSoft);
    }
  }

  #keep(invalidation: Invalidation): void {
    if (this.#pending.size >= MAX_KEPT) {
      this.#pending.clear();
      invalidation = EVERYTHING;
    }
    const id = JSON.stringify(invalidation);
    // At the end of the line, for it may concern what was stored after the same one before.
    this.#pending.delete(id);
    this.#pending.set(id, invalidation);
  }

  #later(): void {
    this.#timer?.cancel();
    if (!this.#isClosed) this.#timer = this.clock.schedule(RETRY_EVERY_MS, () => void this.flush());
  }

  #forget(nowMs: number): void {
    const first = this.#recent.findIndex(({ atMs }) => nowMs - atMs < REMEMBERED_MS);
    if (first !== 0) this.#recent = first < 0 ? [] : this.#recent.slice(first);
  }
}

function isHit(target: Target, key: string, namespace: string | undefined, tags: readonly string[] | undefined): boolean {
  switch (target.kind) {
    case 'keys':
      return target.namespace === namespace && target.keys.includes(key);
    case 'namespace':
      return target.namespace === namespace;
    case 'pattern':
      return target.namespace === namespace && compileGlob(target.pattern)(key);
    case 'all':
      return true;
    case 'tags':
      if (tags === undefined) return false;
      return target.mode === 'any' ? target.tags.some((tag) => tags.includes(tag)) : target.tags.every((tag) => tags.includes(tag));
  }
}
