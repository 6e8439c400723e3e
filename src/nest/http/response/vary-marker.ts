import { randomUUID } from 'node:crypto';
import { type CachedResponse, retentionMs } from './cached-response.js';

/*
 * If the responses of a URL vary by request headers, its key holds a marker, with the names of the headers. The
 * responses, one for each combination of values that clients have sent, have keys made from the key of the marker, its
 * generation and the values (RFC 9111 section 4.1).
 *
 * The generation is random. So removing the marker hides all variants: no key leads to them any more. In the same way
 * the first variant stays hidden if its marker is not stored, because of an invalidation while the handler ran.
 */

/** One header of `varyBy`. */
export interface VaryHeader {
  readonly name: string;
  readonly normalize: ((value: string | undefined) => string) | undefined;
}

const MARKER_FORMAT = 'nestjs-cache-kit/vary/1';

export interface VaryMarker {
  readonly format: typeof MARKER_FORMAT;
  /** Names of request headers in lower case, sorted. */
  readonly names: readonly string[];
  readonly generation: string;
  readonly tags: readonly string[];
  readonly ttlMs: number;
}

/** @param first the first variant @param obeysMaxStale as for `retentionMs` */
export function varyMarker(names: Iterable<string>, first: CachedResponse, obeysMaxStale: boolean): VaryMarker {
  return {
    format: MARKER_FORMAT,
    names: [...new Set(names)].sort(),
    generation: randomUUID(),
    tags: first.tags,
    ttlMs: markerTtlMs(first.freshMs + retentionMs(first, obeysMaxStale)),
  };
}

export function isVaryMarker(value: unknown): value is VaryMarker {
  if (typeof value !== 'object' || value === null) return false;
  const { format, names, generation, tags, ttlMs } = value as Partial<VaryMarker>;
  return (
    format === MARKER_FORMAT &&
    typeof generation === 'string' &&
    Array.isArray(names) &&
    names.every((name) => typeof name === 'string') &&
    Array.isArray(tags) &&
    typeof ttlMs === 'number'
  );
}

const DAY_MS = 24 * 3_600_000;

/** Lifetime of a marker: one day at least, because it is small, and its variants are lost with it. */
export function markerTtlMs(variantMs: number): number {
  return Math.max(DAY_MS, Math.ceil(variantMs));
}
