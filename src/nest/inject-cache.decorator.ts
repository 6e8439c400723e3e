import { Inject, type InjectionToken } from '@nestjs/common';
import { DEFAULT_CACHE_NAME } from '../core/service-options.js';
import { CacheService } from '../core/cache.service.js';
import type { NamespacedCache } from '../core/namespaced-cache.js';

// Tokens read as sentences, because Nest prints them when it cannot resolve them, and are the same in all copies of the
// kit.

/** The injection token of a cache: `CacheService` itself for the default one. */
export function getCacheToken(name = DEFAULT_CACHE_NAME): InjectionToken<CacheService> {
  return name === DEFAULT_CACHE_NAME
    ? CacheService
    : Symbol.for(`the cache of CacheKitModule.forRoot({ name: '${name}' })`);
}

/** The injection token of a namespace made by `CacheKitModule.forFeature`. */
export function getCacheNamespaceToken(namespace: string, cache = DEFAULT_CACHE_NAME): InjectionToken<NamespacedCache> {
  return Symbol.for(`the namespace of CacheKitModule.forFeature({ namespace: '${namespace}', cache: '${cache}' })`);
}

/** Injects the cache of that name: `constructor(@InjectCache('sessions') private readonly sessions: CacheService)`. */
export function InjectCache(name?: string): PropertyDecorator & ParameterDecorator {
  return Inject(getCacheToken(name));
}

/**
 * Injects the `NamespacedCache` of `CacheKitModule.forFeature({ namespace })`.
 * @param cache the name of the cache, default 'default'
 */
export function InjectCacheNamespace(namespace: string, cache?: string): PropertyDecorator & ParameterDecorator {
  return Inject(getCacheNamespaceToken(namespace, cache));
}
