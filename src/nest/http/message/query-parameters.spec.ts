import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { keyedQuery } from './query-parameters.js';

describe('keyedQuery', () => {
  it.each([
    ['b=2&a=1', 'a=1&b=2'],
    ['a=2&a=1', 'a=2&a=1'],
    ['a', 'a'],
    ['a=', 'a='],
    ['', ''],
    ['&&a=1&', 'a=1'],
    ['b=1&a[]=2&a=3', 'a[]=2&a=3&b=1'],
    ['b=1&%61=2&a=3', '%61=2&a=3&b=1'],
    ['b=1&a=2&%61=3', 'a=2&%61=3&b=1'],
    ['b=1&[a]=2&a=3', '[a]=2&a=3&b=1'],
    ['b=1&a.x=2&a=3', 'a.x=2&a=3&b=1'],
    ['b=%zz&a=1', 'a=1&b=%zz'],
    ['%zz=1&a=1', '%zz=1&a=1'],
  ])('#42, #44: turns %j into %j', (query, expected) => {
    expect(keyedQuery(query, undefined)).toEqual({ text: expected, dropped: [] });
  });

  it.each([
    [{ ignore: ['utm_source'] }, 'utm_source=x&page=1&utm_source=y', 'page=1', ['utm_source']],
    [{ ignore: ['utm_source'] }, 'utm%5Fsource=x', '', ['utm_source']],
    [{ ignore: ['utm_source'] }, 'utm_source[x]=1', 'utm_source[x]=1', []],
    [{ allow: ['page'] }, 'page=1&x=2', 'page=1', ['x']],
    [{ allow: ['page'] }, 'page[]=1&[page]=2&page.x=3', 'page[]=1&[page]=2&page.x=3', []],
    [{ allow: ['page'] }, '%zz=1', '%zz=1', []],
    [{ allow: [] }, 'x=1&y', '', ['x', 'y']],
  ])('#43: with %j keeps of %j only %j', (options, query, text, dropped) => {
    expect(keyedQuery(query, options)).toEqual({ text, dropped });
  });

  it('does not sort more parameters than a parser may read', () => {
    const query = Array.from({ length: 101 }, (_, i) => `p${1000 - i}=`).join('&');

    expect(keyedQuery(query, undefined).text).toBe(query);
  });

  it('keeps every parameter, and the order of those with one name', () => {
    const parameter = fc
      .tuple(fc.constantFrom('a', 'b', 'a[]', '%61', 'c'), fc.constantFrom('', '=', '=1', '=2'))
      .map((parts) => parts.join(''));

    fc.assert(
      fc.property(fc.array(parameter, { maxLength: 12 }), (parameters) => {
        const sorted = keyedQuery(parameters.join('&'), undefined).text.split('&').filter(Boolean);
        const foldable = (text: string): boolean => /^(a|%61)/.test(text);

        expect([...sorted].sort()).toEqual([...parameters].sort());
        expect(sorted.filter(foldable)).toEqual(parameters.filter(foldable));
      }),
    );
  });
});
