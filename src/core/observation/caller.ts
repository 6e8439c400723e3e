import { CacheConfigError, CacheError, CacheKeyError, CacheSerializationError } from '../vocabulary/cache.errors.js';

/** A decorated method or a route, which uses the cache for its own callers. */
export interface Caller {
  readonly kind: 'method' | 'route';
  /** `ProductService.find` or `GET /products/:id`, for statistics. */
  readonly place: string;
  /** `@Cached on ProductService.find`, for messages. */
  readonly label: string;
}

/**
 * The option that names the caller. It is a symbol, because only decorators and routes set it, and one of the global
 * registry, because a decorator of one copy of the kit may call the cache of another copy.
 */
export const CALLER: unique symbol = Symbol.for('nestjs-cache-kit:caller') as never;

export interface CallerOption {
  readonly [CALLER]?: Caller;
}

export function callerIn(options: object): Caller | undefined {
  return (options as CallerOption)[CALLER];
}

/** Makes the error for a result that was returned and not stored, with its key and its decorated method, if any. */
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

/** Makes the error for a decorated method that ran without the cache. @param option the one whose function failed */
export function ranUncached(error: unknown, option: string, { label }: Caller): CacheError {
  const message = error instanceof Error ? error.message : String(error);
  const reason = error instanceof CacheError && option === 'key' ? message : `its \`${option}\` failed: ${message}`;
  return new CacheKeyError(`${label} runs without the cache: ${reason}`, { cause: error });
}
