import { CacheConfigError } from './cache.errors.js';
import { checkedTags } from './cache-key.js';
import { parseDuration, parseTtl } from './duration.js';

/**
 * What a function among the options answers, as `read` understands it.
 * @param subject what was loaded, for the message
 * @throws CacheConfigError that names the option; what went wrong is its cause
 */
export function answerOf<T>(option: string, subject: string, ask: () => unknown, read: (answer: unknown) => T): T {
  try {
    return read(atOnce(ask()));
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new CacheConfigError(
      `The function \`${option}\` gave nothing that can be used for \`${subject}\`, whose value is returned and not stored: ${reason}`,
      { cause: error },
    );
  }
}

/** Refuses a promise: it is true whatever it brings. @throws CacheConfigError */
export function atOnce(answer: unknown): unknown {
  if (!isPromise(notAwaited(answer))) return answer;
  throw new CacheConfigError('it answered with a promise. It has to answer at once.');
}

/**
 * The answer itself, for a caller that refuses a promise: one that rejects would end the process, because nobody awaits
 * it.
 */
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

/** As `parseTtl`, and fractions of a millisecond are rounded. */
export function readComputedTtl(answer: unknown): number {
  return parseTtl(rounded(answer), 'ttl');
}

/** As `parseDuration`, and fractions of a millisecond are rounded. */
export function readComputedKeepStale(answer: unknown): number {
  return answer === undefined ? 0 : parseDuration(rounded(answer), 'keepStale');
}

/** What arithmetic has made of whole milliseconds, such as 270900.00000000006. */
function rounded(answer: unknown): unknown {
  return typeof answer === 'number' && answer >= 0 ? Math.round(answer) : answer;
}
