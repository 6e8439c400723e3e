import { recognizeInAllCopies } from './copies.js';

/** Every error of the kit. `code` is stable, `message` says what to do, `cause` is the original where there was one. */
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

/** An option, a decorator or a call was given something that cannot mean anything. */
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

/** A value holds something that no backend could give back, at `path` inside the value (`$` is the value itself). */
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

/** The backend could not be reached, and what was asked of it could not be recorded for later either. */
export class CacheUnavailableError extends CacheError {
  constructor(message: string, options?: ErrorOptions) {
    super('CACHE_BACKEND_UNAVAILABLE', message, options);
  }
}

// `instanceof` must hold for who imports the kit and gets its errors from another copy of it.
recognizeInAllCopies(CacheError, 'CacheError');
recognizeInAllCopies(CacheConfigError, 'CacheConfigError');
recognizeInAllCopies(CacheKeyError, 'CacheKeyError');
recognizeInAllCopies(CacheSerializationError, 'CacheSerializationError');
recognizeInAllCopies(CacheTimeoutError, 'CacheTimeoutError');
recognizeInAllCopies(CacheUnavailableError, 'CacheUnavailableError');

/** Whether the call itself was wrong, rather than the backend. */
export function isCallersFault(error: unknown): error is CacheSerializationError | CacheKeyError | CacheConfigError {
  return (
    error instanceof CacheSerializationError || error instanceof CacheKeyError || error instanceof CacheConfigError
  );
}
