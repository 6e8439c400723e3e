import { inspect } from 'node:util';
import type { CacheEntry } from '../../core/ports/cache-entry.js';

/**
 * An entry in the responses of the admin routes: times as ISO 8601, the value only with the option `values: 'shown'`.
 */
export interface EntryView extends Omit<CacheEntry, 'value' | 'createdAt' | 'expiresAt' | 'lastAccessedAt'> {
  createdAt: string;
  expiresAt: string | null;
  lastAccessedAt: string;
  value?: unknown;
}

export function viewOf(
  { value, createdAt, expiresAt, lastAccessedAt, ...rest }: CacheEntry,
  showsValue: boolean,
): EntryView {
  return {
    ...rest,
    createdAt: createdAt.toISOString(),
    expiresAt: expiresAt?.toISOString() ?? null,
    lastAccessedAt: lastAccessedAt.toISOString(),
    ...(showsValue ? { value: readable(value) } : {}),
  };
}

/**
 * Returns the value itself where JSON can hold it, else a text that shows it: a cycle or a bigint must not fail the
 * request.
 */
function readable(value: unknown): unknown {
  try {
    JSON.stringify(value);
    return value;
  } catch {
    return inspect(value, { depth: 4, maxStringLength: 1000 });
  }
}
