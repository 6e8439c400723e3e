import { CacheConfigError } from './cache.errors.js';
import { checkedTags } from './cache-key.js';
import { parseDuration, parseTtl } from './duration.js';

/**
 * Calls a function of the options, and reads its result with `read`.
 * @param subject the key or method that was loaded, for the message
 * @throws CacheConfigError that names the option, with the original error as its cause
 */
export function answerOf<T>(option: string, subject: string, ask: () => unknown, read: (answer: unknown) => T): T {
  try {
    return read(atOnce(ask()));
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new CacheConfigError(
      `The function \`${option}\` gave nothing that can be used for \`${subject}\`, ` +
        `whose value is returned and not stored: ${reason}`,
      { cause: error },
    );
  }
}

/** Refuses a promise, which would always count as true. @throws CacheConfigError */
export function atOnce(answer: unknown): unknown {
  if (!isPromise(notAwaited(answer))) return answer;
  throw new CacheConfigError('it answered with a promise. It has to answer at once.');
}

/** Returns `answer`. Handles the rejection of a promise that nobody will await, because it would end the process. */
export function notAwaited<T>(answer: T): T {
  if (isPromise(answer)) Promise.resolve(answer).catch(() => undefined);
  return answer;
}

function isPromise(answer: unknown): boolean {
  return typeof (answer as { then?: unknown } | null | undefined)?.then === 'function';
}

export function readComputedTags(answer: unknown): readonly string[] {
  return checkedTags(answer);
}

/** Reads a computed TTL like `parseTtl`, but rounds fractions of a millisecond. */
export function readComputedTtl(answer: unknown): number {
  return parseTtl(rounded(answer), 'ttl');
}

/** Reads a computed `keepStale` like `parseDuration`, but rounds fractions of a millisecond. */
export function readComputedKeepStale(answer: unknown): number {
  return answer === undefined ? 0 : parseDuration(rounded(answer), 'keepStale');
}

/** Rounds the results of arithmetic with whole milliseconds, such as 270900.00000000006. */
function rounded(answer: unknown): unknown {
  return typeof answer === 'number' && answer >= 0 ? Math.round(answer) : answer;
}
