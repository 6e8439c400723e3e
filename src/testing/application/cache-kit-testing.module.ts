import { type DynamicModule, Module, type Provider } from '@nestjs/common';
import { moduleOf } from '../../cache-kit.module.js';
import {
  CACHE_OPTION_NAMES,
  type CacheKitOptions,
  OTHER_OPTION_NAMES,
  type ResolvedCacheKitOptions,
  type ResolvedCacheOptions,
  resolveCacheKitOptions,
} from '../../cache-kit.options.js';
import { CacheConfigError } from '../../core/vocabulary/cache.errors.js';
import { checkNames, readOneOf } from '../../core/vocabulary/option-checks.js';
import { passThroughAdapter } from '../../core/pass-through-adapter.js';
import { passingThrough } from '../../core/pass-through-cache.js';
import { ValueTypes } from '../../core/vocabulary/value-types.js';
import { readQueue } from '../../core/write-behind/write-behind-options.js';
import { type Backend, readBackend } from '../../store.options.js';

/**
 * The options of `CacheKitModule.forRoot`, as the application writes them. Those of a store outside the process are
 * ignored: `backend`, `redis`, `file`, `compression` and `encryption`. Entries are kept in memory, or by the option
 * `adapter`. The writers of `writeBehind` run in the process.
 */
export interface CacheKitTestingOptions extends CacheKitOptions {
  /** 'pass-through': nothing is stored, and every load, method and handler runs. @default 'memory' */
  mode?: 'memory' | 'pass-through';
}

/** `CacheKitTestingOptions` without the options that need a module. */
export type TestCacheOptions = Omit<CacheKitTestingOptions, 'admin' | 'isGlobal'>;

/**
 * Replaces `CacheKitModule` in tests: provides the same, without servers, files, timers, or anything that must be
 * closed.
 */
@Module({})
export class CacheKitTestingModule {
  /** @throws CacheConfigError that names the wrong option */
  static forRoot(options: CacheKitTestingOptions = {}): DynamicModule {
    checkNames(options, ['mode', 'isGlobal', 'http', 'admin', ...CACHE_OPTION_NAMES], '', OTHER_OPTION_NAMES);
    return moduleOf(resolveForTests(options), options);
  }
}

/**
 * Returns the providers of `CacheKitTestingModule`, for `Test.createTestingModule({ providers: [Service,
 * ...provideTestCache()] })`.
 * @throws CacheConfigError that names the wrong option
 */
export function provideTestCache(options: TestCacheOptions = {}): Provider[] {
  for (const name of ['admin', 'isGlobal']) {
    if (name in options)
      throw new CacheConfigError(
        `Expected \`${name}\` with a module alone. Write \`imports: [CacheKitTestingModule.forRoot({ ${name}: ` +
          '... })]` instead of `provideTestCache`.',
      );
  }
  return [...(CacheKitTestingModule.forRoot(options).providers ?? [])];
}

function resolveForTests(options: CacheKitTestingOptions): ResolvedCacheKitOptions {
  const { mode, ...given } = options;
  const isPassing = readOneOf(mode, ['memory', 'pass-through'], 'mode') === 'pass-through';
  const inMemory = resolveCacheKitOptions(withoutSharedStore(given));
  const backend = readBackend(given.backend);
  // A `CacheKitModule` of the application with the same options would open the store, so the two must not share one
  // cache.
  const compared = backend === 'memory' ? options : { ...options, mode: mode ?? 'memory' };
  const resolved = { ...inMemory, cache: asStrictAs(backend, inMemory.cache), given: compared };
  return isPassing
    ? { ...resolved, cache: storingNothing(resolved.cache), http: { ...resolved.http, isDisabled: true } }
    : resolved;
}

/** The options of a cache that stores nothing. */
function storingNothing(cache: ResolvedCacheOptions): ResolvedCacheOptions {
  return passingThrough({ ...cache, store: { kind: 'adapter', adapter: passThroughAdapter } });
}

/**
 * Refuses the instances that a backend outside the process refuses, although memory could keep them: a test must find
 * them before the application does.
 */
function asStrictAs(backend: Backend, cache: ResolvedCacheOptions): ResolvedCacheOptions {
  return backend === 'memory' ? cache : Object.freeze({ ...cache, types: new ValueTypes(cache.types.listed, false) });
}

function withoutSharedStore({
  backend: _backend,
  redis: _redis,
  file: _file,
  compression: _compression,
  encryption: _encryption,
  memory,
  writeBehind,
  ...rest
}: CacheKitOptions): CacheKitOptions {
  const queue = readQueue(writeBehind);
  const others = queue === undefined ? rest : { ...rest, writeBehind: queue.inProcess() };
  return memory === undefined || others.adapter !== undefined ? others : { ...others, memory };
}
