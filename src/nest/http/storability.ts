import { declaredLifetimeMs, type Directives, parseCacheControl } from './cache-control.js';
import type { HeaderMap } from './exchange.js';
import { hasChanged, listOf } from './response-headers.js';

/** An answer that is about to be sent, and what it was before the handler. */
export interface Answer {
  readonly status: number;
  readonly before: HeaderMap;
  readonly headers: HeaderMap;
  readonly hasPendingCookie: boolean;
  readonly body: Buffer;
}

/** What of a route's policy decides whether its answers are stored. */
export interface StorageRules {
  readonly ttlMs: number;
  readonly scope: unknown;
  readonly varyBy: readonly string[];
  readonly maxBodyBytes: number;
  readonly headerNames: readonly string[];
}

/** Why an answer is not stored. */
export type Refusal = 'status' | 'no-store' | 'no-cache' | 'private' | 'set-cookie' | 'vary' | 'encoding' | 'too-large' | 'not-fresh';

export type Judgement = { readonly refusal: Refusal } | { readonly ttlMs: number; readonly vary: readonly string[]; readonly isPublic: boolean; readonly mayBeStale: boolean };

/** What is stored by the route's TTL alone; other statuses are errors, redirects and parts. */
const STORED_STATUSES = new Set([200, 204]);

/**
 * Whether an answer may be stored, and for how long (RFC 9111 section 3). The answer's own `Cache-Control` goes before
 * the route's options, whoever has set it; cookies and `Vary` count when the handler has set them.
 */
export function judge(answer: Answer, rules: StorageRules, nowMs: number): Judgement {
  const directives = parseCacheControl(answer.headers['cache-control']);
  const vary = varyOf(answer, rules);
  const refusal = refusalByDirectives(directives, rules) ?? refusalByHeaders(answer, rules, vary);
  if (refusal !== undefined) return { refusal };
  const ttlMs = declaredLifetimeMs(directives, answer.headers, nowMs) ?? rules.ttlMs;
  if (ttlMs === 0) return { refusal: 'not-fresh' };
  const isPublic = directives.has('public') && isHandlers('cache-control', answer, rules);
  return { ttlMs, vary, isPublic, mayBeStale: !MUST_BE_FRESH.some((name) => directives.has(name)) };
}

/** Directives under which an expired answer is never served (RFC 9111 section 4.2.4); `no-cache` is not stored at all. */
const MUST_BE_FRESH = ['must-revalidate', 'proxy-revalidate', 's-maxage'];

function refusalByDirectives(directives: Directives, rules: StorageRules): Refusal | undefined {
  if (directives.has('no-store')) return 'no-store';
  if (directives.has('no-cache')) return 'no-cache';
  return directives.has('private') && rules.scope === 'public' ? 'private' : undefined;
}

function refusalByHeaders(answer: Answer, rules: StorageRules, vary: readonly string[]): Refusal | undefined {
  if (!STORED_STATUSES.has(answer.status)) return 'status';
  if (answer.hasPendingCookie || isHandlers('set-cookie', answer, rules)) return 'set-cookie';
  if (!vary.every((name) => isCovered(name, rules))) return 'vary';
  if (answer.headers['content-encoding'] !== undefined && !rules.varyBy.includes('accept-encoding')) return 'encoding';
  return answer.body.length > rules.maxBodyBytes ? 'too-large' : undefined;
}

/** `*` is covered by nothing; who asks is covered by a scope (RFC 9111 section 4.1). */
function isCovered(name: string, { varyBy, scope }: StorageRules): boolean {
  return varyBy.includes(name) || (scope !== 'public' && (name === 'cookie' || name === 'authorization'));
}

/** The members of `Vary` that middleware has not put there: CORS and compression do their work anew for every request. */
function varyOf({ before, headers }: Answer, rules: StorageRules): string[] {
  const earlier = rules.headerNames.includes('vary') ? [] : listOf(before.vary);
  return listOf(headers.vary).filter((name) => !earlier.includes(name));
}

/** Whether a header is the handler's: set while it ran, or by `@Header()`. */
function isHandlers(name: string, { before, headers }: Answer, rules: StorageRules): boolean {
  return hasChanged(name, before, headers) || (headers[name] !== undefined && rules.headerNames.includes(name));
}
