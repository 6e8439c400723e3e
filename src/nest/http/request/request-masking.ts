import { ownValidators, type CachedResponse } from '../response/cached-response.js';
import type { CacheRequest, Exchange } from '../exchange/exchange.js';
import type { RouteAccess } from '../route/route-access.js';
import type { VaryHeader } from '../response/vary-marker.js';

/*
 * While a handler runs for the cache, its request is one that anybody could have made with the same key. These belong
 * to this client alone and are out of sight meanwhile:
 * - its conditions and its range, because the whole answer is wanted: they are judged on that (RFC 9111 section 4.3.2);
 * - headers that tell of another host, path or method than the key does: one client could poison the answer for all;
 * - the values of `varyBy` headers that a function maps to fewer: the handler sees what is in the key.
 */

const REROUTING =
  /^(?:x-forwarded(?:-.+)?|forwarded|x-original-(?:url|uri|host)|x-rewrite-url|x-host|x-http-(?:method|host)(?:-override)?|x-method-override)$/;

const CONDITIONS = ['if-none-match', 'if-modified-since', 'if-range', 'range'];

/** A request of which a part can be put out of sight, and back. */
export interface MaskedRequest {
  /** There is something to hide. */
  readonly isNeeded: boolean;
  hide(): void;
  show(): void;
}

export interface MaskParts {
  readonly exchange: Exchange;
  readonly access: RouteAccess;
  readonly policy: MaskingRules;
  /** The response that the handler is asked about. */
  readonly validating: CachedResponse | undefined;
}

/**
 * The mask that makes of a request one of everybody's: without the headers and query parameters that are not in its
 * key.
 */
export function maskRequest({ exchange, access, policy, validating }: MaskParts): MaskedRequest {
  const { headers } = exchange.request;
  const hidden = maskedHeaders(exchange.request, policy, validating);
  const ownHeaders = new Map([...hidden.keys()].map((name) => [name, headers[name]]));
  let showQuery: (() => void) | undefined;
  let isHiding = false;
  const set = (values: ReadonlyMap<string, string | string[] | undefined>): void => {
    for (const [name, value] of values) {
      if (value === undefined) Reflect.deleteProperty(headers, name);
      else headers[name] = value;
    }
  };
  return {
    isNeeded: hidden.size > 0 || access.dropped.length > 0,
    hide() {
      if (isHiding) return;
      isHiding = true;
      set(hidden);
      showQuery = hideParameters(exchange, access);
    },
    show() {
      if (!isHiding) return;
      isHiding = false;
      showQuery?.();
      set(ownHeaders);
    },
  };
}

function hideParameters(exchange: Exchange, { dropped, url }: RouteAccess): (() => void) | undefined {
  if (dropped.length === 0) return undefined;
  const query = Object.entries(exchange.request.query).filter(([name]) => !dropped.includes(name));
  return exchange.replaceQuery(Object.fromEntries(query), url);
}

interface MaskingRules {
  readonly varyBy: readonly VaryHeader[];
}

/**
 * What a handler that runs for the cache is to see in the place of headers of the request; `undefined` for nothing.
 * @param validating the response that the handler is asked about by its own validators
 */
function maskedHeaders(
  request: CacheRequest,
  rules: MaskingRules,
  validating: CachedResponse | undefined,
): Map<string, string | undefined> {
  const { headers } = request;
  const hidden = new Map<string, string | undefined>();
  for (const name of CONDITIONS) if (headers[name] !== undefined) hidden.set(name, undefined);
  for (const name of rerouting(request, rules)) hidden.set(name, undefined);
  for (const { name, normalize } of rules.varyBy) {
    if (normalize === undefined) continue;
    const value = normalize(text(headers[name]));
    if (value !== headers[name]) hidden.set(name, value);
  }
  if (validating !== undefined) {
    const { etag, lastModified } = ownValidators(validating);
    if (etag !== undefined) hidden.set('if-none-match', etag);
    if (lastModified !== undefined) hidden.set('if-modified-since', lastModified);
  }
  return hidden;
}

/**
 * The headers that tell of another request than the key; where the platform trusts the proxy, host and scheme are in
 * the key.
 */
function rerouting(request: CacheRequest, { varyBy }: MaskingRules): string[] {
  const { headers } = request;
  let names: string[] | undefined;
  for (const name in headers)
    if ((name.charCodeAt(0) === 0x78 || name === 'forwarded') && REROUTING.test(name)) (names ??= []).push(name);
  if (names === undefined) return [];
  const isTrusted =
    (request.host ?? headers.host) !== (headers.host ?? headers[':authority']) ||
    request.protocol !== schemeOf(request);
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
