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

/** What a request may do with the cache. */
export interface RouteAccess extends RouteKey {
  readonly identity: RequestIdentity;
  /** What `scopeKeyOf` has answered. */
  readonly scope: string;
  readonly directives: RequestDirectives;
  /** Whether this request's answer may be stored. */
  readonly stores: boolean;
  /** Whether one run of the handler may answer several such requests. */
  readonly isShared: boolean;
  /** Whether a response may answer this request, or be stored for it. */
  accepts(response: CachedResponse): boolean;
}

/** Why a request goes past the cache. */
export interface Bypass {
  readonly forward: ForwardReason;
  readonly detail: string;
}

/** The access of a request, or why it has none. */
export function accessOf(policy: RoutePolicy, request: CacheRequest): RouteAccess | Bypass {
  const bypass = bypassOf(policy, request);
  if (bypass !== undefined) return bypass;
  const scope = scopeKeyOf(policy.scope, request);
  if (scope === undefined) return { forward: 'bypass', detail: 'no-principal' };
  const { key, dropped, url } = routeKey(policy, request, scope);
  const identity = policy.isScopeDeclared ? 'none' : identityOf(request, policy.identitySigns);
  // RFC 9111 section 5.2.1.5 for no-store. A HEAD has no body to be stored.
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
 * RFC 9111 section 3.5, and for who is known by more than `Authorization`: what was made for somebody is everybody's
 * only if it says so.
 */
const ACCEPTS: Readonly<Record<RequestIdentity, RouteAccess['accepts']>> = {
  none: () => true,
  authorization: ({ sharing }) => sharing !== ('unidentified' satisfies Sharing),
  user: ({ sharing }) => sharing === ('anybody' satisfies Sharing),
};

/**
 * The access of a request whose handler has run, the same object unless it has changed: an interceptor inside, a pipe
 * or the handler may have found out who asks. Who was known before stays known.
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

/** The cache answers a GET or HEAD that asks for something and nothing else. */
function bypassOf(policy: RoutePolicy, request: CacheRequest): Bypass | undefined {
  const { method, headers } = request;
  if (method !== 'GET' && method !== 'HEAD') return { forward: 'method', detail: 'method' };
  if (policy.bypass !== undefined) return { forward: 'bypass', detail: policy.bypass };
  if (headers.expect !== undefined || headers.upgrade !== undefined || hasBody(headers))
    return { forward: 'request', detail: 'more-than-a-get' };
  // This cache stands at the origin: whether the state is the one that the client knows is for the handler to say (RFC
  // 9110 section 13.1).
  if (headers['if-match'] !== undefined || headers['if-unmodified-since'] !== undefined)
    return { forward: 'request', detail: 'precondition' };
  return policy.hosts?.includes(hostOf(request)) === false ? { forward: 'bypass', detail: 'unknown-host' } : undefined;
}

/** The body of a GET is part of the request, whatever it means, and not of the key. */
function hasBody(headers: IncomingHttpHeaders): boolean {
  return headers['transfer-encoding'] !== undefined || (headers['content-length'] ?? '0') !== '0';
}

function forbidsStoring(headers: IncomingHttpHeaders): boolean {
  return headers['cache-control'] !== undefined && parseCacheControl(headers['cache-control']).has('no-store');
}
