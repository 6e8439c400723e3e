import { describe, expect, it } from '@jest/globals';
import { lostInJson } from './json-loss.js';

class Interval {
  hours = 1;
}

describe('what JSON loses of a result', () => {
  it.each<[string, unknown]>([
    ['a bigint in `id`', [{ id: 5n }]],
    ['the number NaN in `id`', [{ id: 1 }, { id: NaN }]],
    ['the number Infinity in `until`', [{ until: Infinity }]],
    ['bytes in `face`', [{ face: Buffer.from('a') }]],
    ['bytes in `face`', [{ face: null }, { face: new Uint8Array(1) }]],
    ['an instance of Date in `times`', [{ times: [new Date(0)] }]],
    ['an instance of Interval in `took`', [{ took: new Interval() }]],
    ['a bigint in `data`', [{ data: { a: [{ b: 1n }] } }]],
    ['a bigint in `id`', { rows: [{ id: 5n }] }],
    ['a bigint in `id`', { recordset: [{ id: 5n }] }],
  ])('is found: %s', (lost, result) => {
    expect(lostInJson(result)).toBe(lost);
  });

  it.each<[unknown]>([
    [[{ id: 1, name: 'a', at: new Date(0), data: { list: [1, null, 'b'] }, none: null, absent: undefined }]],
    [{ rows: [Object.create(null)] }],
    [[]],
    [[null]],
    [undefined],
    [{ affectedRows: 1 }],
  ])('is nothing in an ordinary one', (result) => {
    expect(lostInJson(result)).toBeUndefined();
  });
});
