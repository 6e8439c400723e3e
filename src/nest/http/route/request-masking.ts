import type { CacheRequest, Exchange } from '../exchange/exchange.js';
import { type CachedResponse, ownValidators } from '../response/cached-response.js';
import type { VaryHeader } from '../response/vary-marker.js';
import type { RouteAccess } from './route-access.js';

/*
 * A handler that runs for the cache gets a request that any client could have made with the same key. The mask hides
 * the parts that are not in the key:
 * - the conditions and the range, because the whole response is needed: they are judged on it later (RFC 9111 section
 *   4.3.2);
 * - headers that name another host, path or method than the key: with them one client could poison the response for
 *   all;
 * - the values of `varyBy` headers that a function normalizes: the handler gets the value that is in the key;
 * - the query parameters that are not in the key.
 */

const REROUTING = new RegExp(
  '^(?:x-forwarded(?:-.+)?|forwarded|x-original-(?:url|uri|host)|x-rewrite-url|x-host|' +
    'x-http-(?:method|host)(?:-override)?|x-method-override)$',
);

const CONDITIONS = ['if-none-match', 'if-modified-since', 'if-range', 'range'];

/** A request with a mask that is put on and taken off. */
export interface MaskedRequest {
  /** False when there is nothing to hide. */
  readonly isNeeded: boolean;
  hide(): void;
  show(): void;
}

interface MaskingRules {
  readonly varyBy: readonly VaryHeader[];
}

export interface MaskParts {
  readonly exchange: Exchange;
  readonly access: RouteAccess;
  readonly policy: MaskingRules;
  /** The stored response whose validators the handler gets as conditions. */
  readonly validating: CachedResponse | undefined;
}

/** Prepares the mask. Nothing is hidden until `hide` is called. */
export function maskRequest({ exchange, access, policy, validating }: MaskParts): MaskedRequest {
  const { headers } = exchange.request;
  const masked = maskedHeaders(exchange.request, policy, validating);
  const ownHeaders = new Map([...masked.keys()].map((name) => [name, headers[name]]));
  let showQuery: (() => void) | undefined;
  let isHiding = false;
  const set = (values: ReadonlyMap<string, string | string[] | undefined>): void => {
    for (const [name, value] of values) {
      if (value === undefined) Reflect.deleteProperty(headers, name);
      else headers[name] = value;
    }
  };
  return {
    isNeeded: masked.size > 0 || access.dropped.length > 0,
    hide() {
      if (isHiding) return;
      isHiding = true;
      set(masked);
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

/** The values that the handler sees in place of the client's, by header name; `undefined` for a hidden header. */
function maskedHeaders(
  request: CacheRequest,
  rules: MaskingRules,
  validating: CachedResponse | undefined,
): Map<string, string | undefined> {
  const { headers } = request;
  const masked = new Map<string, string | undefined>();
  for (const name of CONDITIONS) if (headers[name] !== undefined) masked.set(name, undefined);
  for (const name of reroutingHeaders(request, rules)) masked.set(name, undefined);
  for (const { name, normalize } of rules.varyBy) {
    if (normalize === undefined) continue;
    const value = normalize(text(headers[name]));
    if (value !== headers[name]) masked.set(name, value);
  }
  if (validating !== undefined) {
    const { etag, lastModified } = ownValidators(validating);
    if (etag !== undefined) masked.set('if-none-match', etag);
    if (lastModified !== undefined) masked.set('if-modified-since', lastModified);
  }
  return masked;
}

/**
 * The headers of the request that name another host, path or method than the key. If the platform trusts the proxy,
 * forwarded host and scheme are in the key, and stay.
 */
function reroutingHeaders(request: CacheRequest, { varyBy }: MaskingRules): string[] {
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

/** The scheme of the connection, without regard to headers of a proxy. */
function schemeOf(request: CacheRequest): string {
  const { socket, raw } = request as { socket?: { encrypted?: boolean }; raw?: { socket?: { encrypted?: boolean } } };
  return (socket ?? raw?.socket)?.encrypted === true ? 'https' : 'http';
}

function text(value: string | string[] | undefined): string | undefined {
  return value === undefined ? undefined : String(value);
}
