import type { InvalidateOptions, InvalidatePatternOptions, InvalidateTagsOptions } from './call-options.js';
import type { GuardedStore } from './guarded-store.js';
import type { ValueLoader } from './value-loader.js';
import type { CacheReporter } from '../observation/cache-reporter.js';
import type { EntryTarget } from '../ports/invalidation-target.js';
import type { CallScopes } from '../scopes/call-scopes.js';
import { checkKey, checkKeys } from '../vocabulary/cache-key.js';
import { compileGlob } from '../vocabulary/glob.js';
import { checkNames, readBoolean, readOneOf } from '../vocabulary/option-checks.js';

interface Manner {
  readonly soft: boolean;
  readonly dryRun: boolean;
}

const REMOVED: Manner = { soft: false, dryRun: false };

export interface InvalidationParts {
  readonly store: GuardedStore;
  readonly scopes: CallScopes;
  readonly loader: ValueLoader;
  readonly reporter: CacheReporter;
}

/**
 * Invalidates in the store and in this process: a later caller does not wait for a load that is now too old. Every
 * method rejects with a `CacheError` where the store fails. In a transaction the invalidation is kept back; the number
 * is then that of the entries that it would remove now.
 */
export class Invalidations {
  readonly #store: GuardedStore;
  readonly #scopes: CallScopes;
  readonly #loader: ValueLoader;
  readonly #reporter: CacheReporter;

  constructor({ store, scopes, loader, reporter }: InvalidationParts) {
    this.#store = store;
    this.#scopes = scopes;
    this.#loader = loader;
    this.#reporter = reporter;
  }

  async ofTags(tags: readonly string[], options: InvalidateTagsOptions): Promise<number> {
    checkKeys(tags, 'tag');
    checkNames(options, ['mode', 'soft', 'dryRun']);
    const mode = readOneOf(options.mode, ['any', 'all'], 'mode') ?? 'any';
    const unique = [...new Set(tags)];
    if (unique.length === 0) return 0;
    return this.#announce({ kind: 'tags', tags: unique, mode }, options);
  }

  async ofNamespace(namespace: string, options: InvalidateOptions): Promise<number> {
    checkKey(namespace, 'namespace');
    checkNames(options, ['soft', 'dryRun']);
    return this.#announce({ kind: 'namespace', namespace }, options);
  }

  async ofPattern(pattern: string, namespace: string | undefined, options: InvalidatePatternOptions): Promise<number> {
    checkKey(pattern, 'pattern');
    compileGlob(pattern);
    checkNames(options, ['namespace', 'dryRun']);
    return this.#announce({ kind: 'pattern', pattern, namespace }, options);
  }

  async ofAll(): Promise<number> {
    return this.#announce({ kind: 'all' }, {});
  }

  async ofKeys(keys: readonly string[], namespace: string | undefined): Promise<number> {
    return this.#run({ kind: 'keys', keys, namespace }, REMOVED, (count) =>
      this.#reporter.deleted(keys, namespace, count),
    );
  }

  /** Removes a key whose source has changed. Not reported as a deletion. */
  async ofOutdated(key: string, namespace: string | undefined): Promise<void> {
    await this.#run({ kind: 'keys', keys: [key], namespace }, REMOVED);
  }

  /** Frees entries that have outlived their time. No load is too old by that. */
  async ofExpired(): Promise<number> {
    return this.#store.invalidate({ kind: 'expired' }, REMOVED);
  }

  async #announce(target: Exclude<EntryTarget, { kind: 'keys' }>, options: InvalidateOptions): Promise<number> {
    const soft = readBoolean(options.soft, 'soft', false);
    const dryRun = readBoolean(options.dryRun, 'dryRun', false);
    return this.#run(target, { soft, dryRun }, (count) => this.#reporter.invalidated(target, soft, count));
  }

  /** @param report called with the number when it is done; not for a dry run */
  async #run(target: EntryTarget, manner: Manner, report?: (count: number) => void): Promise<number> {
    if (manner.dryRun) return this.#store.invalidate(target, manner);
    const { transaction } = this.#scopes;
    if (transaction === undefined) return this.#invalidate(target, manner, report);
    transaction.invalidate(target, manner.soft, () => this.#invalidate(target, manner, report));
    return this.#store.invalidate(target, { ...manner, dryRun: true }).catch(() => 0);
  }

  async #invalidate(target: EntryTarget, manner: Manner, report?: (count: number) => void): Promise<number> {
    const count = await this.#reporter.tracedInvalidation(target, () => this.#store.invalidate(target, manner));
    this.#loader.detach(target);
    report?.(count);
    return count;
  }
}
