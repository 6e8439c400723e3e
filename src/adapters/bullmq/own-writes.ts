import type { Outcome } from './store/outcome-listener.js';
import { ANOTHER_VALUE, type PendingWrite, type WriteBehindHost } from '../../core/ports/write-behind-queue.port.js';
import { CacheUnavailableError } from '../../core/vocabulary/cache.errors.js';

interface OwnWrite {
  readonly write: PendingWrite;
  readonly version: number;
}

/** What a look at Redis has found. */
export interface Look {
  /** Ids that are not pending. */
  readonly missing: readonly string[];
  /** The latest entry of the stream of outcomes, read after that. */
  readonly latest: string;
}

/**
 * The writes that this process has added, and that have not ended yet: its cache hears how they end, whichever process
 * writes them.
 */
export class OwnWrites {
  readonly #host: WriteBehindHost;
  readonly #writes = new Map<string, OwnWrite>();
  #missing: { readonly versions: ReadonlyMap<string, number>; readonly latest: string } | undefined;
  #onEmpty: () => void = () => undefined;

  constructor(host: WriteBehindHost) {
    this.#host = host;
  }

  get ids(): string[] {
    return [...this.#writes.keys()];
  }

  get all(): PendingWrite[] {
    return [...this.#writes.values()].map(({ write }) => write);
  }

  /** The write of this process with a version, if it is one. */
  find(id: string, version: number): PendingWrite | undefined {
    const own = this.#writes.get(id);
    return own?.version === version ? own.write : undefined;
  }

  add(id: string, write: PendingWrite, version: number): void {
    this.#writes.set(id, { write, version });
  }

  /** A write, or a later one of the key, has ended, and the cache knows. */
  ended(id: string, version: number): void {
    const own = this.#writes.get(id);
    if (own !== undefined && own.version <= version) this.#forget(id);
  }

  /** A write is over that the cache has not heard of, and need not. */
  drop(id: string, write: PendingWrite): void {
    if (this.#writes.get(id)?.write === write) this.#forget(id);
  }

  /** Another process has ended a write. */
  heard({ id, version, outcome, error }: Outcome): void {
    const own = this.#writes.get(id);
    if (own === undefined || own.version > version) return;
    this.#forget(id);
    const { key, namespace, value } = own.write;
    const isOwn = own.version === version;
    const isReplaced = (): boolean => this.#writes.has(id);
    if (outcome === 'landed')
      void this.#host.landed({ key, namespace, value: isOwn ? value : ANOTHER_VALUE }, isReplaced);
    else void this.#host.failed(isOwn ? own.write : { key, namespace }, new Error(error), isReplaced);
  }

  /**
   * Gives up writes that Redis has lost: they were not pending at the look before, and the outcomes that were there
   * then have all been heard.
   */
  giveUpLost({ missing, latest }: Look, hasHeard: (outcome: string) => boolean): void {
    const before = this.#missing;
    const versions = new Map(missing.flatMap((id) => this.#versionOf(id)));
    this.#missing = { versions, latest };
    if (before === undefined || !hasHeard(before.latest)) return;
    for (const [id, version] of versions) {
      const write = this.find(id, version);
      if (before.versions.get(id) !== version || write === undefined) continue;
      this.#forget(id);
      void this.#host.failed(write, lost(write), () => this.#writes.has(id));
    }
  }

  /** Resolves when there are none. */
  untilEmpty(): Promise<void> {
    return this.#writes.size === 0 ? Promise.resolve() : new Promise((resolve) => (this.#onEmpty = resolve));
  }

  #versionOf(id: string): [string, number][] {
    const own = this.#writes.get(id);
    return own === undefined ? [] : [[id, own.version]];
  }

  #forget(id: string): void {
    this.#writes.delete(id);
    if (this.#writes.size === 0) this.#onEmpty();
  }
}

function lost({ key }: PendingWrite): CacheUnavailableError {
  return new CacheUnavailableError(
    `Redis does not have the pending write of \`${key}\` any more, and did not say that it has landed. ` +
      'Let Redis keep its data: `appendonly yes`, and `maxmemory-policy noeviction`.',
  );
}
