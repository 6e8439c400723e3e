import { describe, expect, it } from '@jest/globals';
import { type Connection, CONNECTING, type ConnectionEvent, delayMs, nextConnection } from './connection.js';

const after = (...events: ConnectionEvent[]): Connection => events.reduce(nextConnection, CONNECTING);

describe('the connection', () => {
  it('is live while events come, and lost five seconds after the last one', () => {
    expect(after({ kind: 'heard', atMs: 0 }, { kind: 'passed', atMs: 5_000 }).state).toBe('live');
    expect(after({ kind: 'heard', atMs: 0 }, { kind: 'passed', atMs: 5_001 }).state).toBe('lost');
    expect(after({ kind: 'heard', atMs: 0 }, { kind: 'broke' }, { kind: 'heard', atMs: 1 }).state).toBe('live');
  });

  it('is tried again later and later, and at once after an event', () => {
    const broke = { kind: 'broke' } as const;
    const delays = [1, 2, 3, 20].map((times) => delayMs(after(...Array.from({ length: times }, () => broke))));

    expect(delays).toEqual([1_000, 2_000, 4_000, 30_000]);
    expect(after(broke, broke, { kind: 'heard', atMs: 0 }).attempts).toBe(0);
  });

  it('says why it was refused', () => {
    expect(after({ kind: 'refused', reason: 'Forbidden' })).toMatchObject({ state: 'refused', reason: 'Forbidden' });
    expect(after({ kind: 'refused', reason: 'Forbidden' }, { kind: 'broke' })).not.toHaveProperty('reason');
  });
});
