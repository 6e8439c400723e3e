import { CacheConfigError } from './cache.errors.js';
import { show } from './show.js';

type Unit = 'ms' | 's' | 'm' | 'h' | 'd' | 'w';
type Part = `${number}${Unit}`;

/**
 * A number of milliseconds, or a text of amounts with units from the largest unit to the smallest, such as '5s' or
 * '1h30m'.
 */
export type Duration =
  | number
  | Part
  | `${number}${Exclude<Unit, 'ms'>}${Part}`
  | `${number}${Exclude<Unit, 'ms' | 's'>}${number}${Exclude<Unit, 'ms' | 'w'>}${Part}`;

/** The time for which an entry is fresh; 0 means: do not store. */
export type Ttl = Duration | 'forever';

/** Units from the largest to the smallest, in the order of the groups of `DURATION`. */
const UNITS = ['w', 'd', 'h', 'm', 's', 'ms'] as const;
const UNITS_MS = [604_800_000, 86_400_000, 3_600_000, 60_000, 1_000, 1];
const AMOUNT = String.raw`(\d+(?:\.\d+)?)`;
const DURATION = new RegExp(`^${UNITS.map((unit) => `(?:${AMOUNT}${unit})?`).join('')}$`);

/**
 * Reads a duration as a whole number of milliseconds, 0 or more.
 * @param option the name of the option, for the message
 * @throws CacheConfigError when `value` is negative, NaN, infinite, unreadable, or not whole milliseconds
 */
export function parseDuration(value: unknown, option: string): number {
  const ms = typeof value === 'string' ? readDuration(value) : value;
  if (typeof ms === 'number' && Number.isSafeInteger(ms) && ms >= 0) return ms;
  throw new CacheConfigError(
    `Expected \`${option}\` to be a duration such as 5000 or '5s' (whole milliseconds, 0 or more), ` +
      `got \`${show(value)}\`.${instead(value)}`,
  );
}

/** Reads a TTL like `parseDuration`; `'forever'` is `Infinity`. */
export function parseTtl(value: unknown, option: string): number {
  if (value === 'forever') return Infinity;
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0) return value;
  const ms = typeof value === 'string' ? readDuration(value) : undefined;
  if (ms !== undefined && Number.isSafeInteger(ms)) return ms;
  throw new CacheConfigError(
    `Expected \`${option}\` to be a TTL such as 5000, '5s' or 'forever' (0 means: do not store), ` +
      `got \`${show(value)}\`.${instead(value)}`,
  );
}

export function isDuration(text: string): boolean {
  return readDuration(text) !== undefined;
}

/** Matches units as other libraries write them; one group for each of `UNITS`. */
const WORDS = new RegExp(
  String.raw`^${AMOUNT}\s*(?:(w|weeks?)|(d|days?)|(h|hrs?|hours?)|(m|mins?|minutes?)|` +
    String.raw`(s|secs?|seconds?)|(ms|msecs?|millis|milliseconds?))?$`,
  'i',
);

function instead(value: unknown): string {
  const words = typeof value === 'string' ? WORDS.exec(value.trim()) : null;
  if (words === null) return '';
  const [, amount, ...units] = words as (string | undefined)[];
  const unit = UNITS[units.findIndex((word) => word !== undefined)];
  return unit === undefined
    ? ` Write \`'${amount}s'\` for seconds, or \`${amount}\` for milliseconds.`
    : ` Write \`'${amount}${unit}'\`.`;
}

function readDuration(text: string): number | undefined {
  const amounts = text === '' ? null : DURATION.exec(text);
  if (amounts === null) return undefined;
  // 1.1 * 1000 is 1100.0000000000002: remove the error of floating point, keep fractions that the user wrote.
  const ms = UNITS_MS.reduce((sum, unitMs, i) => sum + Number(amounts[i + 1] ?? 0) * unitMs, 0);
  const whole = Math.round(ms);
  return Math.abs(ms - whole) < 1e-6 ? whole : ms;
}
