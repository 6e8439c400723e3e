import type { IncomingHttpHeaders } from 'node:http';
import type { HeaderValue } from '../exchange/exchange.js';

/** The bytes that a `Range` asks for: `undefined` for the whole, `none` for bytes beyond the end. */
export type ByteRange = { readonly start: number; readonly end: number } | 'none' | undefined;

/** The content that a range is taken from. */
export interface RangeTarget {
  readonly size: number;
  readonly etag: HeaderValue | undefined;
  readonly lastModified: HeaderValue | undefined;
}

const SINGLE_RANGE = /^bytes=[ \t]*(?:(\d+)-(\d*)|-(\d+))[ \t]*$/i;

/**
 * The single range of bytes that a GET asks for, without its end (RFC 9110 section 14.2). The whole content answers
 * several ranges, other units, an invalid range, and a range whose `If-Range` does not match.
 */
export function requestedRange({ range, 'if-range': ifRange }: IncomingHttpHeaders, target: RangeTarget): ByteRange {
  const match = range === undefined ? null : SINGLE_RANGE.exec(range);
  if (match === null || (ifRange !== undefined && !matches(String(ifRange), target))) return undefined;
  const [, first, last, suffix] = match;
  if (suffix !== undefined)
    return Number(suffix) === 0 || target.size === 0
      ? 'none'
      : { start: Math.max(0, target.size - Number(suffix)), end: target.size };
  const start = Number(first);
  if (last !== '' && Number(last) < start) return undefined;
  if (start >= target.size) return 'none';
  return { start, end: last === '' ? target.size : Math.min(Number(last) + 1, target.size) };
}

/** RFC 9110 section 13.1.5: an equal strong tag, or exactly the same date. */
function matches(ifRange: string, { etag, lastModified }: RangeTarget): boolean {
  if (ifRange.startsWith('"')) return etag !== undefined && ifRange === String(etag);
  return lastModified !== undefined && ifRange === String(lastModified);
}
