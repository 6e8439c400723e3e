import type { CachedResponse } from './cached-response.js';

/**
 * What interceptors outside the cache are given on a hit in the place of the handler's value: plain data of their own,
 * which they may read, change, print and clone. The answer that is sent is the stored one.
 */
export function replayedValueOf({ body, contentType }: CachedResponse): unknown {
  if (body.length === 0 || contentType === null) return undefined;
  const type = contentType.toLowerCase();
  if (type.includes('json')) return parsed(body);
  return type.startsWith('text/') ? body.toString() : undefined;
}

function parsed(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString());
  } catch {
    return undefined;
  }
}
