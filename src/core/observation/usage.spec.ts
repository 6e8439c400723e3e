import { describe, expect, it } from '@jest/globals';
import type { Caller } from './caller.js';
import { UsageLedger } from './usage.js';

const DAY_MS = 86_400_000;

const method = (place: string): Caller => ({ kind: 'method', place, label: `@Cached on ${place}` });
const route = (place: string): Caller => ({ kind: 'route', place, label: place });

describe('UsageLedger', () => {
  it('counts methods and routes apart, and puts those that saved most time first', () => {
    const ledger = new UsageLedger();
    ledger.of(method('A.a')).savings.savedMs += 10;
    ledger.of(method('B.b')).savings.savedMs += 20;
    ledger.of(route('GET /a')).savings.savedMs += 5;
    ledger.of(method('A.a')).savings.savedMs += 15;

    expect(ledger.methods().map(([place, { savings }]) => [place, savings.savedMs])).toEqual([
      ['A.a', 25],
      ['B.b', 20],
    ]);
    expect(ledger.routes().map(([place, { savings }]) => [place, savings.savedMs])).toEqual([['GET /a', 5]]);
  });

  it('counts two decorators of one method together', () => {
    const ledger = new UsageLedger();

    expect(ledger.of(method('A.a'))).toBe(ledger.of({ ...method('A.a'), label: '@CachePut on A.a' }));
  });

  it('tells the time that was saved since midnight UTC from the rest', () => {
    const ledger = new UsageLedger();
    const usage = ledger.of(method('A.a'));
    ledger.turn(5 * DAY_MS + 1);
    usage.savings.savedMs += 100;
    ledger.turn(5 * DAY_MS + 2);
    const before = usage.counts();
    ledger.turn(6 * DAY_MS);
    usage.savings.savedMs += 30;
    ledger.turn(6 * DAY_MS + 1);

    expect(before).toMatchObject({ savedMs: 100, savedTodayMs: 100 });
    expect(usage.counts()).toMatchObject({ savedMs: 130, savedTodayMs: 30 });
  });

  it('counts no more than a thousand methods by name', () => {
    const ledger = new UsageLedger();
    for (let i = 0; i < 1_200; i++) ledger.of(method(`M.m${i}`)).hits++;

    expect(ledger.methods()).toHaveLength(1_000);
  });
});
