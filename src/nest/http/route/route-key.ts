import { createHash } from 'node:crypto';
import { CacheKeyError } from '../../../core/vocabulary/cache.errors.js';
import { MAX_KEY_BYTES } from '../../../core/vocabulary/cache-key.js';
import { atOnce, notAwaited } from '../../../core/vocabulary/option-functions.js';
import { show } from '../../../core/vocabulary/show.js';
import type { CacheRequest, Exchange } from '../exchange/exchange.js';
import { hostOf } from '../exchange/host-name.js';
import type { RequestFunction } from './http-cache-options.js';
import { keyedQuery, type QueryOptions } from '../message/query-parameters.js';
import type { CachedResponse } from '../response/cached-response.js';
import type { VaryHeader, VaryMarker } from '../response/vary-marker.js';

/** The part of a route's policy that keys are made from. */
export interface KeyRules {
  /** Name of the handler, without spaces. */
  readonly identity: string;
  /** Adds to the name for a request, where one name serves several versions or paths. */
  readonly distinction: RequestFunction<string> | undefined;
  readonly key: string | RequestFunction<string> | undefined;
  readonly varyBy: readonly VaryHeader[];
  readonly query: Readonly<QueryOptions> | undefined;
}

export interface RouteKey {
  readonly key: string;
  /** Names of the query parameters that are not in the key. */
  readonly dropped: readonly string[];
  /** Path and query without those parameters. */
  readonly url: string;
}

/** Characters at the start of a long key that stay readable. */
const READABLE_CHARACTERS = 200;

/**
 * The key of a request, six fields with spaces between them: method class, origin, handler, target, headers of `varyBy`
 * and scope. No field contains a space, so that no request can imitate the key of another one. A HEAD has the key of
 * the GET, because it gets the same response without the body (RFC 9110 section 9.3.2).
 * @param scope result of `scopeKeyOf`
 * @throws CacheKeyError when the route's `key` returns no non-empty string
 */
export function routeKey(rules: KeyRules, request: CacheRequest, scope: string): RouteKey {
  const url = request.originalUrl;
  const at = url.indexOf('?');
  const path = at < 0 ? url : url.slice(0, at);
  const query = at < 0 ? EMPTY_QUERY : keyedQuery(url.slice(at + 1), rules.query);
  const ownUrl = query.text === '' ? path : `${path}?${query.text}`;
  const target = rules.key === undefined ? ownUrl : customTarget(rules.key, request);
  const vary = rules.varyBy.length === 0 ? '-' : rules.varyBy.map((header) => varyPart(header, request)).join('&');
  const identity =
    rules.distinction === undefined ? rules.identity : `${rules.identity}${encodeSpaces(rules.distinction(request))}`;
  const key = `GET ${originOf(request)} ${identity} ${encodeSpaces(target)} ${vary} ${scope === '' ? '-' : scope}`;
  return { key: shortened(key), dropped: query.dropped, url: ownUrl };
}

/** The path of the route as it was registered, or of the request where the platform does not name the route. */
export function routePathOf(request: CacheRequest): string {
  const { route, routeOptions } = request as { route?: { path?: string | RegExp }; routeOptions?: { url?: string } };
  return String(route?.path ?? routeOptions?.url ?? request.originalUrl.split('?', 1)[0]);
}

/** The key of the variant that a request selects among those of a marker. */
export function variantKey(
  key: string,
  { names, generation }: Pick<VaryMarker, 'names' | 'generation'>,
  request: CacheRequest,
): string {
  return shortened(`${key} ${generation} ${names.map((name) => headerPart(name, request.headers[name])).join('&')}`);
}

/** The parts of a cached request by which it selects a variant. */
interface SelectingRequest {
  readonly access: Pick<RouteKey, 'key'>;
  readonly policy: Pick<KeyRules, 'varyBy'>;
  readonly exchange: Pick<Exchange, 'request'>;
}

/** Text that is equal for two requests which select the same response, among those that vary like this one. */
export function selectionOf(response: CachedResponse, { access, policy, exchange }: SelectingRequest): string {
  return variantKey(access.key, { names: selectingNames(response, policy), generation: '' }, exchange.request);
}

/** The names in `Vary` whose values are not in the key already. */
export function selectingNames({ vary }: CachedResponse, { varyBy }: Pick<KeyRules, 'varyBy'>): readonly string[] {
  return vary.filter((name) => !varyBy.some((header) => header.name === name));
}

const EMPTY_QUERY = { text: '', dropped: [] };

/** The last origin, because most requests of a server have the same. */
let lastOrigin = { protocol: 'http', host: '', text: 'http://' };

/**
 * Scheme and host in one spelling (RFC 9110 section 4.2.3). The platform decides whether it trusts a proxy for them.
 */
function originOf(request: CacheRequest): string {
  const { protocol = 'http', host = '' } = request;
  if (lastOrigin.protocol !== protocol || lastOrigin.host !== host)
    lastOrigin = { protocol, host, text: `${protocol}://${hostOf({ protocol, host })}` };
  return lastOrigin.text;
}

/** The `key` of the route after `=`, which no URL path begins with. */
function customTarget(key: string | RequestFunction<string>, request: CacheRequest): string {
  const custom: unknown = typeof key === 'function' ? notAwaited(key(request)) : key;
  if (typeof custom === 'string' && custom !== '' && custom.isWellFormed()) return `=${encodeURIComponent(custom)}`;
  throw new CacheKeyError(
    `Expected \`key\` of @CacheRoute to return a non-empty string of well-formed Unicode, got \`${show(custom)}\`.`,
  );
}

function varyPart({ name, normalize }: VaryHeader, { headers }: CacheRequest): string {
  return headerPart(
    name,
    normalize === undefined ? headers[name] : (atOnce(normalize(textOf(headers[name]))) as string | undefined),
  );
}

/** Tells a missing header from an empty one, and ignores spaces between the members of a list. */
function headerPart(name: string, value: string | string[] | undefined): string {
  const text = textOf(value);
  if (text === undefined) return name;
  return `${name}=${encodeURIComponent(
    text
      .trim()
      .replace(/\s*,\s*/g, ',')
      .toWellFormed(),
  )}`;
}

function textOf(value: string | string[] | undefined): string | undefined {
  return value === undefined ? undefined : String(value);
}

function encodeSpaces(text: string): string {
  return text.includes(' ') ? text.replaceAll(' ', '%20') : text;
}

/** Shortens a key over the limit to its beginning, for people and patterns, and the digest of the whole key. */
function shortened(key: string): string {
  if (key.length * 3 <= MAX_KEY_BYTES || Buffer.byteLength(key) <= MAX_KEY_BYTES) return key;
  const digest = createHash('sha256').update(key).digest('base64url');
  return `${key.slice(0, READABLE_CHARACTERS).toWellFormed()}… sha256:${digest}`;
}
