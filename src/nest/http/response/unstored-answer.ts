import { type CachedResponse, isCachedResponse } from './cached-response.js';

const UNSTORED_FORMAT = 'nestjs-cache-kit/unstored/1';

/** A response that an outage keeps out of the store. The requests that have waited for it may share it. */
export interface UnstoredAnswer {
  readonly format: typeof UNSTORED_FORMAT;
  readonly response: CachedResponse;
  /** Result of `selectionOf` for the request that it was made for. */
  readonly selection: string;
}

export function unstoredAnswer(response: CachedResponse, selection: string): UnstoredAnswer {
  return { format: UNSTORED_FORMAT, response, selection };
}

export function isUnstoredAnswer(value: unknown): value is UnstoredAnswer {
  if (typeof value !== 'object' || value === null) return false;
  const { format, response } = value as Partial<UnstoredAnswer>;
  return format === UNSTORED_FORMAT && isCachedResponse(response);
}
