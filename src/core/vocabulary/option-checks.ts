import { CacheConfigError } from './cache.errors.js';
import { isDuration, parseDuration } from './duration.js';
import { show } from './show.js';

/** By the name that an option has in another place or library: the name to write here, with its backticks. */
export type OtherNames = Readonly<Record<string, string>>;

/** Names of the options of a call in other libraries. */
export const OTHER_CALL_NAMES: OtherNames = {
  expires: '`ttl`',
  expiresIn: '`ttl`',
  expiry: '`ttl`',
  ex: "`ttl: '60s'`",
  px: '`ttl`',
  maxAge: "`ttl: '60s'`",
  tag: '`tags: [...]`',
  prefix: '`namespace`',
  grace: '`staleIfError`',
  timeout: '`hardTimeout`',
  refreshThreshold: '`refreshAhead` or `staleWhileRevalidate`',
};

/**
 * The error for an option with a wrong value.
 * @param wanted completes "to be ..."
 * @param fix sentences that say what to write instead
 */
export function expected(option: string, wanted: string, value: unknown, fix = ''): CacheConfigError {
  return new CacheConfigError(
    `Expected \`${option}\` to be ${wanted}, got \`${show(value)}\`.${fix === '' ? '' : ` ${fix}`}`,
  );
}

/**
 * Checks that `options` is an object with no other properties than `known`.
 * @param where the path before the names, such as `memory.`
 * @throws CacheConfigError that names the first unknown option, and the name to write instead
 */
export function checkNames(options: unknown, known: readonly string[], where = '', otherNames: OtherNames = {}): void {
  if (typeof options !== 'object' || options === null || Array.isArray(options)) {
    const fix = where.endsWith('.') ? '' : ttlInstead(options);
    throw new CacheConfigError(`Expected ${groupAt(where)} to be an object, got \`${show(options)}\`.${fix}`);
  }
  for (const name of Object.keys(options)) {
    if (known.includes(name)) continue;
    const instead = Object.hasOwn(otherNames, name) ? `Write ${otherNames[name]} instead.` : suggestion(name, known);
    throw new CacheConfigError(`Unknown option \`${where}${name}\`. ${instead}`);
  }
}

/** Describes the path before the names: all options, those of a decorator (`@CacheRoute `), or a group (`memory.`). */
function groupAt(where: string): string {
  return where.endsWith(' ') ? `the options of ${where.trimEnd()}` : `\`${where.replace(/\.$/, '') || 'options'}\``;
}

/** The hint for a TTL that is passed in place of the options. */
function ttlInstead(options: unknown): string {
  if (typeof options === 'number')
    return ` A TTL is written \`{ ttl: '${options}s' }\` or \`{ ttl: '${options}ms' }\`.`;
  return typeof options === 'string' && isDuration(options) ? ` A TTL is written \`{ ttl: '${options}' }\`.` : '';
}

function suggestion(name: string, known: readonly string[]): string {
  const lower = name.toLowerCase();
  const near = known.find((other) => other.toLowerCase().includes(lower) || lower.includes(other.toLowerCase()));
  return near === undefined ? `Known here: ${[...new Set(known)].sort().join(', ')}.` : `Did you mean \`${near}\`?`;
}

export function readOneOf<T extends string | boolean>(
  value: unknown,
  allowed: readonly T[],
  option: string,
): T | undefined {
  if (value === undefined || allowed.includes(value as T)) return value as T | undefined;
  const names = allowed.map((name) => (typeof name === 'string' ? `'${name}'` : String(name))).join(', ');
  throw expected(option, `one of ${names}`, value);
}

export function readCount(value: unknown, option: string, fallback: number): number {
  if (value === undefined) return fallback;
  if (Number.isSafeInteger(value) && (value as number) > 0) return value as number;
  throw expected(option, 'a whole number of 1 or more', value);
}

export function readBoolean(value: unknown, option: string, fallback: boolean): boolean {
  return readOneOf(value, [true, false], option) ?? fallback;
}

export function readFunction<F>(value: unknown, option: string): F | undefined {
  if (value === undefined || typeof value === 'function') return value as F | undefined;
  throw expected(option, 'a function', value);
}

export function readDuration(value: unknown, option: string, fallback: number): number {
  return value === undefined ? fallback : parseDuration(value, option);
}

/** Reads a number from `min` to `max`, both included. */
export function readNumber(
  value: unknown,
  option: string,
  range: { min: number; max: number },
  fallback: number,
): number {
  if (value === undefined) return fallback;
  if (typeof value === 'number' && value >= range.min && value <= range.max) return value;
  const upTo = range.max === Infinity ? 'or more' : `to ${range.max}`;
  throw expected(option, `a number of ${range.min} ${upTo}`, value);
}
