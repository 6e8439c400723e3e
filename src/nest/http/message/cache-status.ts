/** The reason why a request went to the handler (RFC 9211 section 2.2). */
export type ForwardReason = 'bypass' | 'method' | 'request' | 'uri-miss' | 'vary-miss' | 'stale' | 'miss' | 'partial';

/** The way of a request through this cache, in the terms of RFC 9211. */
export interface CacheStatus {
  /** Absent on a hit. */
  readonly forward?: ForwardReason;
  readonly forwardStatus?: number;
  readonly isStored?: boolean;
  readonly isCollapsed?: boolean;
  /** Seconds until the response expires, negative for a stale one. */
  readonly ttlS?: number;
  /** Shown only when debugging, as is the key. */
  readonly detail?: string;
  readonly key?: string;
}

/** `Cache-Status` with the member of this cache after those of the caches behind it (RFC 9211 section 2). */
export function cacheStatusLine(earlier: string | undefined, status: CacheStatus, isDebugging: boolean): string {
  let line = earlier === undefined ? 'nest' : `${earlier}, nest`;
  line += status.forward === undefined ? '; hit' : `; fwd=${status.forward}`;
  if (status.forwardStatus !== undefined) line += `; fwd-status=${status.forwardStatus}`;
  if (status.isStored === true) line += '; stored';
  if (status.isCollapsed === true) line += '; collapsed';
  if (status.ttlS !== undefined) line += `; ttl=${status.ttlS}`;
  if (!isDebugging) return line;
  if (status.key !== undefined) line += `; key=${quoted(status.key)}`;
  return status.detail === undefined ? line : `${line}; detail=${quoted(status.detail)}`;
}

/** A String of Structured Fields, which has printable ASCII only (RFC 9651 section 3.3.3). */
function quoted(text: string): string {
  const ascii = text.replace(/[^\x20-\x7e]+/g, (part) => encodeURIComponent(part.toWellFormed()));
  return `"${ascii.replace(/["\\]/g, '\\$&')}"`;
}
