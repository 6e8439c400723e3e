import { describe, expect, it } from '@jest/globals';
import { storableResult } from './raw-result.js';

describe('the part of a result that can be kept', () => {
  class Instance {
    constructor(readonly id: number) {}
  }
  class RowList extends Array<unknown> {
    readonly command = 'SELECT';
  }
  const libsqlRow = Object.defineProperties(
    { id: 1, name: 'a' },
    { 0: { value: 1 }, 1: { value: 'a' }, length: { value: 2 } },
  );

  it.each<[string, unknown, unknown]>([
    ['of PGlite', { rows: [[1]], fields: [{ name: 'id' }], affectedRows: 0 }, { rows: [[1]], affectedRows: 0 }],
    [
      'of node-postgres',
      { command: 'SELECT', rowCount: 1, oid: null, rows: [{ id: 1 }], _parsers: [parseInt], RowCtor: null },
      { command: 'SELECT', rowCount: 1, oid: null, rows: [{ id: 1 }], RowCtor: null },
    ],
    ['of postgres.js', RowList.from([[1], [2]]), [[1], [2]]],
    ['of mysql2, as arrays', [[[1, 'a']], [{ columnType: 3, name: 'id' }]], [[[1, 'a']]]],
    ['of mysql2, as objects', [[new Instance(1)], [{ columnType: 3 }]], [[{ id: 1 }]]],
    ['of mysql2, without fields', [[[1]], undefined], [[[1]]]],
    ['of libSQL', [libsqlRow], [[1, 'a']]],
    ['of D1', { success: true, meta: { duration: 1 }, results: [{ id: 1 }] }, { success: true, results: [{ id: 1 }] }],
    [
      'that is two rows of two columns',
      [
        [{ a: 1 }, 2],
        [{ a: 3 }, 4],
      ],
      [
        [{ a: 1 }, 2],
        [{ a: 3 }, 4],
      ],
    ],
    ['with instances as rows', [new Instance(1)], [{ id: 1 }]],
    ['with rows without a prototype', [Object.assign(Object.create(null), { id: 1 })], [{ id: 1 }]],
    ['that is one row', undefined, undefined],
    ['without rows', { affectedRows: 1n }, { affectedRows: 1n }],
  ])('is that of the result %s', (_, result, kept) => {
    expect(storableResult(result)).toEqual(kept);
  });

  it('holds plain arrays and objects alone', () => {
    const kept = storableResult(RowList.from([RowList.from([1]), new Instance(2)])) as object[];

    expect(kept.map((row) => row.constructor)).toEqual([Array, Object]);
    expect(kept.constructor).toBe(Array);
  });
});
