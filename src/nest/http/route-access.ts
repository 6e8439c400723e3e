import type { IncomingHttpHeaders } from 'node:http';
import { parseCacheControl } from './cache-control.js';
import type { CachedResponse } from './cached-response.js';
import type { CacheRequest } from './exchange.js';
import { carriesIdentity, scopeKeyOf } from './identity.js';
import { routeKey, type RouteKey } from './route-key.js';
import type { RoutePolicy } from './route-policy.js';

/** What a request may do with the cache. */
export interface RouteAccess extends RouteKey {
  /** Whether a response may answer this request, or be stored for it. */
  accepts(response: CachedResponse): boolean;
  /** Whether this request's answer may be stored. */
  readonly stores: boolean;
  /** Whether one run of the handler may answer several such requests. */
  readonly isShared: boolean;
}

/** The access of a request; `undefined` for one that goes past the cache. */
export function accessOf(policy: RoutePolicy, request: CacheRequest): RouteAccess | undefined {
  if (policy.isBypassed || !isCacheable(request)) return undefined;
  const scope = scopeKeyOf(policy.scope, request);
  if (scope === undefined) return undefined;
  const { key, dropped, url } = routeKey(policy, request, scope);
  // RFC 9111 section 3.5, and the same for cookies: what was made for somebody is everybody's only if it says so.
  if (!policy.isScopeDeclared && carriesIdentity(request)) return { key, dropped, url, accepts: isPublic, stores: true, isShared: false };
  // RFC 9111 section 5.2.1.5 for no-store. A HEAD has no body to be stored.
  const stores = request.method === 'GET' && !forbidsStoring(request.headers);
  return { key, dropped, url, accepts: any, stores, isShared: stores };
}

/** A GET or HEAD that asks for the whole of something and nothing else. */
function isCacheable({ method, headers }: CacheRequest): boolean {
  if (method !== 'GET' && method !== 'HEAD') return false;
  return headers.range === undefined && headers.expect === undefined && !isUpgrade(headers) && !hasBody(headers);
}

function isUpgrade(headers: IncomingHttpHeaders): boolean {
  return headers.upgrade !== undefined;
}

/** The body of a GET is part of the request, whatever it means, and not of the key. */
function hasBody(headers: IncomingHttpHeaders): boolean {
  return headers['transfer-encoding'] !== undefined || (headers['content-length'] ?? '0') !== '0';
}

function forbidsStoring(headers: IncomingHttpHeaders): boolean {
  return headers['cache-control'] !== undefined && parseCacheControl(headers['cache-control']).has('no-store');
}

function isPublic(response: CachedResponse): boolean {
  return response.isPublic;
}

function any(): boolean {
  return true;
}
