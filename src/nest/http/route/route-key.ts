import { createHash } from 'node:crypto';
import { CacheKeyError } from '../../../core/vocabulary/cache.errors.js';
import { MAX_KEY_BYTES } from '../../../core/vocabulary/cache-key.js';
import { atOnce, notAwaited } from '../../../core/vocabulary/option-functions.js';
import { show } from '../../../core/vocabulary/show.js';
import type { CacheRequest } from '../exchange/exchange.js';
import { hostOf } from '../exchange/host-name.js';
import type { RequestFunction } from './http-cache-options.js';
import { keyedQuery, type QueryOptions } from '../message/query-parameters.js';
import type { VaryHeader, VaryMarker } from '../response/vary-marker.js';

/** What of a route's policy its keys are made of. */
export interface KeyRules {
  /** Of the handler; without spaces. */
  readonly identity: string;
  /** What is added to it for a request, where it does not tell apart all that the handler answers. */
  readonly distinction: RequestFunction<string> | undefined;
  readonly key: string | RequestFunction<string> | undefined;
  readonly varyBy: readonly VaryHeader[];
  readonly query: Readonly<QueryOptions> | undefined;
}

export interface RouteKey {
  readonly key: string;
  /** The query parameters that are not in the key, and the URL without them. */
  readonly dropped: readonly string[];
  readonly url: string;
}

/** How much of a long key stays readable. */
const READABLE_CHARACTERS = 200;

/**
 * The key of a request: the method class, the origin, the handler, what was asked for, the headers it varies by and the
 * scope, six fields with a space between. No field holds a space, so that no request can imitate another one's key.
 * HEAD shares the key of GET, whose answer it is without the body (RFC 9110 section 9.3.2).
 * @param scope what `scopeKeyOf` answers
 * @throws CacheKeyError when the route's `key` answers no non-empty string
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

/**
 * The path of the route that the platform has found for a request, as it was registered; that of the request where it
 * does not say.
 */
export function routePathOf(request: CacheRequest): string {
  const { route, routeOptions } = request as { route?: { path?: string | RegExp }; routeOptions?: { url?: string } };
  return String(route?.path ?? routeOptions?.url ?? request.originalUrl.split('?', 1)[0]);
}

/** The key of the variant that a request selects, among those that a marker stands for. */
export function variantKey(
  key: string,
  { names, generation }: Pick<VaryMarker, 'names' | 'generation'>,
  request: CacheRequest,
): string {
  return shortened(`${key} ${generation} ${names.map((name) => headerPart(name, request.headers[name])).join('&')}`);
}

const EMPTY_QUERY = { text: '', dropped: [] };

/** The last origin that was spelled: most requests of a server are for one. */
let lastOrigin = { protocol: 'http', host: '', text: 'http://' };

/** Scheme and host in one spelling (RFC 9110 section 4.2.3), as far as the platform trusts the proxy in front of it. */
function originOf(request: CacheRequest): string {
  const { protocol = 'http', host = '' } = request;
  if (lastOrigin.protocol !== protocol || lastOrigin.host !== host)
    lastOrigin = { protocol, host, text: `${protocol}://${hostOf({ protocol, host })}` };
  return lastOrigin.text;
}

/** A URL path begins with a slash, so a key of the route's own cannot look like one. */
function customTarget(key: string | RequestFunction<string>, request: CacheRequest): string {
  const custom: unknown = typeof key === 'function' ? notAwaited(key(request)) : key;
  if (typeof custom === 'string' && custom !== '' && custom.isWellFormed()) return `=${encodeURIComponent(custom)}`;
  throw new CacheKeyError(
    `Expected \`key\` of @CacheRoute to answer a non-empty string of well-formed Unicode, got \`${show(custom)}\`.`,
  );
}

function varyPart({ name, normalize }: VaryHeader, { headers }: CacheRequest): string {
  return headerPart(
    name,
    normalize === undefined ? headers[name] : (atOnce(normalize(textOf(headers[name]))) as string | undefined),
  );
}

/** A missing header and an empty one are two things; the spaces between the members of a list are nothing. */
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

/** A key over the limit keeps its beginning, for people and patterns, and the digest of the whole tells it apart. */
function shortened(key: string): string {
  if (key.length * 3 <= MAX_KEY_BYTES || Buffer.byteLength(key) <= MAX_KEY_BYTES) return key;
  const digest = createHash('sha256').update(key).digest('base64url');
  return `${key.slice(0, READABLE_CHARACTERS).toWellFormed()}… sha256:${digest}`;
}
