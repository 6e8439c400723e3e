import { CacheKeyError } from './cache.errors.js';
import { show } from './show.js';

/** Longest key, tag or namespace, in UTF-8 bytes. */
export const MAX_KEY_BYTES = 1024;

/**
 * Checks a key, tag or namespace: a non-empty, well-formed string of at most 1024 UTF-8 bytes.
 * A lone surrogate would become U+FFFD on the way to Redis, so that two keys would be one.
 * @param what the role of `key`, for the message
 * @throws CacheKeyError
 */
export function checkKey(key: unknown, what: 'key' | 'tag' | 'namespace' | 'pattern'): asserts key is string {
  // A UTF-16 unit is at most three bytes of UTF-8, so a short string needs no count.
  if (typeof key === 'string' && key.length > 0 && key.isWellFormed()) {
    if (key.length * 3 <= MAX_KEY_BYTES || Buffer.byteLength(key) <= MAX_KEY_BYTES) return;
  }
  throw keyError(key, what);
}

/** Returns `key` when it is a valid key. @throws CacheKeyError */
function checkedKey(key: unknown): string {
  checkKey(key, 'key');
  return key;
}

/** Checks a key that a function made from arguments. @throws CacheKeyError also when it contains `[object Object]` */
export function checkedMadeKey(made: unknown): string {
  const key = checkedKey(made);
  if (!key.includes(OBJECT_AS_TEXT)) return key;
  const start = key.slice(0, key.indexOf(OBJECT_AS_TEXT));
  throw new CacheKeyError(
    `Expected the key to tell arguments apart, got \`${show(key)}\`, which is the same for all objects. ` +
      `Put the fields that matter into it, such as \`${start}\${query.page}\`.`,
  );
}

const OBJECT_AS_TEXT = '[object Object]';

export function checkKeys(keys: unknown, what: 'key' | 'tag'): asserts keys is readonly string[] {
  if (!Array.isArray(keys)) {
    const fix = typeof keys === 'string' ? ` Write \`['${show(keys)}']\`.` : '';
    throw new CacheKeyError(`Expected ${what}s as an array of strings, got \`${show(keys)}\`.${fix}`);
  }
  for (const key of keys) checkKey(key, what);
}

function keyError(key: unknown, what: string): CacheKeyError {
  if (typeof key !== 'string') {
    const isNumber = typeof key === 'number' || typeof key === 'bigint';
    const fix = isNumber ? ` Write \`String(...)\` around it, or a template such as \`user:${show(key)}\`.` : '';
    return new CacheKeyError(`Expected the ${what} to be a string, got \`${show(key)}\` (${typeof key}).${fix}`);
  }
  if (key.length === 0) return new CacheKeyError(`Expected the ${what} to be a non-empty string, got ''.`);
  if (!key.isWellFormed()) {
    return new CacheKeyError(
      `Expected the ${what} to be well-formed Unicode, got a lone surrogate in \`${show(key.toWellFormed())}\`.`,
    );
  }
  return new CacheKeyError(
    `Expected the ${what} to be at most ${MAX_KEY_BYTES} bytes of UTF-8, got ${Buffer.byteLength(key)}: ` +
      `\`${show(key)}\`. Hash the long part first.`,
  );
}

/** Different tags per entry at most, on every backend. */
export const MAX_TAGS = 997;

/** Checks the tags of an entry. @throws CacheKeyError */
export function checkedTags(tags: unknown): readonly string[] {
  checkKeys(tags, 'tag');
  if (tags.length <= MAX_TAGS) return tags;
  const count = new Set(tags).size;
  if (count <= MAX_TAGS) return tags;
  throw new CacheKeyError(
    `Expected at most ${MAX_TAGS} different tags on one entry, got ${count}. Give what belongs together one tag.`,
  );
}

/**
 * A string for a version, namespace and key. Different ones never give the same string, because the lengths of version
 * and namespace are part of it.
 */
export function storedKey(key: string, namespace: string | undefined, version: string | undefined): string {
  const v = version === undefined ? '-' : `${version.length}.${version}`;
  const n = namespace === undefined ? '-' : `${namespace.length}.${namespace}`;
  return `${v}:${n}:${key}`;
}
