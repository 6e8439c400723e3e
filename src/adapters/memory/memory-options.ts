import type { Isolation } from '../../core/values/value-copier.js';
import { checkNames, type OtherNames, readCount, readOneOf } from '../../core/vocabulary/option-checks.js';

export interface MemoryOptions {
  /** @default 1000 */
  maxEntries?: number;
  /** An estimate of the heap that keys and values take, see docs/values.md. @default 67108864 (64 MiB) */
  maxBytes?: number;
  /**
   * The entries to drop first when the cache is full: `lru` drops the least recently used; `adaptive` also keeps
   * entries that are used often when a scan reads many others once.
   * @default 'adaptive'
   */
  policy?: 'adaptive' | 'lru';
  /**
   * The protection of callers against changes to each other's values: a copy for each caller, one frozen value for
   * all, or none.
   * @default 'clone'
   */
  isolation?: Isolation;
}

/** `MemoryOptions`, read once: frozen, with every default filled in. */
export type ResolvedMemoryOptions = Readonly<Required<MemoryOptions>>;

const DEFAULTS: ResolvedMemoryOptions = {
  maxEntries: 1000,
  maxBytes: 64 * 1024 * 1024,
  policy: 'adaptive',
  isolation: 'clone',
};

/** Names of these options in other libraries or at another level. */
const OTHER_NAMES: OtherNames = {
  ttl: '`defaultTtl` beside `memory`',
  defaultTtl: '`defaultTtl` beside `memory`',
  max: '`memory.maxEntries`',
  maxSize: '`memory.maxBytes`, or `memory.maxEntries` for a number of entries,',
  lruSize: '`memory.maxEntries`',
  useClones: "`memory.isolation: 'clone'` or `'none'`",
};

/** @throws CacheConfigError that names the first wrong option */
export function readMemory(memory: MemoryOptions = {}): ResolvedMemoryOptions {
  checkNames(memory, Object.keys(DEFAULTS), 'memory.', OTHER_NAMES);
  return Object.freeze({
    maxEntries: readCount(memory.maxEntries, 'memory.maxEntries', DEFAULTS.maxEntries),
    maxBytes: readCount(memory.maxBytes, 'memory.maxBytes', DEFAULTS.maxBytes),
    policy: readOneOf(memory.policy, ['adaptive', 'lru'], 'memory.policy') ?? DEFAULTS.policy,
    isolation: readOneOf(memory.isolation, ['clone', 'freeze', 'none'], 'memory.isolation') ?? DEFAULTS.isolation,
  });
}
