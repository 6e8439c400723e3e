import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { CacheConfigError } from '../../../core/vocabulary/cache.errors.js';
import { readRedis } from '../options/redis-options.js';
import { type KeySpace, RedisKeys, RESERVED_PARTS } from './redis-keys.js';

/** Parts of all names, chosen so that names are equal if they can be. */
const PARTS = [
  'a',
  'b',
  'e',
  'g',
  'i',
  'x',
  'trash',
  'bus',
  ':',
  '%',
  '%3A',
  '%65',
  '@',
  '{',
  '}',
  '{a}',
  '{tag:a}',
  'tag',
  'ns',
  'all',
  '0',
  '\n',
  'é',
];

const text = fc.array(fc.constantFrom(...PARTS), { minLength: 1, maxLength: 4 }).map((parts) => parts.join(''));
const prefix = fc
  .array(fc.constantFrom('a', 'b', 'e', 'g', 'x', ':', ':', ':a', ':e', '%', '@a'), { minLength: 1, maxLength: 6 })
  .map((parts) => parts.join(''))
  .filter(isAllowed);
const space: fc.Arbitrary<KeySpace> = fc.record({
  keyPrefix: prefix,
  name: text,
  version: fc.option(text, { nil: undefined }),
  parts: fc.constantFrom(1, 2),
});

/** Each kind of name that is written, by what it is of. */
const NAMES: readonly (readonly [
  kind: string,
  arity: number,
  make: (keys: RedisKeys, one: string, other: string) => string,
])[] = [
  ['entry', 1, (keys, key) => keys.entry(key, undefined)],
  ['entry of a namespace', 2, (keys, key, namespace) => keys.entry(key, namespace)],
  ['generation of a tag', 1, (keys, tag) => keys.tag(tag).key],
  ['generation of a namespace', 1, (keys, namespace) => keys.namespace(namespace).key],
  ['generation of everything', 0, (keys) => keys.everything[0]!.key],
  ['index of a tag', 1, (keys, tag) => keys.tag(tag).index],
  ['index of a namespace', 1, (keys, namespace) => keys.namespace(namespace).index],
  ['index of everything', 0, (keys) => keys.everything[0]!.index],
  ['index by creation', 0, (keys) => keys.everything[0]!.created!],
  ['trash of a tag', 1, (keys, tag) => keys.tag(tag).trash('id')],
  ['trash of a namespace', 1, (keys, namespace) => keys.namespace(namespace).trash('id')],
  ['names of trash', 0, (keys) => keys.trash],
  ['epochs', 0, (keys) => keys.epochs],
  ['channel of wakes', 0, (keys) => keys.wake],
  ['channel of changes', 0, (keys) => keys.bus],
  ['beat', 0, (keys) => keys.beat],
];
const named = fc.record({ kind: fc.constantFrom(...NAMES), one: text, other: text });
type Named = typeof named extends fc.Arbitrary<infer T> ? T : never;

function isAllowed(keyPrefix: string): boolean {
  try {
    return readRedis({ url: 'redis://localhost', keyPrefix }).keyPrefix === keyPrefix;
  } catch (error) {
    if (error instanceof CacheConfigError) return false;
    throw error;
  }
}

function nameOf({ kind: [, , make], one, other }: Named, of: KeySpace): string {
  return make(new RedisKeys(of), one, other);
}

/** The thing that has a name. */
function identityOf({ kind: [kind, arity], one, other }: Named): string {
  return JSON.stringify([kind, ...[one, other].slice(0, arity)]);
}

/** All caches that a name can belong to: behind each possible end of a prefix, a root and a reserved part follow. */
function readingsOf(name: string): Omit<KeySpace, 'parts'>[] {
  const segments = name.split(':');
  return segments.slice(1, -1).flatMap((segment, i) => {
    const keyPrefix = segments.slice(0, i + 1).join(':');
    if (!isAllowed(keyPrefix) || !RESERVED_PARTS.has(segments[i + 2]!)) return [];
    const readings = segment.split('@').map((_, at, all) => ({
      keyPrefix,
      name: unescaped(all.slice(0, at + 1)),
      version: at + 1 < all.length ? unescaped(all.slice(at + 1)) : undefined,
    }));
    return readings.filter(
      (reading) => reading.name !== '' && new RedisKeys({ ...reading, parts: 1 }).root === `${keyPrefix}:${segment}`,
    );
  });
}

function unescaped(parts: readonly string[]): string {
  return parts
    .join('@')
    .replace(/%([0-9A-F]{2})/g, (_, code: string) => String.fromCharCode(Number.parseInt(code, 16)));
}

describe('the names of keys', () => {
  it('are equal for the same thing only, with any text in namespaces, tags and keys (fault 34)', () => {
    fc.assert(
      fc.property(space, named, named, (of, x, y) => {
        expect(nameOf(x, of) === nameOf(y, of)).toBe(identityOf(x) === identityOf(y));
      }),
      { numRuns: 5_000 },
    );
  });

  it('belong to one cache only, with any text in its prefix, name and version (fault 34)', () => {
    fc.assert(
      fc.property(space, named, ({ parts, ...of }, x) => {
        expect(readingsOf(nameOf(x, { ...of, parts }))).toEqual([of]);
      }),
      { numRuns: 5_000 },
    );
  });

  it('are not shared by two caches when the prefix of one is prefix and name of the other (fault 34)', () => {
    const shop = new RedisKeys({ keyPrefix: 'shop', name: 'default', version: undefined, parts: 1 });
    const other = new RedisKeys({ keyPrefix: 'shop:default', name: 'e', version: undefined, parts: 1 });

    expect(other.entry('k', 'n').startsWith(shop.entry('', 'e'))).toBe(false);
    expect(other.entry('k', 'n').startsWith(shop.entryPrefix)).toBe(false);
    expect(other.root).toBe('shop:default:%65');
  });

  it('have only parts behind the root that a prefix must not contain', () => {
    const keys = new RedisKeys({ keyPrefix: 'p', name: 'n', version: undefined, parts: 1 });
    const names = [
      ...Object.values(keys).filter((value) => typeof value === 'string'),
      ...NAMES.map(([, , make]) => make(keys, 'a', 'b')),
    ];
    const parts = names
      .filter((name) => name !== keys.root)
      .map((name) => name.slice(keys.root.length + 1).split(':')[0]);

    expect(new Set(parts)).toEqual(RESERVED_PARTS);
  });

  it('can be read back', () => {
    fc.assert(
      fc.property(space, text, text, (of, key, namespace) => {
        const keys = new RedisKeys(of);

        expect(keys.parse(keys.entry(key, namespace))).toEqual({ key, namespace });
        expect(keys.parse(keys.entry(key, undefined))).toEqual({ key, namespace: undefined });
        expect(keys.targetOf(keys.entry(key, namespace))).toEqual({ kind: 'keys', keys: [key], namespace });
        expect(keys.targetOf(keys.tag(key).key)).toEqual({ kind: 'tags', tags: [key], mode: 'any' });
        expect(keys.targetOf(keys.namespace(namespace).key)).toEqual({ kind: 'namespace', namespace });
        expect(keys.groupOfTrash(keys.tag(key).trash('id')).key).toBe(keys.tag(key).key);
      }),
    );
  });
});
