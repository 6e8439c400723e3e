import type { IncomingHttpHeaders } from 'node:http';
import { parseCacheControl, secondsOf } from './cache-control.js';

/** The directives of a request (RFC 9111 section 5.2.1), in milliseconds. */
export interface RequestDirectives {
  readonly mustValidate: boolean;
  readonly isOnlyIfCached: boolean;
  readonly maxAgeMs: number;
  readonly minFreshMs: number;
  readonly maxStaleMs: number;
}

/** The request has no directives, or they are not honoured. */
export const NO_DIRECTIVES: RequestDirectives = Object.freeze({
  mustValidate: false,
  isOnlyIfCached: false,
  maxAgeMs: Infinity,
  minFreshMs: 0,
  maxStaleMs: 0,
});

export function requestDirectives({ 'cache-control': cacheControl, pragma }: IncomingHttpHeaders): RequestDirectives {
  // RFC 9111 section 5.4: `Pragma` counts only without `Cache-Control`.
  if (cacheControl === undefined)
    return pragma !== undefined && parseCacheControl(pragma).has('no-cache')
      ? { ...NO_DIRECTIVES, mustValidate: true }
      : NO_DIRECTIVES;
  const directives = parseCacheControl(cacheControl);
  const msOf = (name: string): number | undefined => {
    const seconds = secondsOf(directives, name);
    return seconds === undefined ? undefined : seconds * 1000;
  };
  return {
    mustValidate: directives.has('no-cache'),
    isOnlyIfCached: directives.has('only-if-cached'),
    maxAgeMs: msOf('max-age') ?? Infinity,
    minFreshMs: msOf('min-fresh') ?? 0,
    maxStaleMs: directives.get('max-stale') === true ? Infinity : (msOf('max-stale') ?? 0),
  };
}
