import { expect, it } from '@jest/globals';
import { fnv1a } from './hash.js';

// The vectors of the FNV reference code for ASCII; a unit above 255 is one step here, as it is in no reference.
it.each([
  ['', 0x811c9dc5],
  ['a', 0xe40c292c],
  ['foobar', 0xbf9cf968],
  ['\uffff', 0x79aea14e],
])('hashes %j as it always did', (text, hash) => {
  expect(fnv1a(text) >>> 0).toBe(hash);
});

it('hashes a text in pieces as it does in one', () => {
  expect(fnv1a('bar', fnv1a('foo'))).toBe(fnv1a('foobar'));
});
