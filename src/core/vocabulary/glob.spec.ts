import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { compileGlob, escapeGlob } from './glob.js';

describe('compileGlob', () => {
  it.each([
    ['user:*', 'user:1', true],
    ['user:*', 'user:', true],
    ['user:*', 'auser:1', false],
    ['*:1', 'user:1', true],
    ['u?er', 'user', true],
    ['u?er', 'uer', false],
    ['?', '𝒳', true],
    ['h[ae]llo', 'hello', true],
    ['h[ae]llo', 'hillo', false],
    ['h[^e]llo', 'hallo', true],
    ['h[^e]llo', 'hello', false],
    ['h[a-c]llo', 'hbllo', true],
    ['h[c-a]llo', 'hbllo', true],
    ['h[a\\-c]llo', 'hbllo', false],
    ['h[a\\]]llo', 'h]llo', true],
    ['a\\*b', 'a*b', true],
    ['a\\*b', 'axb', false],
    ['**a**', 'bab', true],
    ['', '', true],
    ['', 'a', false],
    ['a.c', 'abc', false],
    ['*a*b*c', 'xxaxxbxxc', true],
    ['*a*b*c', 'xxaxxcxxb', false],
  ])('matches %j against %j: %s', (pattern, key, expected) => {
    expect(compileGlob(pattern)(key)).toBe(expected);
  });

  it.each(['[abc', 'a\\', '['])('refuses the unfinished pattern %j and says how to write it', (pattern) => {
    expect(() => compileGlob(pattern)).toThrow(/write `/);
  });

  it('matches an escaped key and nothing else', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), fc.string({ unit: 'binary' }), (key, other) => {
        const isMatch = compileGlob(escapeGlob(key));

        expect(isMatch(key)).toBe(true);
        expect(isMatch(other)).toBe(key === other);
      }),
    );
  });

  it('answers a hostile pattern in linear passes', () => {
    const isMatch = compileGlob('*a'.repeat(50) + 'b');

    expect(isMatch('a'.repeat(1000))).toBe(false);
  });
});
