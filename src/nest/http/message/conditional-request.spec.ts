import { describe, expect, it } from '@jest/globals';
import { isNotModified, weakEtag } from './conditional-request.js';

describe('isNotModified', () => {
  it.each([
    ['"a"', '"a"', true],
    ['"a"', 'W/"a"', true],
    ['W/"a"', '"a"', true],
    ['"a"', '"b"', false],
    ['"a"', '*', true],
    ['"a"', ' "x" ,"a"', true],
    ['"a"', '"x,y", "a"', true],
    ['"x,y"', '"x,y"', true],
    ['"y"', '"x,y"', false],
    ['"x y"', '"x y"', true],
    ['"a"', 'a', false],
    ['"a"', 'a, "b"', false],
    ['"a"', '', false],
    ['"a"', 'w/"a"', false],
  ])('#60: matches the tag %s against If-None-Match: %s as %p', (etag, noneMatch, expected) => {
    expect(isNotModified({ 'if-none-match': noneMatch }, { etag, lastModified: undefined })).toBe(expected);
  });

  const modified = 'Sun, 06 Nov 1994 08:49:37 GMT';
  it.each([
    [modified, true],
    ['Sun, 06 Nov 1994 08:49:38 GMT', true],
    ['Sun, 06 Nov 1994 08:49:36 GMT', false],
    ['soon', false],
  ])('#62: judges If-Modified-Since: %s as %p', (since, expected) => {
    expect(isNotModified({ 'if-modified-since': since }, { etag: undefined, lastModified: modified })).toBe(expected);
  });

  it('#61: leaves If-Modified-Since alone where there is If-None-Match', () => {
    const headers = { 'if-none-match': '"other"', 'if-modified-since': modified };

    expect(isNotModified(headers, { etag: '"a"', lastModified: modified })).toBe(false);
  });
});

it('#59: makes the tag that Express makes', () => {
  expect(weakEtag(Buffer.from('{"a":1}'))).toBe('W/"7-n4nHQM60bXQYySSnisV5QdXpZSA"');
});
