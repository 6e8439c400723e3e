import type { CacheService } from '../../core/cache.service.js';
import type { CacheRequest, Exchange, HeaderValue } from './exchange/exchange.js';
import { hostOf } from './exchange/host-name.js';
import { requestTag } from './response/response-tags.js';

/** RFC 9110 section 9.2.1. Any other method may change a resource. */
const SAFE_METHODS = new Set(['GET', 'HEAD', 'OPTIONS', 'TRACE']);

export function isUnsafe({ method }: CacheRequest): boolean {
  return !SAFE_METHODS.has(method);
}

/**
 * Removes the stored responses of the URL of an unsafe request, and of the URLs that its response names, when it has
 * succeeded (RFC 9111 section 4.4). The response waits for this, so that its client never reads the old state.
 */
export function invalidateOnSuccess(exchange: Exchange, caches: Iterable<CacheService>): void {
  exchange.watchReply((body) => {
    const status = exchange.status();
    if (status < 200 || status >= 400) return 'own';
    const tags = changedUrls(exchange);
    // The cache reports a fault itself, and the response stays the same.
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

/** The tag of a URL on the same host. An origin must not invalidate responses of another one. */
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
