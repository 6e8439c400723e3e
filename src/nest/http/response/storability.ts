import { type Directives, type ResponseDirectives, responseDirectives, secondsOf } from '../message/cache-control.js';
import type { Sharing } from './cached-response.js';
import { isEncoded } from '../message/content-coding.js';
import type { HeaderMap } from '../exchange/exchange.js';
import { declaredLifetimeMs, initialAgeMs } from '../message/freshness.js';
import type { VaryHeader } from './vary-marker.js';
import { hasChanged, listOf } from './response-headers.js';
import { areStorable } from './response-tags.js';

/** A response that is about to be sent, with its headers before and after the handler. */
export interface HandlerResponse {
  readonly status: number;
  /** Headers before the handler. */
  readonly before: HeaderMap;
  /** Headers after the handler and the interceptors inside the cache. */
  readonly own: HeaderMap;
  /** Headers that are sent. */
  readonly headers: HeaderMap;
  /** True when the handler or an interceptor inside has set a cookie. */
  readonly hasOwnCookie: boolean;
  readonly body: Buffer;
  /** `undefined` when the route's function has failed. */
  readonly tags: readonly unknown[] | undefined;
  readonly isThrown: boolean;
  /** True when the handler has set an `ETag` or `Last-Modified`, and can confirm it. */
  readonly hasOwnValidator: boolean;
  /** True when the body is as long as `Content-Length` says. */
  readonly isComplete: boolean;
}

/** The part of a route's policy that decides whether its responses are stored. */
export interface StorageRules {
  readonly ttlMs: number;
  readonly statusTtlsMs: ReadonlyMap<number, number>;
  readonly scope: unknown;
  readonly varyBy: readonly VaryHeader[];
  readonly maxBodyBytes: number;
  readonly headerNames: readonly string[];
  readonly staleWhileRevalidateMs: number;
  readonly staleIfErrorMs: number;
}

/** The reason why a response is not stored. */
export type Refusal =
  | 'status'
  | 'no-store'
  | 'no-cache'
  | 'private'
  | 'set-cookie'
  | 'vary'
  | 'too-large'
  | 'incomplete'
  | 'tags'
  | 'not-fresh'
  | 'own-request';

/** The fields of a stored response that its headers decide about. */
export interface Verdict {
  readonly freshMs: number;
  readonly initialAgeMs: number;
  /** True when the response itself declares its freshness. */
  readonly isDeclared: boolean;
  readonly vary: readonly string[];
  readonly sharing: Sharing;
  readonly mayBeStale: boolean;
  readonly staleWhileRevalidateMs: number;
  readonly staleIfErrorMs: number;
}

export type Judgement = { readonly refusal: Refusal } | Verdict;

/** Statuses that the TTL of the route is for. */
const STORED_STATUSES = new Set([200, 204]);
/** Statuses that this cache understands, for `must-understand` (RFC 9111 section 5.2.2.3). */
const UNDERSTOOD_STATUSES = new Set([200, 203, 204, 300, 301, 302, 303, 307, 308, 404, 405, 410, 414, 501]);
/** Statuses of responses that are incomplete, or about another response. */
const NEVER_STORED_STATUSES = new Set([206, 304]);

/**
 * Decides whether a response may be stored, and for how long (RFC 9111 section 3). Its own directives and `Vary` go
 * before the options of the route, no matter which code has set them. Cookies count only if the handler has set them.
 */
export function judge(response: HandlerResponse, rules: StorageRules, nowMs: number): Judgement {
  const declared = responseDirectives(response.headers);
  const vary = varyOf(response, rules);
  const refusal =
    refusalByDirectives(declared.directives, response, rules) ??
    refusalByHeaders(response, rules, vary) ??
    refusalByContent(response, rules);
  if (refusal !== undefined) return { refusal };
  const declaredMs = response.isThrown ? undefined : declaredLifetimeMs(declared, response.headers, nowMs);
  const lifetimeMs = declaredMs ?? ruledLifetimeMs(response.status, rules);
  if (lifetimeMs === undefined) return { refusal: 'status' };
  const ageMs = initialAgeMs(response.headers, nowMs);
  const isValidatedFirst = declared.directives.has('no-cache');
  const freshMs = isValidatedFirst ? 0 : Math.max(0, lifetimeMs - ageMs);
  const windows = staleWindows(declared, rules, declaredMs);
  const isUseful =
    Math.max(freshMs, windows.staleWhileRevalidateMs, windows.staleIfErrorMs) > 0 || response.hasOwnValidator;
  if (!isUseful) return { refusal: isValidatedFirst ? 'no-cache' : 'not-fresh' };
  return {
    freshMs,
    initialAgeMs: ageMs,
    isDeclared: declaredMs !== undefined,
    vary,
    sharing: sharingOf(declared, response, rules),
    ...windows,
  };
}

function ruledLifetimeMs(status: number, { statusTtlsMs, ttlMs }: StorageRules): number | undefined {
  return statusTtlsMs.get(status) ?? (STORED_STATUSES.has(status) ? ttlMs : undefined);
}

/** Directives that forbid to serve the response stale (RFC 9111 section 4.2.4). */
const MUST_BE_FRESH = ['must-revalidate', 'proxy-revalidate', 's-maxage', 'no-cache'];

/**
 * RFC 5861. The windows of the response go before those of the route, which do not apply to a response that declares
 * itself stale.
 */
function staleWindows(
  { directives }: ResponseDirectives,
  rules: StorageRules,
  declaredMs: number | undefined,
): Pick<Verdict, 'mayBeStale' | 'staleWhileRevalidateMs' | 'staleIfErrorMs'> {
  const mayBeStale = !MUST_BE_FRESH.some((name) => directives.has(name));
  const windowMs = (name: string, byRuleMs: number): number => {
    const seconds = secondsOf(directives, name);
    if (!mayBeStale) return 0;
    return seconds === undefined ? (declaredMs === 0 ? 0 : byRuleMs) : seconds * 1000;
  };
  return {
    mayBeStale,
    staleWhileRevalidateMs: windowMs('stale-while-revalidate', rules.staleWhileRevalidateMs),
    staleIfErrorMs: windowMs('stale-if-error', rules.staleIfErrorMs),
  };
}

function refusalByDirectives(
  directives: Directives,
  { status }: HandlerResponse,
  { scope }: StorageRules,
): Refusal | undefined {
  const isUnderstood = directives.has('must-understand') && UNDERSTOOD_STATUSES.has(status);
  if (directives.has('must-understand') && !isUnderstood) return 'status';
  if (directives.has('no-store') && !isUnderstood) return 'no-store';
  return directives.has('private') && scope === 'public' ? 'private' : undefined;
}

function refusalByHeaders(
  response: HandlerResponse,
  rules: StorageRules,
  vary: readonly string[],
): Refusal | undefined {
  const { status } = response;
  if (status < 200 || NEVER_STORED_STATUSES.has(status) || (response.isThrown && !rules.statusTtlsMs.has(status)))
    return 'status';
  if (response.hasOwnCookie || isDecorated('set-cookie', response, rules)) return 'set-cookie';
  return vary.every((name) => maySelect(name, rules)) ? undefined : 'vary';
}

function refusalByContent(
  { body, isComplete, tags }: HandlerResponse,
  { maxBodyBytes }: StorageRules,
): Refusal | undefined {
  if (body.length > maxBodyBytes) return 'too-large';
  if (!isComplete) return 'incomplete';
  return tags === undefined || !areStorable(tags) ? 'tags' : undefined;
}

/**
 * True when a request header may select a variant (RFC 9111 section 4.1): not `*`, and not those that identify a user,
 * unless the route has a scope.
 */
function maySelect(name: string, rules: StorageRules): boolean {
  return (
    name !== '*' &&
    (isKeyed(name, rules) || rules.scope !== 'public' || (name !== 'cookie' && name !== 'authorization'))
  );
}

function isKeyed(name: string, { varyBy }: StorageRules): boolean {
  return varyBy.some((header) => header.name === name);
}

/**
 * Three directives of the handler allow to share a response with requests that carry `Authorization` (RFC 9111 section
 * 3.5). For other identities, such as a cookie, only `public` does.
 */
function sharingOf({ directives }: ResponseDirectives, response: HandlerResponse, rules: StorageRules): Sharing {
  const isOwn = ['cache-control', 'cdn-cache-control', 'nest-cache-control'].some((name) =>
    isHandlers(name, response, rules),
  );
  if (!isOwn) return 'unidentified';
  if (directives.has('public')) return 'anybody';
  return directives.has('s-maxage') || directives.has('must-revalidate') ? 'authorized' : 'unidentified';
}

/** Names that CORS and compression add to `Vary` outside the handler: they do their work again for every request. */
const LEFT_TO_OTHERS = new Set([
  'origin',
  'access-control-request-method',
  'access-control-request-headers',
  'access-control-request-private-network',
  'accept-encoding',
]);

/**
 * Every name in `Vary` selects, no matter which code has set it (RFC 9111 section 4.1), also one that the handler has
 * overwritten. An encoded response varies by `Accept-Encoding`, even if it does not say so.
 */
function varyOf({ before, own, headers }: HandlerResponse, rules: StorageRules): string[] {
  const earlier = listOf(before.vary);
  const handlers = rules.headerNames.includes('vary')
    ? listOf(own.vary)
    : listOf(own.vary).filter((name) => !earlier.includes(name));
  const others = [...earlier, ...listOf(headers.vary)].filter((name) => !LEFT_TO_OTHERS.has(name));
  const codings =
    isEncoded(headers['content-encoding']) && !isKeyed('accept-encoding', rules) ? ['accept-encoding'] : [];
  return [...new Set([...handlers, ...others, ...codings])];
}

/** True when the handler has set a header, while it ran or by `@Header()`. */
function isHandlers(name: string, { before, headers }: HandlerResponse, rules: StorageRules): boolean {
  return hasChanged(name, before, headers) || isDecorated(name, { headers }, rules);
}

/** True for a header of `@Header()`, which Nest sets when it replies, after all interceptors. */
function isDecorated(
  name: string,
  { headers }: Pick<HandlerResponse, 'headers'>,
  { headerNames }: StorageRules,
): boolean {
  return headers[name] !== undefined && headerNames.includes(name);
}
