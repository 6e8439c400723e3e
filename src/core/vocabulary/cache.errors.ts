import { recognizeInAllCopies } from './copies.js';

/**
 * The base of all errors of the kit. `code` is stable, `message` names the fix, `cause` is the original error if any.
 */
export class CacheError extends Error {
  /** @param code one of the codes of docs/errors.md */
  constructor(
    readonly code: CacheErrorCode,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
    this.name = new.target.name;
  }
}

export type CacheErrorCode =
  | 'CACHE_CONFIG_INVALID'
  | 'CACHE_KEY_INVALID'
  | 'CACHE_VALUE_UNSERIALIZABLE'
  | 'CACHE_LOAD_TIMEOUT'
  | 'CACHE_BACKEND_UNAVAILABLE';

/** An option, or an argument of a decorator or call, is not valid. */
export class CacheConfigError extends CacheError {
  constructor(message: string, options?: ErrorOptions) {
    super('CACHE_CONFIG_INVALID', message, options);
  }
}

/** A key, tag or namespace is empty, too long, or not well-formed Unicode. */
export class CacheKeyError extends CacheError {
  constructor(message: string, options?: ErrorOptions) {
    super('CACHE_KEY_INVALID', message, options);
  }
}

/** A value holds a part that no backend can restore, at `path` inside the value (`$` is the value itself). */
export class CacheSerializationError extends CacheError {
  constructor(
    readonly path: string,
    message: string,
    options?: ErrorOptions,
  ) {
    super('CACHE_VALUE_UNSERIALIZABLE', message, options);
  }
}

/** A factory did not answer within `hardTimeout`. */
export class CacheTimeoutError extends CacheError {
  constructor(message: string, options?: ErrorOptions) {
    super('CACHE_LOAD_TIMEOUT', message, options);
  }
}

/** The backend could not be reached, and the request could not be queued either. */
export class CacheUnavailableError extends CacheError {
  constructor(message: string, options?: ErrorOptions) {
    super('CACHE_BACKEND_UNAVAILABLE', message, options);
  }
}

// `instanceof` must be true for errors of another loaded copy of the kit, too.
recognizeInAllCopies(CacheError, 'CacheError');
recognizeInAllCopies(CacheConfigError, 'CacheConfigError');
recognizeInAllCopies(CacheKeyError, 'CacheKeyError');
recognizeInAllCopies(CacheSerializationError, 'CacheSerializationError');
recognizeInAllCopies(CacheTimeoutError, 'CacheTimeoutError');
recognizeInAllCopies(CacheUnavailableError, 'CacheUnavailableError');

/** True when the caller made the mistake, not the backend. */
export function isCallersFault(error: unknown): error is CacheSerializationError | CacheKeyError | CacheConfigError {
  return (
    error instanceof CacheSerializationError || error instanceof CacheKeyError || error instanceof CacheConfigError
  );
}
