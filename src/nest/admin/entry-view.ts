import { inspect } from 'node:util';
import type { CacheEntry } from '../../core/ports/cache-entry.js';

/** An entry as the admin routes tell it: times as ISO 8601, the value only where the options say `values: 'shown'`. */
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

/** The value itself where JSON can tell it, else a picture of it: a cycle or a bigint must not break the page. */
function readable(value: unknown): unknown {
  try {
    JSON.stringify(value);
    return value;
  } catch {
    return inspect(value, { depth: 4, maxStringLength: 1000 });
  }
}
