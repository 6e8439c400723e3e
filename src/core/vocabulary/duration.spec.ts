import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { CacheConfigError } from './cache.errors.js';
import { parseDuration, parseTtl } from './duration.js';

describe('parseDuration', () => {
  it.each([
    [0, 0],
    [5000, 5000],
    ['0ms', 0],
    ['250ms', 250],
    ['5s', 5_000],
    ['1.5s', 1_500],
    ['1.1s', 1_100],
    ['2m', 120_000],
    ['1h', 3_600_000],
    ['1d', 86_400_000],
    ['2w', 1_209_600_000],
    ['1h30m', 5_400_000],
    ['1m500ms', 60_500],
    ['1w2d3h4m5s6ms', 788_645_006],
  ])('reads %j as %d ms', (duration, ms) => {
    expect(parseDuration(duration, 'x')).toBe(ms);
  });

  it.each([
    -1,
    NaN,
    Infinity,
    1.5,
    '0.5ms',
    '-5s',
    '5',
    '5 s',
    's',
    '',
    'soon',
    '5y',
    '1e3s',
    '30m1h',
    '1h1h',
    '1h 30m',
    '1h30',
    'h',
    null,
    undefined,
    {},
    [],
    5n,
    true,
  ])('refuses %p, and names the option, what it expects and what came', (duration) => {
    expect(() => parseDuration(duration, 'memory.x')).toThrow(CacheConfigError);
    expect(() => parseDuration(duration, 'memory.x')).toThrow(
      /Expected `memory\.x` to be a duration such as 5000 or '5s'.*, got `/,
    );
  });

  it.each([
    ['5min', "Write `'5m'`."],
    ['10 seconds', "Write `'10s'`."],
    ['5 m', "Write `'5m'`."],
    ['1.5Hrs', "Write `'1.5h'`."],
    ['20 millis', "Write `'20ms'`."],
    ['2 days', "Write `'2d'`."],
    ['1week', "Write `'1w'`."],
    ['300', "Write `'300s'` for seconds, or `300` for milliseconds."],
  ])('says what to write instead of %j', (text, instead) => {
    for (const parse of [parseDuration, parseTtl])
      expect(() => parse(text, 'x')).toThrow(`got \`${text === '300' ? "'300'" : text}\`. ${instead}`);
  });

  it.each(['1month', 'never', '5 apples', '1h 30m', ''])(
    'advises nothing where it cannot tell what %j means',
    (text) => {
      expect(() => parseTtl(text, 'x')).toThrow(/`\.$/);
    },
  );

  it('reads every whole number of every unit', () => {
    fc.assert(
      fc.property(
        fc.nat(1_000_000),
        fc.constantFrom(['ms', 1], ['s', 1_000], ['m', 60_000], ['h', 3_600_000]),
        (amount, [unit, ms]) => {
          expect(parseDuration(`${amount}${unit}`, 'x')).toBe(amount * ms);
        },
      ),
    );
  });
});

describe('parseTtl', () => {
  it("reads 'forever' as endless", () => {
    expect(parseTtl('forever', 'ttl')).toBe(Infinity);
  });

  it.each([Infinity, -1, 'never', '5', null, 0.5])('refuses %p', (ttl) => {
    expect(() => parseTtl(ttl, 'ttl')).toThrow(/Expected `ttl` to be a TTL such as 5000, '5s' or 'forever'/);
  });
});
