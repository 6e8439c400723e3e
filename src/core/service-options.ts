import { checkKey } from './vocabulary/cache-key.js';
import { CacheConfigError, type CacheError } from './vocabulary/cache.errors.js';
import type { LoadOptions } from './load/call-options.js';
import { parseTtl, type Ttl } from './vocabulary/duration.js';
import { type Finding, findingsIn, shortDurationsIn } from './vocabulary/finding.js';
import { DEFAULT_LOAD_POLICY, LOAD_OPTION_NAMES, type LoadPolicy, readLoadPolicy } from './load/load-policy.js';
import { readBoolean, readFunction } from './vocabulary/option-checks.js';
import type { Clock } from './ports/clock.port.js';
import type { WriteBehindQueue } from './ports/write-behind-queue.port.js';
import { show } from './vocabulary/show.js';
import type { Isolation } from './values/value-copier.js';
import { readTypes } from './values/value-type-options.js';
import type { ValueClass, ValueType, ValueTypes } from './vocabulary/value-types.js';
import { readQueue } from './write-behind/write-behind-options.js';

/** The options of a cache that mean the same with every backend. */
export interface ServiceOptions extends LoadOptions {
  /** Tells several caches of one application apart. @default 'default' */
  name?: string;
  /** @default '1h' */
  defaultTtl?: Ttl;
  /** The namespace of calls that name none. @default none */
  defaultNamespace?: string;
  /** Part of every stored key: with another version old entries are never read again. @default none */
  version?: string | number;
  /**
   * Classes whose instances are given back as instances, through every backend. Of a bare class the enumerable fields
   * are stored, and the constructor is not called again. With the memory backend other classes of plain fields need not
   * be listed. @default none
   */
  types?: readonly (ValueClass | ValueType)[];
  /** True to count reads, loads and keys. @default true */
  stats?: boolean;
  /**
   * The time, for tests: `fakeClock()` of `nestjs-cache-kit/testing`. Not with backends that processes share.
   * @default the real time
   */
  clock?: Clock;
  /**
   * True to answer a read that is repeated in one HTTP request, or in one `runInRequest`, from a memory of that
   * request.
   * @default false
   */
  requestScope?: boolean;
  /** The place where the values of `writeBehind` wait. @default this process */
  writeBehind?: WriteBehindQueue;
  /** True to fail the start for each finding of the start-up advisor, which is only logged otherwise. @default false */
  strict?: boolean;
  /** Called for every fault that did not reach a caller. @default Nest's Logger, at most one line a second per kind */
  onError?: (error: CacheError) => void;
}

/** `ServiceOptions`, read once: frozen, with every default filled in and durations in milliseconds. */
export interface ResolvedServiceOptions {
  readonly name: string;
  readonly defaultTtlMs: number;
  readonly defaultNamespace: string | undefined;
  readonly version: string | undefined;
  readonly types: ValueTypes;
  readonly hasStats: boolean;
  readonly hasRequestScope: boolean;
  readonly isStrict: boolean;
  /** Options that are valid and probably a mistake. */
  readonly findings: readonly Finding[];
  /** The protection of callers of one process against changes to each other's values. */
  readonly isolation: Isolation;
  readonly load: LoadPolicy;
  /** `undefined` for the real time. */
  readonly clock: Clock | undefined;
  readonly onError: ((error: CacheError) => void) | undefined;
  /** `undefined` for this process. */
  readonly writeBehind: WriteBehindQueue | undefined;
}

/** The properties of a store that decide defaults of `ServiceOptions`. */
export interface StoreTraits {
  /** True when the store keeps instances of unlisted classes as they are, because values never leave the process. */
  readonly keepsInstances: boolean;
  readonly isolation: Isolation;
  /** The default of `singleFlight`. */
  readonly singleFlight: 'process' | 'cluster';
}

export const DEFAULT_CACHE_NAME = 'default';
const DEFAULT_TTL = '1h';

export const SERVICE_OPTION_NAMES: readonly string[] = [
  'name',
  'defaultTtl',
  'defaultNamespace',
  'version',
  'types',
  'stats',
  'requestScope',
  'clock',
  'writeBehind',
  'strict',
  'onError',
  ...LOAD_OPTION_NAMES,
] satisfies (keyof ServiceOptions)[];

/** @throws CacheConfigError that names the first wrong option */
export function resolveServiceOptions(options: ServiceOptions, store: StoreTraits): ResolvedServiceOptions {
  const { defaultTtl = DEFAULT_TTL } = options;
  return Object.freeze({
    name: readName(options.name, 'name') ?? DEFAULT_CACHE_NAME,
    defaultTtlMs: parseTtl(defaultTtl, 'defaultTtl'),
    defaultNamespace: readName(options.defaultNamespace, 'defaultNamespace'),
    version: readVersion(options.version),
    types: readTypes(options.types, store.keepsInstances),
    hasStats: readBoolean(options.stats, 'stats', true),
    hasRequestScope: readBoolean(options.requestScope, 'requestScope', false),
    isStrict: readBoolean(options.strict, 'strict', false),
    findings: [...findingsIn(options), ...shortDurationsIn(options, 'CacheKitModule.forRoot(): ')],
    isolation: store.isolation,
    load: Object.freeze(readLoadPolicy(options, { ...DEFAULT_LOAD_POLICY, singleFlight: store.singleFlight })),
    clock: readClock(options.clock),
    onError: readFunction<(error: CacheError) => void>(options.onError, 'onError'),
    writeBehind: readQueue(options.writeBehind),
  });
}

const CLOCK_METHODS = ['nowMs', 'coarseNowMs', 'wallMs', 'schedule'] as const satisfies (keyof Clock)[];

function readClock(clock: unknown): Clock | undefined {
  if (clock === undefined) return undefined;
  const given = Object(clock) as Record<string, unknown>;
  const missing = CLOCK_METHODS.find((method) => typeof given[method] !== 'function');
  if (missing === undefined) return clock as Clock;
  throw new CacheConfigError(
    `Expected \`clock\` to be a Clock, got \`${show(clock)}\` without \`${missing}()\`. ` +
      'Write `clock: fakeClock()`, of nestjs-cache-kit/testing, or leave it out for the real time.',
  );
}

function readName(name: unknown, option: string): string | undefined {
  if (name === undefined) return undefined;
  try {
    checkKey(name, 'namespace');
    return name;
  } catch (error) {
    throw new CacheConfigError(
      `Expected \`${option}\` to be a non-empty string of well-formed Unicode, got \`${show(name)}\`.`,
      { cause: error },
    );
  }
}

function readVersion(version: unknown): string | undefined {
  return typeof version === 'number' && Number.isFinite(version) ? String(version) : readName(version, 'version');
}
