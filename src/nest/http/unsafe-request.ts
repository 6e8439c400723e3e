import type { CacheService } from '../../core/cache.service.js';
import type { CacheRequest, Exchange, HeaderValue } from './exchange/exchange.js';
import { hostOf } from './exchange/host-name.js';
import { requestTag } from './response/response-tags.js';

/** RFC 9110 section 9.2.1; whatever else a method does, it may change things. */
const SAFE_METHODS = new Set(['GET', 'HEAD', 'OPTIONS', 'TRACE']);

export function isUnsafe({ method }: CacheRequest): boolean {
  return !SAFE_METHODS.has(method);
}

/**
 * Removes what is stored for the URL of an unsafe request, and for those that its answer names, when it has succeeded
 * (RFC 9111 section 4.4). The answer waits for that: who has it never finds the old state.
 */
export function invalidateOnSuccess(exchange: Exchange, caches: Iterable<CacheService>): void {
  exchange.watchReply((body) => {
    const status = exchange.status();
    if (status < 200 || status >= 400) return 'own';
    const tags = changedUrls(exchange);
    // A fault was reported by the cache, and is no reason to answer otherwise.
    const done = Promise.all([...caches].map((cache) => cache.invalidateTags(tags).catch(() => 0)));
    return body === undefined ? 'own' : done.then(() => 'own' as const);
  });
}

function changedUrls(exchange: Exchange): string[] {
  const { request } = exchange;
  const host = hostOf(request);
  const named = [exchange.header('location'), exchange.header('content-location')].flatMap(
    (value) => tagOnHost(value, host, request) ?? [],
  );
  return [...new Set([requestTag(host, request.originalUrl), ...named])];
}

/** Only of the same host: no origin may have a say in what is stored of another. */
function tagOnHost(
  reference: HeaderValue | undefined,
  host: string,
  { originalUrl, protocol = 'http' }: CacheRequest,
): string | undefined {
  const base = `${protocol}://${host}${originalUrl}`;
  if (reference === undefined || !URL.canParse(String(reference), base)) return undefined;
  const url = new URL(String(reference), base);
  return hostOf({ protocol: url.protocol.slice(0, -1), host: url.host }) === host
    ? requestTag(host, `${url.pathname}${url.search}`)
    : undefined;
}
