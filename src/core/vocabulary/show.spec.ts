import { expect, it } from '@jest/globals';
import { show } from './show.js';

it.each<[unknown, string]>([
  ['soon', 'soon'],
  ['100', "'100'"],
  ['-1.5e3', "'-1.5e3'"],
  ['true', "'true'"],
  ['null', "'null'"],
  ['', "''"],
  [' ', "' '"],
  [100, '100'],
  [null, 'null'],
  ['x'.repeat(61), `${'x'.repeat(60)}…`],
  [['a'], 'an array'],
  [new Map(), 'an object (Map)'],
])('shows %j so that its kind can be told (fault 22)', (value, picture) => {
  expect(show(value)).toBe(picture);
});
