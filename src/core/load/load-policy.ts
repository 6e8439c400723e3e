import { checkedTags, checkKey } from '../vocabulary/cache-key.js';
import { CacheConfigError } from '../vocabulary/cache.errors.js';
import { type Caller, callerIn } from '../observation/caller.js';
import type { GetOrSetOptions, LoadOptions, SetOptions, StandardSchema, ValueValidator } from './call-options.js';
import { parseTtl } from '../vocabulary/duration.js';
import { OTHER_CALL_NAMES } from '../vocabulary/option-checks.js';
import { checkNames, readDuration, readFunction, readNumber, readOneOf } from '../vocabulary/option-checks.js';
import type { StoredEntry } from '../ports/cache-adapter.port.js';
import { show } from '../vocabulary/show.js';

/** `LoadOptions`, read once. Durations are in milliseconds; a time-out of `Infinity` means none. */
export interface LoadPolicy {
  readonly staleWhileRevalidateMs: number;
  readonly staleIfErrorMs: number;
  /** 1 means off: after the whole TTL the entry has expired, and nothing is ahead of time. */
  readonly refreshAhead: number;
  readonly earlyExpiration: number;
  readonly jitter: number;
  /** `undefined` means that `null` has the TTL of any other value. */
  readonly negativeTtlMs: number | undefined;
  readonly softTimeoutMs: number;
  readonly hardTimeoutMs: number;
  readonly singleFlight: 'process' | 'cluster' | false;
}

/** `GetOrSetOptions`, read once: the input of the loader, for one key or several. */
export interface LoadPlan extends LoadPolicy {
  readonly namespace: string | undefined;
  readonly ttl: number | ((value: unknown) => unknown);
  readonly tags: readonly string[] | ((value: unknown) => unknown);
  readonly storeIf: ((value: unknown) => unknown) | undefined;
  readonly keepStale: number | ((value: unknown) => unknown);
  readonly validate: ValueValidator<unknown> | undefined;
  /** The decorated method that loads; `undefined` for direct calls. */
  readonly caller: Caller | undefined;
}

export const LOAD_OPTION_NAMES = [
  'staleWhileRevalidate',
  'staleIfError',
  'refreshAhead',
  'earlyExpiration',
  'jitter',
  'negativeTtl',
  'softTimeout',
  'hardTimeout',
  'singleFlight',
] as const satisfies readonly (keyof LoadOptions)[];

const CALL_OPTION_NAMES = ['namespace', 'ttl', 'tags', 'storeIf', 'keepStale', 'validate', ...LOAD_OPTION_NAMES];

export const DEFAULT_LOAD_POLICY: LoadPolicy = {
  staleWhileRevalidateMs: 0,
  staleIfErrorMs: 0,
  refreshAhead: 1,
  earlyExpiration: 0,
  jitter: 0,
  negativeTtlMs: undefined,
  softTimeoutMs: Infinity,
  hardTimeoutMs: Infinity,
  singleFlight: 'process',
};

/** @throws CacheConfigError that names the wrong option */
export function readLoadPolicy(options: LoadOptions, defaults: LoadPolicy): LoadPolicy {
  const ratio = { min: 0, max: 1 };
  return {
    staleWhileRevalidateMs: readDuration(
      options.staleWhileRevalidate,
      'staleWhileRevalidate',
      defaults.staleWhileRevalidateMs,
    ),
    staleIfErrorMs: readDuration(options.staleIfError, 'staleIfError', defaults.staleIfErrorMs),
    refreshAhead: readNumber(options.refreshAhead, 'refreshAhead', ratio, defaults.refreshAhead),
    earlyExpiration: readNumber(
      options.earlyExpiration,
      'earlyExpiration',
      { min: 0, max: Infinity },
      defaults.earlyExpiration,
    ),
    jitter: readNumber(options.jitter, 'jitter', ratio, defaults.jitter),
    negativeTtlMs:
      options.negativeTtl === undefined ? defaults.negativeTtlMs : parseTtl(options.negativeTtl, 'negativeTtl'),
    softTimeoutMs: readDuration(options.softTimeout, 'softTimeout', defaults.softTimeoutMs),
    hardTimeoutMs: readDuration(options.hardTimeout, 'hardTimeout', defaults.hardTimeoutMs),
    singleFlight:
      readOneOf(options.singleFlight, ['process', 'cluster', false], 'singleFlight') ?? defaults.singleFlight,
  };
}

/** The plan of a call without options. */
export function basePlan(policy: LoadPolicy, namespace: string | undefined, ttlMs: number): LoadPlan {
  return {
    ...policy,
    namespace,
    ttl: ttlMs,
    tags: [],
    storeIf: undefined,
    keepStale: 0,
    validate: undefined,
    caller: undefined,
  };
}

/** @throws CacheConfigError or CacheKeyError that names an unknown or wrong option */
export function readLoadPlan<T>(options: GetOrSetOptions<T>, defaults: LoadPlan): LoadPlan {
  checkNames(options, CALL_OPTION_NAMES, '', OTHER_CALL_NAMES);
  return {
    ...readLoadPolicy(options, defaults),
    namespace: options.namespace ?? defaults.namespace,
    ttl:
      typeof options.ttl === 'function'
        ? (options.ttl as LoadPlan['ttl'])
        : options.ttl === undefined
          ? defaults.ttl
          : parseTtl(options.ttl, 'ttl'),
    tags: readTags(options.tags) ?? defaults.tags,
    storeIf: readFunction(options.storeIf, 'storeIf') ?? defaults.storeIf,
    keepStale:
      typeof options.keepStale === 'function'
        ? (options.keepStale as LoadPlan['keepStale'])
        : readDuration(options.keepStale, 'keepStale', defaults.keepStale as number),
    validate: readValidator(options.validate) ?? defaults.validate,
    caller: callerIn(options),
  };
}

function readTags(tags: unknown): LoadPlan['tags'] | undefined {
  if (tags === undefined || typeof tags === 'function') return tags as LoadPlan['tags'] | undefined;
  if (Array.isArray(tags)) return checkedTags(tags);
  throw new CacheConfigError(
    `Expected \`tags\` to be an array of strings or a function of the value, got \`${show(tags)}\`.`,
  );
}

function readValidator(validate: unknown): ValueValidator<unknown> | undefined {
  if (validate === undefined || typeof validate === 'function') return validate as ValueValidator<unknown> | undefined;
  if (isStandardSchema(validate)) return validate;
  throw new CacheConfigError(`Expected \`validate\` to be a function or a Standard Schema, got \`${show(validate)}\`.`);
}

function isStandardSchema(value: unknown): value is StandardSchema {
  return typeof (value as Partial<StandardSchema> | null)?.['~standard']?.validate === 'function';
}

/** Time beyond its TTL during which an entry is kept for callers that accept it stale, in milliseconds. */
export function staleWindowMs(policy: LoadPolicy, ttlMs: number): number {
  const asked = Math.max(policy.staleWhileRevalidateMs, policy.staleIfErrorMs);
  // A soft time-out alone names no window, and without a window it would never find a value to serve.
  return asked === 0 && policy.softTimeoutMs !== Infinity ? ttlMs : asked;
}

/** `SetOptions`, read once. */
export interface WritePlan {
  readonly namespace: string | undefined;
  readonly ttlMs: number;
  readonly staleMs: number;
  readonly tags: readonly string[];
  readonly caller: Caller | undefined;
}

/** @throws CacheConfigError or CacheKeyError that names the wrong option */
export function readWritePlan(options: SetOptions, defaults: LoadPlan): WritePlan {
  checkNames(options, ['ttl', 'namespace', 'tags', 'keepStale'], '', OTHER_CALL_NAMES);
  const { namespace = defaults.namespace, tags = [] } = options;
  if (namespace !== undefined) checkKey(namespace, 'namespace');
  checkedTags(tags);
  const ttlMs = options.ttl === undefined ? (defaults.ttl as number) : parseTtl(options.ttl, 'ttl');
  return {
    namespace,
    ttlMs,
    staleMs: Math.max(readDuration(options.keepStale, 'keepStale', 0), staleWindowMs(defaults, ttlMs)),
    tags,
    caller: callerIn(options),
  };
}

/** True when a fresh entry may be served without a further look at the plan. */
export function isPlainPlan({ validate, refreshAhead, earlyExpiration }: LoadPlan): boolean {
  return validate === undefined && refreshAhead === 1 && earlyExpiration === 0;
}

/** True when a fresh entry should be refreshed now, before it expires. */
export function isDue(
  { ttlMs, freshUntilMs, loadMs }: StoredEntry,
  { refreshAhead, earlyExpiration }: LoadPolicy,
  nowMs: number,
): boolean {
  if (ttlMs === Infinity) return false;
  const leftMs = freshUntilMs - nowMs;
  if (leftMs < ttlMs * (1 - refreshAhead)) return true;
  // XFetch: now - delta * beta * ln(rand) >= expiry, with rand in (0, 1].
  return earlyExpiration > 0 && -loadMs * earlyExpiration * Math.log(1 - Math.random()) >= leftMs;
}
