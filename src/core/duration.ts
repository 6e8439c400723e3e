import { CacheConfigError } from './cache.errors.js';
import { show } from './show.js';

/** A bare number is milliseconds. */
export type Duration = number | `${number}${'ms' | 's' | 'm' | 'h' | 'd' | 'w'}`;

/** How long an entry stays fresh; 0 means: do not store. */
export type Ttl = Duration | 'forever';

const UNIT_MS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000 };
const DURATION = /^(\d+(?:\.\d+)?)(ms|s|m|h|d|w)$/;

/**
 * Milliseconds, a whole number of 0 or more.
 * @param option the name of the option, for the message
 * @throws CacheConfigError when `value` is negative, NaN, infinite, unreadable, or not whole milliseconds
 */
export function parseDuration(value: unknown, option: string): number {
  const ms = typeof value === 'string' ? readDuration(value) : value;
  if (typeof ms === 'number' && Number.isSafeInteger(ms) && ms >= 0) return ms;
  throw new CacheConfigError(
    `Expected \`${option}\` to be a duration such as 5000 or '5s' (whole milliseconds, 0 or more), got \`${show(value)}\`.`,
  );
}

/** As `parseDuration`, and `Infinity` for `'forever'`. */
export function parseTtl(value: unknown, option: string): number {
  if (value === 'forever') return Infinity;
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0) return value;
  const ms = typeof value === 'string' ? readDuration(value) : undefined;
  if (ms !== undefined && Number.isSafeInteger(ms)) return ms;
  throw new CacheConfigError(
    `Expected \`${option}\` to be a TTL such as 5000, '5s' or 'forever' (0 means: do not store), got \`${show(value)}\`.`,
  );
}

function readDuration(text: string): number | undefined {
  const [, amount, unit] = DURATION.exec(text) ?? [];
  if (amount === undefined || unit === undefined) return undefined;
  // 1.1 * 1000 is 1100.0000000000002: round away what floating point added, keep what the user wrote.
  const ms = Number(amount) * (UNIT_MS[unit] ?? NaN);
  const whole = Math.round(ms);
  return Math.abs(ms - whole) < 1e-6 ? whole : ms;
}
