import { type FileOptions, readFileOptions, type ResolvedFileOptions } from './adapters/file/file-options.js';
import { type MemoryOptions, readMemory, type ResolvedMemoryOptions } from './adapters/memory/memory-options.js';
import {
  type HybridRedisOptions,
  readHybridRedis,
  readRedis,
  type ResolvedHybridRedisOptions,
  type ResolvedRedisOptions,
} from './adapters/redis/options/redis-options.js';
import type { CacheAdapter, CacheAdapterFactory } from './core/ports/cache-adapter.port.js';
import type { StoreTraits } from './core/service-options.js';
import { readSealing, type ResolvedSealing, type SealingOptions } from './core/values/sealing/sealing-options.js';
import { CacheConfigError } from './core/vocabulary/cache.errors.js';
import { expected, readOneOf } from './core/vocabulary/option-checks.js';

/** The options that say where entries are stored. `compression` and `encryption` are for Redis and files. */
export interface StoreOptions extends SealingOptions {
  /** The place where entries are stored. @default 'memory' */
  backend?: Backend;
  /** An adapter of your own, or a function that makes one; excludes `backend` and the options of a backend. */
  adapter?: CacheAdapter | CacheAdapterFactory;
  /** Options of the memory backend, and of the near tier of hybrid. */
  memory?: MemoryOptions;
  /** Options of the redis and hybrid backends, which need it; `coherence` and `maxStaleness` are for hybrid alone. */
  redis?: HybridRedisOptions;
  /** Options of the file backend. */
  file?: FileOptions;
}

export type Backend = (typeof BACKENDS)[number];

/** `StoreOptions`, read once: everything that is needed to open the adapter. */
export type ResolvedStore =
  | { readonly kind: 'adapter'; readonly adapter: CacheAdapter | CacheAdapterFactory }
  | { readonly kind: 'memory'; readonly memory: ResolvedMemoryOptions }
  | (ResolvedSealing & { readonly kind: 'file'; readonly file: ResolvedFileOptions })
  | (ResolvedSealing & { readonly kind: 'redis'; readonly redis: ResolvedRedisOptions })
  | (ResolvedSealing & {
      readonly kind: 'hybrid';
      readonly redis: ResolvedHybridRedisOptions;
      readonly memory: ResolvedMemoryOptions;
    });

const BACKENDS = ['memory', 'redis', 'hybrid', 'file'] as const;

/** The backends that use an option. With another backend the option would have no effect, so it is refused. */
const BACKENDS_WITH = {
  memory: ['memory', 'hybrid'],
  redis: ['redis', 'hybrid'],
  file: ['file'],
  compression: ['redis', 'hybrid', 'file'],
  encryption: ['redis', 'hybrid', 'file'],
} as const satisfies Partial<Record<keyof StoreOptions, readonly Backend[]>>;

export const STORE_OPTION_NAMES: readonly string[] = [
  'backend',
  'adapter',
  'memory',
  'redis',
  'file',
  'compression',
  'encryption',
] satisfies (keyof StoreOptions)[];

/** @throws CacheConfigError that names the first option that is wrong, or contradicts another */
export function resolveStore(options: StoreOptions): ResolvedStore {
  return Object.freeze(options.adapter === undefined ? readBackendStore(options) : readOwnAdapter(options));
}

/** The traits that decide defaults of the other options. */
export function traitsOf(store: ResolvedStore): StoreTraits {
  return {
    keepsInstances: store.kind === 'memory',
    isolation: 'memory' in store ? store.memory.isolation : 'clone',
    singleFlight: 'redis' in store || 'file' in store ? 'cluster' : 'process',
  };
}

/** @throws CacheConfigError when it is not a backend */
export function readBackend(backend: unknown): Backend {
  return readOneOf(backend, BACKENDS, 'backend') ?? 'memory';
}

/** @throws CacheConfigError when it is not an adapter */
export function checkAdapter(adapter: unknown): CacheAdapter {
  if (typeof (adapter as Partial<CacheAdapter> | null | undefined)?.begin === 'function')
    return adapter as CacheAdapter;
  throw expected('adapter', 'a CacheAdapter or a function that makes one', adapter);
}

function readOwnAdapter({ adapter, ...others }: StoreOptions): ResolvedStore {
  readBackend(others.backend);
  const other = (['backend', ...Object.keys(BACKENDS_WITH)] as (keyof typeof others)[]).find(
    (option) => others[option] !== undefined,
  );
  if (other !== undefined)
    throw new CacheConfigError(
      `Expected either \`adapter\` or \`${other}\`, got both. Leave out \`${other}\` to use your own adapter.`,
    );
  return { kind: 'adapter', adapter: typeof adapter === 'function' ? adapter : checkAdapter(adapter) };
}

function readBackendStore(options: StoreOptions): ResolvedStore {
  const backend = readBackend(options.backend);
  checkOptionsOf(backend, options);
  if (backend === 'memory') return { kind: 'memory', memory: readMemory(options.memory) };
  const sealing = readSealing(options);
  if (backend === 'file') return { kind: 'file', file: readFileOptions(options.file), ...sealing };
  if (backend === 'redis') return { kind: 'redis', redis: readRedis(options.redis), ...sealing };
  return { kind: 'hybrid', redis: readHybridRedis(options.redis), memory: readMemory(options.memory), ...sealing };
}

/** @throws CacheConfigError for an option that `backend` does not use */
function checkOptionsOf(backend: Backend, options: StoreOptions): void {
  for (const [option, backends] of Object.entries(BACKENDS_WITH)) {
    if (options[option as keyof StoreOptions] === undefined || (backends as readonly Backend[]).includes(backend))
      continue;
    const wanted = backends.map((name) => `\`backend: '${name}'\``).join(' or ');
    throw new CacheConfigError(
      `Expected \`${option}\` with ${wanted}, got it with '${backend}'. Set the backend, or leave out \`${option}\`.`,
    );
  }
}

export type { FileOptions } from './adapters/file/file-options.js';
export type { MemoryOptions } from './adapters/memory/memory-options.js';
export type {
  CoherenceMode,
  HybridRedisOptions,
  RedisAddress,
  RedisClient,
  RedisOptions,
} from './adapters/redis/options/redis-options.js';
