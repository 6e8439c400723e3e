import { checkKey } from './vocabulary/cache-key.js';
import { CacheConfigError, type CacheError } from './vocabulary/cache.errors.js';
import type { LoadOptions } from './load/call-options.js';
import { parseTtl, type Ttl } from './vocabulary/duration.js';
import { type Finding, findingsIn, shortDurationsIn } from './vocabulary/finding.js';
import { DEFAULT_LOAD_POLICY, LOAD_OPTION_NAMES, type LoadPolicy, readLoadPolicy } from './load/load-policy.js';
import { checkNames, readBoolean, readCount, readFunction, readOneOf } from './vocabulary/option-checks.js';
import { OTHER_MEMORY_NAMES } from './vocabulary/other-names.js';
import type { CacheAdapter, CacheAdapterFactory } from './ports/cache-adapter.port.js';
import type { Clock } from './ports/clock.port.js';
import {
  type HybridRedisOptions,
  readHybridRedis,
  readRedis,
  type ResolvedHybridRedisOptions,
  type ResolvedRedisOptions,
} from './redis-options.js';
import type { ResolvedCompression } from './values/sealing/sealing-compression.js';
import type { ResolvedEncryption } from './values/sealing/sealing-encryption.js';
import {
  type CompressionOptions,
  type EncryptionOptions,
  readCompression,
  readEncryption,
} from './values/sealing/sealing-options.js';
import { show } from './vocabulary/show.js';
import type { Isolation } from './values/value-copier.js';
import { readTypes } from './values/value-type-options.js';
import type { ValueClass, ValueType, ValueTypes } from './vocabulary/value-types.js';

/** What a cache can be told, apart from what concerns Nest. All defaults are in `DEFAULTS` below. */
export interface CacheOptions extends LoadOptions {
  /** Tells several caches of one application apart. @default 'default' */
  name?: string;
  /** Where entries live. @default 'memory' */
  backend?: Backend;
  /** An adapter of your own, or a function that makes one; excludes `backend` and what belongs to one. */
  adapter?: CacheAdapter | CacheAdapterFactory;
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
  /** Whether reads, loads and keys are counted. @default true */
  stats?: boolean;
  /** Of the memory backend, and of the near tier of hybrid. */
  memory?: MemoryOptions;
  /** Of the redis and hybrid backends, which need it; `coherence` and `maxStaleness` of hybrid alone. */
  redis?: HybridRedisOptions;
  /** Of values in Redis. @default none */
  compression?: CompressionOptions;
  /** Of values in Redis. @default none */
  encryption?: EncryptionOptions;
  /**
   * The time, for tests: `fakeClock()` of `nestjs-cache-kit/testing`. Not with a backend that has a server.
   * @default the real time
   */
  clock?: Clock;
  /** Whether what the start-up advisor finds fails the start instead of being logged. @default false */
  strict?: boolean;
  /** Called for every fault that did not reach a caller. @default Nest's Logger, at most one line a second per kind */
  onError?: (error: CacheError) => void;
}

export type Backend = (typeof BACKENDS)[number];

export interface MemoryOptions {
  /** @default 1000 */
  maxEntries?: number;
  /** An estimate of the heap that keys and values take, see docs/values.md. @default 67108864 (64 MiB) */
  maxBytes?: number;
  /**
   * What to drop when full: `adaptive` keeps what is used often through scans, `lru` what was used last.
   * @default 'adaptive'
   */
  policy?: 'adaptive' | 'lru';
  /**
   * How callers are kept from changing each other's values: a copy each, one frozen value, or not at all.
   * @default 'clone'
   */
  isolation?: Isolation;
}

/** `CacheOptions`, said once and read once: durations in milliseconds, everything filled in, frozen. */
export interface ResolvedCacheOptions {
  readonly name: string;
  readonly store: ResolvedStore;
  readonly defaultTtlMs: number;
  readonly defaultNamespace: string | undefined;
  readonly version: string | undefined;
  readonly types: ValueTypes;
  readonly hasStats: boolean;
  readonly isStrict: boolean;
  /** What is probably not meant as it is written. */
  readonly findings: readonly Finding[];
  /** How callers of one process are kept from changing each other's values. */
  readonly isolation: Isolation;
  readonly load: LoadPolicy;
  /** `undefined` for the real time. */
  readonly clock: Clock | undefined;
  readonly onError: ((error: CacheError) => void) | undefined;
}

/** Where entries live, and all that has to be known to open it. */
export type ResolvedStore =
  | { readonly kind: 'adapter'; readonly adapter: CacheAdapter | CacheAdapterFactory }
  | { readonly kind: 'memory'; readonly memory: Readonly<Required<MemoryOptions>> }
  | (SealedStore & { readonly kind: 'redis'; readonly redis: ResolvedRedisOptions })
  | (SealedStore & {
      readonly kind: 'hybrid';
      readonly redis: ResolvedHybridRedisOptions;
      readonly memory: Readonly<Required<MemoryOptions>>;
    });

/** How values look in a store outside of the process. */
interface SealedStore {
  readonly compression: ResolvedCompression | undefined;
  readonly encryption: ResolvedEncryption | undefined;
}

export const DEFAULT_CACHE_NAME = 'default';
const DEFAULTS = {
  ttl: '1h',
  memory: { maxEntries: 1000, maxBytes: 64 * 1024 * 1024, policy: 'adaptive', isolation: 'clone' },
} as const;

export const CACHE_OPTION_NAMES: readonly string[] = [
  'name',
  'backend',
  'adapter',
  'defaultTtl',
  'defaultNamespace',
  'version',
  'types',
  'stats',
  'memory',
  'redis',
  'compression',
  'encryption',
  'clock',
  'strict',
  'onError',
  ...LOAD_OPTION_NAMES,
] satisfies (keyof CacheOptions)[];

/** @throws CacheConfigError naming the first option that is unknown, unreadable or contradicts another */
export function resolveCacheOptions(options: CacheOptions): ResolvedCacheOptions {
  const store = Object.freeze(readStore(options));
  return Object.freeze({
    name: readName(options.name, 'name') ?? DEFAULT_CACHE_NAME,
    store,
    defaultTtlMs: readDefaultTtl(options),
    defaultNamespace: readName(options.defaultNamespace, 'defaultNamespace'),
    version: readVersion(options.version),
    types: readTypes(options.types, store.kind === 'memory'),
    hasStats: readBoolean(options.stats, 'stats', true),
    isStrict: readBoolean(options.strict, 'strict', false),
    findings: [...findingsIn(options), ...shortDurationsIn(options, 'CacheKitModule.forRoot(): ')],
    isolation: 'memory' in store ? store.memory.isolation : 'clone',
    load: Object.freeze(
      readLoadPolicy(options, { ...DEFAULT_LOAD_POLICY, singleFlight: 'redis' in store ? 'cluster' : 'process' }),
    ),
    clock: readClock(options.clock, store),
    onError: readFunction<(error: CacheError) => void>(options.onError, 'onError'),
  });
}

const CLOCK_METHODS = ['nowMs', 'coarseNowMs', 'wallMs', 'schedule'] as const satisfies (keyof Clock)[];

function readClock(clock: unknown, store: ResolvedStore): Clock | undefined {
  if (clock === undefined) return undefined;
  const given = Object(clock) as Record<string, unknown>;
  const missing = CLOCK_METHODS.find((method) => typeof given[method] !== 'function');
  if (missing !== undefined) {
    throw new CacheConfigError(
      `Expected \`clock\` to be a Clock, got \`${show(clock)}\` without \`${missing}()\`. Write \`clock: fakeClock()\`, of nestjs-cache-kit/testing, or leave it out for the real time.`,
    );
  }
  // A server goes by its own time, and its answers would be late, or never, on a clock that stands still.
  if ('redis' in store)
    throw new CacheConfigError(
      `Expected \`clock\` with \`backend: 'memory'\` or an \`adapter\`, got it with '${store.kind}', whose server keeps its own time. In tests use \`CacheKitTestingModule\` of nestjs-cache-kit/testing, or leave out \`clock\`.`,
    );
  return clock as Clock;
}

function readDefaultTtl({ defaultTtl = DEFAULTS.ttl }: CacheOptions): number {
  return parseTtl(defaultTtl, 'defaultTtl');
}

const BACKENDS = ['memory', 'redis', 'hybrid'] as const;

/** Which backends make use of an option that belongs to some: one that would be read and ignored is refused. */
const BACKENDS_WITH = {
  memory: ['memory', 'hybrid'],
  redis: ['redis', 'hybrid'],
  compression: ['redis', 'hybrid'],
  encryption: ['redis', 'hybrid'],
} as const satisfies Partial<Record<keyof CacheOptions, readonly Backend[]>>;

function readStore(options: CacheOptions): ResolvedStore {
  const { adapter } = options;
  const backend = readBackend(options.backend);
  if (adapter !== undefined) {
    const other = (['backend', ...Object.keys(BACKENDS_WITH)] as (keyof CacheOptions)[]).find(
      (option) => options[option] !== undefined,
    );
    if (other !== undefined)
      throw new CacheConfigError(
        `Expected either \`adapter\` or \`${other}\`, got both. Leave out \`${other}\` to use your own adapter.`,
      );
    if (typeof adapter === 'function') return { kind: 'adapter', adapter };
    const made = checkAdapter(adapter);
    if (options.types !== undefined) {
      throw new CacheConfigError(
        'Expected `types` beside an `adapter` that is a function, got an adapter that is made already and does not know them. Write `adapter: (context) => ...`, and give `context.types` to `createEntryCodec`.',
      );
    }
    return { kind: 'adapter', adapter: made };
  }
  for (const [option, backends] of Object.entries(BACKENDS_WITH)) {
    if (options[option as keyof CacheOptions] === undefined || (backends as readonly Backend[]).includes(backend))
      continue;
    const wanted = backends.map((name) => `\`backend: '${name}'\``).join(' or ');
    throw new CacheConfigError(
      `Expected \`${option}\` with ${wanted}, got it with '${backend}'. Set the backend, or leave out \`${option}\`.`,
    );
  }
  if (backend === 'memory') return { kind: 'memory', memory: Object.freeze(readMemory(options.memory)) };
  const sealed = { compression: readCompression(options.compression), encryption: readEncryption(options.encryption) };
  if (backend === 'redis') return { kind: 'redis', redis: readRedis(options.redis), ...sealed };
  return {
    kind: 'hybrid',
    redis: readHybridRedis(options.redis),
    memory: Object.freeze(readMemory(options.memory)),
    ...sealed,
  };
}

/** @throws CacheConfigError when it is none */
export function readBackend(backend: unknown): Backend {
  return readOneOf(backend, BACKENDS, 'backend') ?? 'memory';
}

/** @throws CacheConfigError when it is none */
export function checkAdapter(adapter: unknown): CacheAdapter {
  if (typeof (adapter as Partial<CacheAdapter> | null | undefined)?.begin === 'function')
    return adapter as CacheAdapter;
  throw new CacheConfigError(
    `Expected \`adapter\` to be a CacheAdapter or a function that makes one, got \`${show(adapter)}\`.`,
  );
}

export function readMemory(memory: MemoryOptions = {}): Required<MemoryOptions> {
  checkNames(memory, Object.keys(DEFAULTS.memory), 'memory.', OTHER_MEMORY_NAMES);
  return {
    maxEntries: readCount(memory.maxEntries, 'memory.maxEntries', DEFAULTS.memory.maxEntries),
    maxBytes: readCount(memory.maxBytes, 'memory.maxBytes', DEFAULTS.memory.maxBytes),
    policy: readOneOf(memory.policy, ['adaptive', 'lru'], 'memory.policy') ?? DEFAULTS.memory.policy,
    isolation:
      readOneOf(memory.isolation, ['clone', 'freeze', 'none'], 'memory.isolation') ?? DEFAULTS.memory.isolation,
  };
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
