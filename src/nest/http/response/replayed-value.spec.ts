import { inspect } from 'node:util';
import { describe, expect, it } from '@jest/globals';
import type { CachedResponse } from './cached-response.js';
import { replayedValueOf } from './replayed-value.js';

function replayed(body: string, contentType: string | null = 'application/json; charset=utf-8'): unknown {
  return replayedValueOf({ body: Buffer.from(body), contentType } as CachedResponse);
}

describe('replayedValueOf', () => {
  it.each<[string, string | null, unknown]>([
    ['{"a":{"b":[1]}}', 'application/json', { a: { b: [1] } }],
    ['[1,{"a":2}]', 'application/problem+json', [1, { a: 2 }]],
    ['7', 'application/json', 7],
    ['"x"', 'application/json', 'x'],
    ['null', 'application/json', null],
    ['{', 'application/json', undefined],
    ['<p>', 'text/html; charset=utf-8', '<p>'],
    ['bytes', 'application/octet-stream', undefined],
    ['', 'application/json', undefined],
    ['x', null, undefined],
  ])('makes a value of %j of %s', (body, contentType, expected) => {
    expect(replayed(body, contentType)).toEqual(expected);
  });

  it('can be read, changed and copied like the value', () => {
    const value = replayed('{"a":1,"list":[1,2]}') as { a: number; list: number[]; c?: number };

    value.list.push(3);
    value.c = 4;
    Reflect.deleteProperty(value, 'a');

    expect('list' in value).toBe(true);
    expect(JSON.stringify({ ...value })).toBe('{"list":[1,2,3],"c":4}');
    expect((replayed('[3,1]') as number[]).map((n) => n + 1)).toEqual([4, 2]);
    expect(Array.isArray(replayed('[]'))).toBe(true);
  });

  it('can be printed and cloned (fault 11)', () => {
    const value = replayed('{"a":{"b":[1]}}');

    expect(inspect(value)).toBe('{ a: { b: [ 1 ] } }');
    expect(structuredClone(value)).toEqual({ a: { b: [1] } });
  });

  it('keeps a `__proto__` in the data from being a prototype', () => {
    const value = replayed('{"__proto__":{"isAdmin":true}}') as { isAdmin?: boolean };

    expect(Object.keys(value)).toEqual(['__proto__']);
    expect(value.isAdmin).toBeUndefined();
  });
});
