import type { CachedResponse } from './cached-response.js';

/**
 * The value that interceptors outside the cache get on a hit in place of the handler's: plain data that they may read,
 * change, print and clone. The body that is sent is the stored one.
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
