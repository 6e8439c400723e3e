import { createHash } from 'node:crypto';
import { checkKey, MAX_KEY_BYTES } from '../../../core/vocabulary/cache-key.js';
import { CacheKeyError } from '../../../core/vocabulary/cache.errors.js';
import type { HeaderMap } from '../exchange/exchange.js';
import { hostOf } from '../exchange/host-name.js';
import { keyedQuery } from '../message/query-parameters.js';

/** Headers in which a response lists its tags. */
export const TAG_FIELDS = ['surrogate-key', 'cache-tag'] as const;

/** Limit of the tags of one response, in bytes; CDNs refuse longer headers. */
const MAX_TAGS_BYTES = 16_384;

/** Prefix of the tag that every stored response gets from its URL. */
export const URL_TAG = 'url:';

/**
 * The tag that all stored responses of a URL have, in every variant and scope, for both schemes.
 * `cache.invalidateTags([urlTag('https://shop.test/products/1')])` removes them; with `soft` they expire.
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

/** The same tag for a request. @param host result of `hostOf` @param target path and query */
export function requestTag(host: string, target: string): string {
  const at = target.indexOf('?');
  const query = at < 0 ? '' : keyedQuery(target.slice(at + 1), undefined).text;
  const tag =
    `${URL_TAG}${host}${at < 0 ? target : target.slice(0, at)}${query === '' ? '' : `?${query}`}`.toWellFormed();
  return Buffer.byteLength(tag) <= MAX_KEY_BYTES
    ? tag
    : `${URL_TAG}sha256:${createHash('sha256').update(tag).digest('base64url')}`;
}

/** The tags in the headers of a response, separated by spaces in `Surrogate-Key` and by commas in `Cache-Tag`. */
export function declaredTags(headers: HeaderMap): string[] {
  return TAG_FIELDS.flatMap((name) => String(headers[name] ?? '').split(name === 'cache-tag' ? ',' : /[\s,]+/)).flatMap(
    (tag) => tag.trim() || [],
  );
}

/** True when tags can be stored. Without its tags a response is not stored, because nobody could remove it by them. */
export function areStorable(tags: readonly unknown[]): tags is readonly string[] {
  try {
    for (const tag of tags) checkKey(tag, 'tag');
    return (tags as readonly string[]).reduce((bytes, tag) => bytes + tag.length, 0) <= MAX_TAGS_BYTES;
  } catch {
    return false;
  }
}

/** The tags for CDNs in front: without the URL tag, and encoded so that no tag becomes two. */
export function emittedTags(tags: readonly string[]): string[] {
  return tags
    .filter((tag) => !tag.startsWith(URL_TAG))
    .map((tag) => tag.replace(/[^\x21-\x2b\x2d-\x7e]+/g, encodeURIComponent));
}
