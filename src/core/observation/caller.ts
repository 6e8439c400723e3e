import { CacheConfigError, CacheError, CacheKeyError, CacheSerializationError } from '../vocabulary/cache.errors.js';

/** A decorated method, which calls the cache on behalf of its own callers. */
export interface Caller {
  /** `@Cached on ProductService.find`, for messages. */
  readonly label: string;
}

/**
 * The option that names the decorated method. A symbol, because only decorators set it; of the registry, because a
 * decorator of one copy of the kit may call the cache of another.
 */
export const CALLER: unique symbol = Symbol.for('nestjs-cache-kit:caller') as never;

export interface CallerOption {
  readonly [CALLER]?: Caller;
}

export function callerIn(options: object): Caller | undefined {
  return (options as CallerOption)[CALLER];
}

/** Why a result was returned and not stored, with its key and, where there is one, the decorated method. */
export function notStored(error: CacheError, key: string, caller: Caller | undefined): CacheError {
  const by = caller === undefined ? '' : `${caller.label}: `;
  if (!(error instanceof CacheSerializationError))
    return caller === undefined ? error : new CacheConfigError(`${by}${error.message}`, { cause: error });
  return new CacheSerializationError(
    error.path,
    `${by}the value of \`${key}\` is returned and not stored: ${error.message}`,
    { cause: error },
  );
}

/** Why a decorated method ran without the cache. @param asked the option whose function failed, such as `key` */
export function ranUncached(error: unknown, asked: string, { label }: Caller): CacheError {
  const message = error instanceof Error ? error.message : String(error);
  const reason = error instanceof CacheError && asked === 'key' ? message : `its \`${asked}\` failed: ${message}`;
  return new CacheKeyError(`${label} runs without the cache: ${reason}`, { cause: error });
}
