import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { checkedTags, checkKey, MAX_KEY_BYTES, MAX_TAGS, storedKey } from './cache-key.js';

describe('checkKey', () => {
  it.each(['a', ' ', ':', '\n', '\0', '__proto__', '*', '𝒳', 'x'.repeat(MAX_KEY_BYTES), 'é'.repeat(MAX_KEY_BYTES / 2)])(
    'accepts %j',
    (key) => {
      expect(() => checkKey(key, 'key')).not.toThrow();
    },
  );

  it.each([
    ['', /non-empty/],
    [42, /a string, got `42` \(number\)\. Write `String\(\.\.\.\)` around it, or a template such as `user:42`\.$/],
    [undefined, /a string/],
    [null, /a string/],
    ['a\ud800', /lone surrogate/],
    ['x'.repeat(MAX_KEY_BYTES + 1), /at most 1024 bytes of UTF-8, got 1025.*Hash the long part first/],
    ['é'.repeat(MAX_KEY_BYTES / 2 + 1), /at most 1024 bytes/],
  ])('refuses %j and says what is wrong', (key, message) => {
    expect(() => checkKey(key, 'tag')).toThrow(message);
    expect(() => checkKey(key, 'tag')).toThrow(/Expected the tag to be/);
  });
});

describe('checkedTags', () => {
  it('says what to write for a tag alone', () => {
    expect(() => checkedTags('products')).toThrow(
      "Expected tags as an array of strings, got `products`. Write `['products']`.",
    );
  });

  const tags = (count: number): string[] => Array.from({ length: count }, (_, i) => `t${i}`);

  it('accepts as many different tags as an entry can carry (fault 34)', () => {
    expect(checkedTags([...tags(MAX_TAGS), 't0'])).toHaveLength(MAX_TAGS + 1);
  });

  it('refuses one more (fault 34)', () => {
    expect(() => checkedTags(tags(MAX_TAGS + 1))).toThrow(/Expected at most 997 different tags on one entry, got 998/);
  });
});

describe('storedKey', () => {
  it('is one string for one address and never the same for two', () => {
    const part = fc.option(
      fc.oneof(
        fc.string({ unit: 'binary', minLength: 1 }),
        fc.constantFrom('-', ':', '1.a', '-:-', '1.a:-', 'a:b', '2.-:'),
      ),
      { nil: undefined },
    );
    const address = fc.tuple(
      part.map((key) => key ?? 'k'),
      part,
      part,
    );

    fc.assert(
      fc.property(address, address, (a, b) => {
        expect(storedKey(...a) === storedKey(...b)).toBe(a.every((value, i) => value === b[i]));
      }),
      { numRuns: 2_000 },
    );
  });
});
