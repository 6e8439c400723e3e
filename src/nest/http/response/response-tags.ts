import { createHash } from 'node:crypto';
import { checkKey, MAX_KEY_BYTES } from '../../../core/vocabulary/cache-key.js';
import { CacheKeyError } from '../../../core/vocabulary/cache.errors.js';
import type { HeaderMap } from '../exchange/exchange.js';
import { hostOf } from '../exchange/host-name.js';
import { keyedQuery } from '../message/query-parameters.js';

/** The fields by which a response names its tags, and what stands between them. */
export const TAG_FIELDS = ['surrogate-key', 'cache-tag'] as const;

/** As many bytes of tags as a response may have; CDNs refuse longer headers. */
const MAX_TAGS_BYTES = 16_384;

/** How the tags begin that every stored response has by itself. */
export const URL_TAG = 'url:';

/**
 * The tag of every stored response of a URL: its variants, its scopes, both schemes, GET and HEAD.
 * `cache.invalidateTags([urlTag('https://shop.test/products/1')])` purges the URL, with `soft` it expires.
 * @throws CacheKeyError for text that is no absolute URL
 */
export function urlTag(url: string | URL): string {
  if (!URL.canParse(String(url)))
    throw new CacheKeyError(
      `Expected \`url\` to be absolute, such as 'https://shop.test/products/1', got \`${String(url)}\`.`,
    );
  const { protocol, host, pathname, search } = new URL(url);
  return requestTag(hostOf({ protocol: protocol.slice(0, -1), host }), `${pathname}${search}`);
}

/** The same for a request. @param host as `hostOf` spells it @param target path and query */
export function requestTag(host: string, target: string): string {
  const at = target.indexOf('?');
  const query = at < 0 ? '' : keyedQuery(target.slice(at + 1), undefined).text;
  const tag =
    `${URL_TAG}${host}${at < 0 ? target : target.slice(0, at)}${query === '' ? '' : `?${query}`}`.toWellFormed();
  return Buffer.byteLength(tag) <= MAX_KEY_BYTES
    ? tag
    : `${URL_TAG}sha256:${createHash('sha256').update(tag).digest('base64url')}`;
}

/**
 * The tags that a response names in its headers: with spaces between in `Surrogate-Key`, with commas in `Cache-Tag`.
 */
export function declaredTags(headers: HeaderMap): string[] {
  return TAG_FIELDS.flatMap((name) => String(headers[name] ?? '').split(name === 'cache-tag' ? ',' : /[\s,]+/)).flatMap(
    (tag) => tag.trim() || [],
  );
}

/** Whether tags can be stored. A response whose tags cannot is not stored, or nobody could purge it. */
export function areStorable(tags: readonly unknown[]): tags is readonly string[] {
  try {
    for (const tag of tags) checkKey(tag, 'tag');
    return (tags as readonly string[]).reduce((bytes, tag) => bytes + tag.length, 0) <= MAX_TAGS_BYTES;
  } catch {
    return false;
  }
}

/** The tags of people, for CDNs in front: without those of the kit, and spelled so that no tag becomes two. */
export function emittedTags(tags: readonly string[]): string[] {
  return tags
    .filter((tag) => !tag.startsWith(URL_TAG))
    .map((tag) => tag.replace(/[^\x21-\x2b\x2d-\x7e]+/g, encodeURIComponent));
}
