import { randomUUID } from 'node:crypto';
import { type CachedResponse, retentionMs } from './cached-response.js';

/*
 * A URL whose responses vary by request headers has a marker under its key: the names of the headers. The responses
 * themselves, one for each combination of values that was asked for, are under keys made from the marker's key, its
 * generation and those values (RFC 9111 section 4.1).
 *
 * The generation is random, so that who takes away the marker takes away all variants: no key leads to them any more.
 * That is also what keeps the first variant out of sight when its marker could not be stored, because something was
 * invalidated while the handler ran.
 */

/** One header of `varyBy`. */
export interface VaryHeader {
  readonly name: string;
  readonly normalize: ((value: string | undefined) => string) | undefined;
}

const MARKER_FORMAT = 'nestjs-cache-kit/vary/1';

export interface VaryMarker {
  readonly format: typeof MARKER_FORMAT;
  /** Lower-case, in order. */
  readonly names: readonly string[];
  readonly generation: string;
  readonly tags: readonly string[];
  readonly ttlMs: number;
}

/** @param first the first of its variants @param obeysMaxStale as for `retentionMs` */
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

/** A marker is no more than a few names, and its variants are lost with it: it stays a day at least. */
export function markerTtlMs(variantMs: number): number {
  return Math.max(DAY_MS, Math.ceil(variantMs));
}
