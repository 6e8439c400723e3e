import type { InvalidateOptions, InvalidatePatternOptions, InvalidateTagsOptions } from './call-options.js';
import type { GuardedStore } from './guarded-store.js';
import type { ValueLoader } from './value-loader.js';
import type { InvalidationSubject } from '../observation/cache-events.js';
import type { CacheReporter } from '../observation/cache-reporter.js';
import type { InvalidationTarget } from '../ports/cache-adapter.port.js';
import { checkKey, checkKeys } from '../vocabulary/cache-key.js';
import { compileGlob } from '../vocabulary/glob.js';
import { checkNames, readBoolean, readOneOf } from '../vocabulary/option-checks.js';

const REMOVED = { soft: false, dryRun: false };

/**
 * Invalidates in the store and in this process: a later caller does not wait for a load that is now too old. Every
 * method rejects with a `CacheError` where the store fails.
 */
export class Invalidations {
  readonly #store: GuardedStore;
  readonly #loader: ValueLoader;
  readonly #reporter: CacheReporter;

  constructor(store: GuardedStore, loader: ValueLoader, reporter: CacheReporter) {
    this.#store = store;
    this.#loader = loader;
    this.#reporter = reporter;
  }

  async ofTags(tags: readonly string[], options: InvalidateTagsOptions): Promise<number> {
    checkKeys(tags, 'tag');
    checkNames(options, ['mode', 'soft', 'dryRun']);
    const mode = readOneOf(options.mode, ['any', 'all'], 'mode') ?? 'any';
    const unique = [...new Set(tags)];
    if (unique.length === 0) return 0;
    return this.#announce({ kind: 'tags', tags: unique, mode }, { tags: unique, mode }, options);
  }

  async ofNamespace(namespace: string, options: InvalidateOptions): Promise<number> {
    checkKey(namespace, 'namespace');
    checkNames(options, ['soft', 'dryRun']);
    return this.#announce({ kind: 'namespace', namespace }, { namespace }, options);
  }

  async ofPattern(pattern: string, namespace: string | undefined, options: InvalidatePatternOptions): Promise<number> {
    checkKey(pattern, 'pattern');
    compileGlob(pattern);
    checkNames(options, ['namespace', 'dryRun']);
    return this.#announce({ kind: 'pattern', pattern, namespace }, { pattern, namespace }, options);
  }

  async ofAll(): Promise<number> {
    return this.#announce({ kind: 'all' }, 'all', {});
  }

  /** Removes keys. The caller reports it. */
  async ofKeys(keys: readonly string[], namespace: string | undefined): Promise<number> {
    return this.#run({ kind: 'keys', keys, namespace }, REMOVED);
  }

  /** Frees entries that have outlived their time. No load is too old by that. */
  async ofExpired(): Promise<number> {
    return this.#store.invalidate({ kind: 'expired' }, REMOVED);
  }

  async #announce(
    target: InvalidationTarget,
    subject: InvalidationSubject,
    options: InvalidateOptions,
  ): Promise<number> {
    const soft = readBoolean(options.soft, 'soft', false);
    const dryRun = readBoolean(options.dryRun, 'dryRun', false);
    const count = await this.#run(target, { soft, dryRun });
    if (!dryRun) this.#reporter.invalidated(subject, soft, count);
    return count;
  }

  async #run(target: InvalidationTarget, how: { soft: boolean; dryRun: boolean }): Promise<number> {
    const count = await this.#store.invalidate(target, how);
    if (!how.dryRun) this.#loader.detach(target);
    return count;
  }
}
