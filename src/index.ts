export { CacheKitModule } from './cache-kit.module.js';
export type {
  CacheKitAsyncOptions,
  CacheKitFactoryOptions,
  CacheKitFeatureOptions,
  CacheKitOptionsFactory,
} from './cache-kit.module.js';
export type { CacheKitOptions, CacheOptions } from './cache-kit.options.js';
export { createCache } from './create-cache.js';

export { CacheService } from './core/cache.service.js';
export { NamespacedCache } from './core/namespaced-cache.js';
export type { NamespaceDefaults } from './core/namespaced-cache.js';
export type { CacheOperations, EntryPage, ListOptions } from './core/cache-operations.js';
export type {
  Backend,
  CoherenceMode,
  FileOptions,
  HybridRedisOptions,
  MemoryOptions,
  RedisAddress,
  RedisClient,
  RedisOptions,
} from './store.options.js';
export type { CompressionAlgorithm } from './core/values/sealing/sealing-compression.js';
export type { CompressionOptions, EncryptionKey, EncryptionOptions } from './core/values/sealing/sealing-options.js';
export type { CacheEntry, LoadOutcome } from './core/ports/cache-entry.js';
export { createEntryCodec, decodeEntry, decodeValue, encodeEntry, encodeValue } from './core/values/codec.js';
export type { ValueClass, ValueType, ValueTypes } from './core/vocabulary/value-types.js';
export type { EntryCodec, EntryHeader, Envelope, EnvelopeId, OpenEnvelope } from './core/values/codec.js';
export type { CacheEvent, InvalidationSubject } from './core/observation/cache-events.js';
export type { CacheExplanation } from './core/observation/cache-explanation.js';
export type { ClusterStats, ProcessStats } from './core/cluster/cluster-stats.js';
export type { BoardReport, BoardView, ProcessBoard } from './core/ports/process-board.port.js';
export type { CacheStats } from './core/observation/cache-stats.js';
export type {
  Factory,
  GetOrSetOptions,
  InvalidateOptions,
  InvalidatePatternOptions,
  InvalidateTagsOptions,
  LoadContext,
  LoadOptions,
  ManyFactory,
  NamespaceOption,
  SetOptions,
  StandardSchema,
  ValueValidator,
  WriteThroughOptions,
} from './core/load/call-options.js';
export type { WriteBehindOptions } from './core/write-behind/write-behind-options.js';
export type { Duration, Ttl } from './core/vocabulary/duration.js';
export type { WarmOptions, WarmProgress, WarmReport } from './core/warm.js';
export {
  CacheConfigError,
  CacheError,
  CacheKeyError,
  CacheSerializationError,
  CacheTimeoutError,
  CacheUnavailableError,
} from './core/vocabulary/cache.errors.js';
export type { CacheErrorCode } from './core/vocabulary/cache.errors.js';
export { compileGlob, escapeGlob } from './core/vocabulary/glob.js';

export type {
  AdapterUsage,
  Awaitable,
  CacheAdapter,
  CacheAdapterContext,
  CacheAdapterFactory,
  CoherenceUsage,
  EntryDraft,
  InvalidationTarget,
  LoadGrant,
  LoadRequest,
  LoadTicket,
  ScanPage,
  ScanQuery,
  StoredEntry,
  TierEntry,
  TierUsage,
} from './core/ports/cache-adapter.port.js';
export type { Finding } from './core/vocabulary/finding.js';
export type { Clock, Timer } from './core/ports/clock.port.js';
export type {
  FailedWrite,
  LeftWrites,
  PendingWrite,
  PendingWrites,
  WriteBehindContext,
  WriteBehindHost,
  WriteBehindQueue,
  WriteCodec,
  WrittenValue,
} from './core/ports/write-behind-queue.port.js';

export { invalidateTables } from './integrations/queries/table-tags.js';

export {
  getCacheNamespaceToken,
  getCacheToken,
  InjectCache,
  InjectCacheNamespace,
} from './nest/inject-cache.decorator.js';
export type { AdminOptions } from './nest/admin/admin-options.js';

export { Cached } from './nest/decorators/cached.decorator.js';
export type { CachedDecorator, CachedOptions } from './nest/decorators/cached.decorator.js';
export { CachedMany } from './nest/decorators/cached-many.decorator.js';
export type { CachedManyDecorator, CachedManyOptions } from './nest/decorators/cached-many.decorator.js';
export type { AnswerShape } from './nest/decorators/answer-shape.js';
export { CacheInvalidate } from './nest/decorators/cache-invalidate.decorator.js';
export type { CacheInvalidateDecorator, CacheInvalidateOptions } from './nest/decorators/cache-invalidate.decorator.js';
export { cachedKey } from './nest/decorators/cached-key.js';
export type { ClassOf } from './nest/decorators/cached-key.js';
export type { MethodTarget } from './nest/decorators/method-target.js';
export { CachePut } from './nest/decorators/cache-put.decorator.js';
export type { CachePutDecorator, CachePutOptions } from './nest/decorators/cache-put.decorator.js';

export { CacheInterceptor } from './nest/http/cache.interceptor.js';
export { CacheRoute, NoCache } from './nest/http/route/cache-route.decorator.js';
export type { CacheRouteOptions } from './nest/http/route/cache-route.decorator.js';
export type { HttpCacheOptions } from './nest/http/route/http-cache-options.js';
export { urlTag } from './nest/http/response/response-tags.js';
