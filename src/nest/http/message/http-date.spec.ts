import { describe, expect, it } from '@jest/globals';
import { parseHttpDate } from './http-date.js';

describe('parseHttpDate', () => {
  it.each([['Sun, 06 Nov 1994 08:49:37 GMT'], ['Sunday, 06-Nov-94 08:49:37 GMT'], ['Sun Nov  6 08:49:37 1994']])(
    '#21: reads %s',
    (text) => {
      expect(parseHttpDate(text)).toBe(784_111_777_000);
    },
  );

  it.each([['sun, 06 nov 1994 08:49:37 gmt'], ['SUNDAY, 06-NOV-94 08:49:37 GMT'], ['sUN nOV  6 08:49:37 1994']])(
    'reads %s in whatever case (fault 18)',
    (text) => {
      expect(parseHttpDate(text)).toBe(784_111_777_000);
    },
  );

  it.each([
    ['0'],
    ['-1'],
    ['1994-11-06T08:49:37Z'],
    ['Sun, 06 Nov 94 08:49:37 GMT'],
    ['Sun, 06 Nov 1994 08:49:37 UTC'],
    ['Sun, 6 Nov 1994 08:49:37 GMT'],
    ['Thu, 31 Feb 1994 08:49:37 GMT'],
    [''],
  ])('#21, #62: reads no date in %j', (text) => {
    expect(parseHttpDate(text)).toBeUndefined();
  });
});
