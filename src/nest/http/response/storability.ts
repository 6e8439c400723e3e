import { type Directives, type ResponseDirectives, responseDirectives, secondsOf } from '../message/cache-control.js';
import type { Sharing } from './cached-response.js';
import { isEncoded } from '../message/content-coding.js';
import type { HeaderMap } from '../exchange/exchange.js';
import { declaredLifetimeMs, initialAgeMs } from '../message/freshness.js';
import type { VaryHeader } from './vary-marker.js';
import { hasChanged, listOf } from './response-headers.js';
import { areStorable } from './response-tags.js';

/** An answer that is about to be sent, and what it was before the handler. */
export interface HandlerResponse {
  readonly status: number;
  readonly before: HeaderMap;
  /** The headers as the handler and the interceptors inside have left them. */
  readonly own: HeaderMap;
  /** Those that are sent. */
  readonly headers: HeaderMap;
  /** The handler or an interceptor inside has set a cookie. */
  readonly hasOwnCookie: boolean;
  readonly body: Buffer;
  /** `undefined` when they could not be made. */
  readonly tags: readonly unknown[] | undefined;
  readonly isThrown: boolean;
  /** The handler has set an `ETag` or `Last-Modified`, and can be asked whether they still hold. */
  readonly hasOwnValidator: boolean;
  /** The body is as long as was said. */
  readonly isComplete: boolean;
}

/** What of a route's policy decides whether its answers are stored. */
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

/** Why an answer is not stored. */
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

/** What the answer's headers make of it in the store. */
export interface Verdict {
  readonly freshMs: number;
  readonly initialAgeMs: number;
  /** The answer itself says how long it is fresh. */
  readonly isDeclared: boolean;
  readonly vary: readonly string[];
  readonly sharing: Sharing;
  readonly mayBeStale: boolean;
  readonly staleWhileRevalidateMs: number;
  readonly staleIfErrorMs: number;
}

export type Judgement = { readonly refusal: Refusal } | Verdict;

/** What is stored by the route's TTL alone. */
const STORED_STATUSES = new Set([200, 204]);
/** What `must-understand` may trust this cache with (RFC 9111 section 5.2.2.3). */
const UNDERSTOOD_STATUSES = new Set([200, 203, 204, 300, 301, 302, 303, 307, 308, 404, 405, 410, 414, 501]);
/** Parts, and answers about another answer: nothing that could be replayed to everybody. */
const NEVER_STORED_STATUSES = new Set([206, 304]);

/**
 * Whether an answer may be stored, and for how long (RFC 9111 section 3). The answer's own directives go before the
 * route's options, whoever has set them, and so does `Vary`; cookies count when the handler has set them.
 */
export function judge(answer: HandlerResponse, rules: StorageRules, nowMs: number): Judgement {
  const response = responseDirectives(answer.headers);
  const vary = varyOf(answer, rules);
  const refusal =
    refusalByDirectives(response.directives, answer, rules) ??
    refusalByHeaders(answer, rules, vary) ??
    refusalByContent(answer, rules);
  if (refusal !== undefined) return { refusal };
  const declaredMs = answer.isThrown ? undefined : declaredLifetimeMs(response, answer.headers, nowMs);
  const lifetimeMs = declaredMs ?? ruledLifetimeMs(answer.status, rules);
  if (lifetimeMs === undefined) return { refusal: 'status' };
  const ageMs = initialAgeMs(answer.headers, nowMs);
  const isValidatedFirst = response.directives.has('no-cache');
  const freshMs = isValidatedFirst ? 0 : Math.max(0, lifetimeMs - ageMs);
  const windows = staleWindows(response, rules, declaredMs);
  const isOfUse =
    Math.max(freshMs, windows.staleWhileRevalidateMs, windows.staleIfErrorMs) > 0 || answer.hasOwnValidator;
  if (!isOfUse) return { refusal: isValidatedFirst ? 'no-cache' : 'not-fresh' };
  return {
    freshMs,
    initialAgeMs: ageMs,
    isDeclared: declaredMs !== undefined,
    vary,
    sharing: sharingOf(response, answer, rules),
    ...windows,
  };
}

function ruledLifetimeMs(status: number, { statusTtlsMs, ttlMs }: StorageRules): number | undefined {
  return statusTtlsMs.get(status) ?? (STORED_STATUSES.has(status) ? ttlMs : undefined);
}

/** Directives under which an expired answer is never served (RFC 9111 section 4.2.4). */
const MUST_BE_FRESH = ['must-revalidate', 'proxy-revalidate', 's-maxage', 'no-cache'];

/**
 * RFC 5861: the answer's own windows go before the route's, which do not stretch an answer that declares itself stale.
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

function refusalByHeaders(answer: HandlerResponse, rules: StorageRules, vary: readonly string[]): Refusal | undefined {
  const { status } = answer;
  if (status < 200 || NEVER_STORED_STATUSES.has(status) || (answer.isThrown && !rules.statusTtlsMs.has(status)))
    return 'status';
  if (answer.hasOwnCookie || isDecorated('set-cookie', answer, rules)) return 'set-cookie';
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
 * Whether a header can tell variants apart: `*` can not, and who asks is told apart by a scope (RFC 9111 section 4.1).
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
 * RFC 9111 section 3.5 lets three directives open an answer to `Authorization`; who sends a cookie is let in by
 * `public` alone.
 */
function sharingOf({ directives }: ResponseDirectives, answer: HandlerResponse, rules: StorageRules): Sharing {
  const isOwn = ['cache-control', 'cdn-cache-control', 'nest-cache-control'].some((name) =>
    isHandlers(name, answer, rules),
  );
  if (!isOwn) return 'unidentified';
  if (directives.has('public')) return 'anybody';
  return directives.has('s-maxage') || directives.has('must-revalidate') ? 'authorized' : 'unidentified';
}

/** What CORS and compression do outside the handler, they do again for every request. */
const LEFT_TO_OTHERS = new Set([
  'origin',
  'access-control-request-method',
  'access-control-request-headers',
  'access-control-request-private-network',
  'accept-encoding',
]);

/**
 * Every member of `Vary` selects, whoever has set it (RFC 9111 section 4.1), also one that the handler has overwritten.
 * What is encoded is taken to vary by the codings that a client accepts, also where it does not say so.
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

/** Whether a header is the handler's: set while it ran, or by `@Header()`. */
function isHandlers(name: string, { before, headers }: HandlerResponse, rules: StorageRules): boolean {
  return hasChanged(name, before, headers) || isDecorated(name, { headers }, rules);
}

/** Nest sets what `@Header()` says when it replies, after all interceptors. */
function isDecorated(
  name: string,
  { headers }: Pick<HandlerResponse, 'headers'>,
  { headerNames }: StorageRules,
): boolean {
  return headers[name] !== undefined && headerNames.includes(name);
}
