import { Inject, type InjectionToken } from '@nestjs/common';
import { DEFAULT_CACHE_NAME } from '../core/service-options.js';
import { CacheService } from '../core/cache.service.js';
import type { NamespacedCache } from '../core/namespaced-cache.js';

// Tokens read as sentences, because Nest prints a token that it cannot resolve. They are the same in all copies of the
// kit.

/** Returns the injection token of a cache: `CacheService` itself for the default cache. */
export function getCacheToken(name = DEFAULT_CACHE_NAME): InjectionToken<CacheService> {
  return name === DEFAULT_CACHE_NAME
    ? CacheService
    : Symbol.for(`the cache of CacheKitModule.forRoot({ name: '${name}' })`);
}

/** Returns the injection token of a namespace that `CacheKitModule.forFeature` provides. */
export function getCacheNamespaceToken(namespace: string, cache = DEFAULT_CACHE_NAME): InjectionToken<NamespacedCache> {
  return Symbol.for(`the namespace of CacheKitModule.forFeature({ namespace: '${namespace}', cache: '${cache}' })`);
}

/**
 * Injects the cache with that name: `constructor(@InjectCache('sessions') private readonly sessions: CacheService)`.
 */
export function InjectCache(name?: string): PropertyDecorator & ParameterDecorator {
  return Inject(getCacheToken(name));
}

/**
 * Injects the `NamespacedCache` of `CacheKitModule.forFeature({ namespace })`.
 * @param cache name of the cache; 'default' when it is left out
 */
export function InjectCacheNamespace(namespace: string, cache?: string): PropertyDecorator & ParameterDecorator {
  return Inject(getCacheNamespaceToken(namespace, cache));
}
