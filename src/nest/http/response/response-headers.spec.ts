import { describe, expect, it } from '@jest/globals';
import { changedHeaders, listOf, removedHeaders } from './response-headers.js';

describe('changedHeaders', () => {
  it('#30: gives what is new or other', () => {
    const before = { 'x-same': 'a', 'x-other': 'a', 'x-list': ['a', 'b'] };

    expect(changedHeaders(before, { 'x-same': 'a', 'x-other': 'b', 'x-list': ['a', 'b'], 'x-new': 1 })).toEqual([
      ['x-other', 'b'],
      ['x-new', 1],
    ]);
  });

  it('#31: leaves out what belongs to the connection, and what it names', () => {
    const after = {
      connection: 'close, X-Hop',
      'x-hop': '1',
      'keep-alive': '5',
      'transfer-encoding': 'chunked',
      'proxy-authenticate': 'x',
      'x-end': '1',
    };

    expect(changedHeaders({}, after)).toEqual([['x-end', '1']]);
  });

  it('tells one line from a list of one', () => {
    expect(changedHeaders({ link: 'a' }, { link: ['a'] })).toEqual([['link', ['a']]]);
  });
});

it('names the headers that are gone', () => {
  expect(removedHeaders({ 'x-a': '1', 'x-b': '2' }, { 'x-b': '2' })).toEqual(['x-a']);
});

it.each([
  [undefined, []],
  ['', []],
  ['A , b,,C', ['a', 'b', 'c']],
  [
    ['a, b', 'C'],
    ['a', 'b', 'c'],
  ],
])('#51: reads %j as a list', (value, expected) => {
  expect(listOf(value)).toEqual(expected);
});
