import type { IncomingHttpHeaders } from 'node:http';
import { parseCacheControl } from '../message/cache-control.js';
import type { ForwardReason } from '../message/cache-status.js';
import type { CachedResponse, Sharing } from '../response/cached-response.js';
import type { CacheRequest } from '../exchange/exchange.js';
import { identityOf, type RequestIdentity, scopeKeyOf } from './identity.js';
import { NO_DIRECTIVES, type RequestDirectives, requestDirectives } from '../message/request-directives.js';
import { hostOf } from '../exchange/host-name.js';
import { routeKey, type RouteKey } from './route-key.js';
import type { RoutePolicy } from './route-policy.js';

/** The rights of one request in the cache, and its key. */
export interface RouteAccess extends RouteKey {
  readonly identity: RequestIdentity;
  /** Result of `scopeKeyOf`. */
  readonly scope: string;
  readonly directives: RequestDirectives;
  /** True when the response to this request may be stored. */
  readonly stores: boolean;
  /** True when one run of the handler may answer several such requests. */
  readonly isShared: boolean;
  /** True for a response that may answer this request, or be stored for it. */
  accepts(response: CachedResponse): boolean;
}

/** The reason why a request bypasses the cache. */
export interface Bypass {
  readonly forward: ForwardReason;
  readonly detail: string;
}

/** The access of a request, or the reason why it has none. */
export function accessOf(policy: RoutePolicy, request: CacheRequest): RouteAccess | Bypass {
  const bypass = bypassOf(policy, request);
  if (bypass !== undefined) return bypass;
  const scope = scopeKeyOf(policy.scope, request);
  if (scope === undefined) return { forward: 'bypass', detail: 'no-principal' };
  const { key, dropped, url } = routeKey(policy, request, scope);
  const identity = policy.isScopeDeclared ? 'none' : identityOf(request, policy.identitySigns);
  // RFC 9111 section 5.2.1.5 for `no-store`. The response to a HEAD has no body to store.
  const stores = request.method === 'GET' && !forbidsStoring(request.headers);
  const directives = policy.honoursRequestDirectives ? requestDirectives(request.headers) : NO_DIRECTIVES;
  return {
    key,
    dropped,
    url,
    identity,
    scope,
    directives,
    stores,
    isShared: stores && identity === 'none',
    accepts: ACCEPTS[identity],
  };
}

/**
 * RFC 9111 section 3.5, and a similar rule for other identities: a response is shared only if it allows that itself.
 */
const ACCEPTS: Readonly<Record<RequestIdentity, RouteAccess['accepts']>> = {
  none: () => true,
  authorization: ({ sharing }) => sharing !== ('unidentified' satisfies Sharing),
  user: ({ sharing }) => sharing === ('anybody' satisfies Sharing),
};

/**
 * The access of a request after its handler has run; the same object if nothing has changed. An interceptor inside, a
 * pipe or the handler may have identified the user. An identity from before the run stays.
 */
export function accessAfterRun(access: RouteAccess, policy: RoutePolicy, request: CacheRequest): RouteAccess {
  try {
    if (policy.isScopeDeclared)
      return scopeKeyOf(policy.scope, request) === access.scope ? access : { ...access, accepts: noResponse };
    const identity = identityOf(request, policy.identitySigns);
    if (identity === access.identity || identity === 'none' || access.identity === 'user') return access;
    return { ...access, identity, accepts: ACCEPTS[identity] };
  } catch {
    return { ...access, accepts: noResponse };
  }
}

function noResponse(): boolean {
  return false;
}

/** Only a plain GET or HEAD uses the cache. */
function bypassOf(policy: RoutePolicy, request: CacheRequest): Bypass | undefined {
  const { method, headers } = request;
  if (method !== 'GET' && method !== 'HEAD') return { forward: 'method', detail: 'method' };
  if (policy.bypass !== undefined) return { forward: 'bypass', detail: policy.bypass };
  if (headers.expect !== undefined || headers.upgrade !== undefined || hasBody(headers))
    return { forward: 'request', detail: 'more-than-a-get' };
  // This cache is part of the origin server, where the handler compares the current state with that of the client (RFC
  // 9110 section 13.1).
  if (headers['if-match'] !== undefined || headers['if-unmodified-since'] !== undefined)
    return { forward: 'request', detail: 'precondition' };
  return policy.hosts?.includes(hostOf(request)) === false ? { forward: 'bypass', detail: 'unknown-host' } : undefined;
}

/** A GET with a body is not cached, because the body is not part of the key. */
function hasBody(headers: IncomingHttpHeaders): boolean {
  return headers['transfer-encoding'] !== undefined || (headers['content-length'] ?? '0') !== '0';
}

function forbidsStoring(headers: IncomingHttpHeaders): boolean {
  return headers['cache-control'] !== undefined && parseCacheControl(headers['cache-control']).has('no-store');
}
