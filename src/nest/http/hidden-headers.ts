import type { IncomingHttpHeaders } from 'node:http';
import { ownValidators, type CachedResponse } from './cached-response.js';
import type { CacheRequest } from './exchange.js';
import type { VaryHeader } from './http-cache-options.js';

/*
 * While a handler runs for the cache, its request is one that anybody could have made with the same key. What belongs to
 * this client alone is out of sight, and is put back before the answer is sent:
 * - its conditions and its range, because the whole answer is wanted: they are judged on that (RFC 9111 section 4.3.2);
 * - headers that tell of another host, path or method than the key does: one client could poison the answer for all;
 * - the values of `varyBy` headers that a function maps to fewer: the handler sees what is in the key.
 */

const REROUTING = /^(?:x-forwarded(?:-.+)?|forwarded|x-original-(?:url|uri|host)|x-rewrite-url|x-host|x-http-(?:method|host)(?:-override)?|x-method-override)$/;

const VALIDATORS = ['if-none-match', 'if-modified-since'];
const CONDITIONS = [...VALIDATORS, 'if-range'];

export interface HiddenHeaders {
  /** Takes away the validators, when the handler has answered: Express would judge them once more, and drop the body. */
  answered(): void;
  /** Puts everything back. */
  restore(): void;
}

export interface HidingRules {
  readonly varyBy: readonly VaryHeader[];
}

/**
 * Makes the handler see a request of everybody's.
 * @param validating the response that the handler is asked about by its own validators
 * @param keepsRange lets a handler serve ranges whose answers are never stored
 */
export function hideHeaders(request: CacheRequest, rules: HidingRules, validating: CachedResponse | undefined, keepsRange: boolean): HiddenHeaders {
  const { headers } = request;
  const replaced = new Map<string, string | string[] | undefined>();
  const replace = (name: string, value: string | undefined): void => {
    if (!replaced.has(name)) replaced.set(name, headers[name]);
    if (value === undefined) Reflect.deleteProperty(headers, name);
    else headers[name] = value;
  };
  for (const name of CONDITIONS) if (headers[name] !== undefined) replace(name, undefined);
  if (headers.range !== undefined && !keepsRange) replace('range', undefined);
  for (const name of rerouting(request, rules)) replace(name, undefined);
  for (const { name, normalize } of rules.varyBy) if (normalize !== undefined) replace(name, normalize(text(headers[name])));
  if (validating !== undefined) {
    const { etag, lastModified } = ownValidators(validating);
    if (etag !== undefined) replace('if-none-match', etag);
    if (lastModified !== undefined) replace('if-modified-since', lastModified);
  }
  return {
    answered() {
      for (const name of VALIDATORS) Reflect.deleteProperty(headers, name);
    },
    restore: () => restore(headers, replaced),
  };
}

function restore(headers: IncomingHttpHeaders, replaced: ReadonlyMap<string, string | string[] | undefined>): void {
  for (const [name, value] of replaced) {
    if (value === undefined) Reflect.deleteProperty(headers, name);
    else headers[name] = value;
  }
}

/** The headers that tell of another request than the key; where the platform trusts the proxy, host and scheme are in the key. */
function rerouting(request: CacheRequest, { varyBy }: HidingRules): string[] {
  const { headers } = request;
  let names: string[] | undefined;
  for (const name in headers) if ((name.charCodeAt(0) === 0x78 || name === 'forwarded') && REROUTING.test(name)) (names ??= []).push(name);
  if (names === undefined) return [];
  const isTrusted = (request.host ?? headers.host) !== (headers.host ?? headers[':authority']) || request.protocol !== schemeOf(request);
  const trusted = isTrusted ? ['x-forwarded-host', 'x-forwarded-proto'] : [];
  return names.filter((name) => !trusted.includes(name) && !varyBy.some((header) => header.name === name));
}

/** Of the connection, whatever a proxy says. */
function schemeOf(request: CacheRequest): string {
  const { socket, raw } = request as { socket?: { encrypted?: boolean }; raw?: { socket?: { encrypted?: boolean } } };
  return (socket ?? raw?.socket)?.encrypted === true ? 'https' : 'http';
}

function text(value: string | string[] | undefined): string | undefined {
  return value === undefined ? undefined : String(value);
}
