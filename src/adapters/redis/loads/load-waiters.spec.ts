import { describe, expect, it } from '@jest/globals';
import { settle } from '../../../../test/support/cache-with.js';
import { FakeClock } from '../../../testing/fake-clock.js';
import { LoadWaiters } from './load-waiters.js';

const LONG_LEASE_MS = 60_000;

function waitersThat({ isListening }: { isListening: boolean }) {
  const clock = new FakeClock();
  const waiters = new LoadWaiters(clock, () => isListening);
  /** Waits for the end of a load of `name`. Returns the time that took, once it has ended. */
  const wait = (name: string, leaseLeftMs: number): { tookMs: number | undefined } => {
    const startMs = clock.nowMs();
    const outcome: { tookMs: number | undefined } = { tookMs: undefined };
    void waiters
      .watch(name)
      .ended(leaseLeftMs)
      .then(() => (outcome.tookMs = clock.nowMs() - startMs));
    return outcome;
  };
  return { clock, waiters, wait };
}

describe('with messages', () => {
  it('wakes all waiters for a name, and no others', async () => {
    const { waiters, wait } = waitersThat({ isListening: true });
    const [first, second, other] = [wait('a', LONG_LEASE_MS), wait('a', LONG_LEASE_MS), wait('b', LONG_LEASE_MS)];

    waiters.wake('a');
    await settle();

    expect([first, second, other].map(({ tookMs }) => tookMs)).toEqual([0, 0, undefined]);
    expect(waiters.size).toBe(1);
  });

  it('ends a wait at once when the message came before the reply that the lease is held', async () => {
    const { clock, waiters } = waitersThat({ isListening: true });
    const watch = waiters.watch('a');

    waiters.wake('a');
    await watch.ended(LONG_LEASE_MS);

    expect(waiters.size).toBe(0);
    expect(clock.pending).toBe(0);
  });

  it('ends a wait after a second without a message, because one may be lost', async () => {
    const { clock, wait } = waitersThat({ isListening: true });
    const waiter = wait('a', LONG_LEASE_MS);

    await clock.advance(2_000);

    expect(waiter.tookMs).toBe(1_000);
  });

  it('ends a wait just after the end of the lease', async () => {
    const { clock, wait } = waitersThat({ isListening: true });
    const waiter = wait('a', 100);

    await clock.advance(2_000);

    expect(waiter.tookMs).toBe(105);
  });
});

describe('without messages', () => {
  it('doubles the time until a waiter asks again, up to half a second', async () => {
    const { clock, wait } = waitersThat({ isListening: false });
    const waits: (number | undefined)[] = [];

    for (let i = 0; i < 6; i++) {
      const waiter = wait('a', LONG_LEASE_MS);
      await clock.advance(1_000);
      waits.push(waiter.tookMs);
    }

    expect(waits).toEqual([50, 100, 200, 400, 500, 500]);
  });

  it('asks soon again once a load has ended', async () => {
    const { clock, waiters, wait } = waitersThat({ isListening: false });
    wait('a', LONG_LEASE_MS);
    await clock.advance(1_000);
    waiters.wake('a');
    const waiter = wait('a', LONG_LEASE_MS);

    await clock.advance(1_000);

    expect(waiter.tookMs).toBe(50);
  });
});

it('ends the wait of all callers when it closes, and leaves no timer behind', async () => {
  const { clock, waiters, wait } = waitersThat({ isListening: true });
  const all = [wait('a', LONG_LEASE_MS), wait('b', LONG_LEASE_MS)];

  waiters.wakeAll();
  await settle();

  expect(all.map(({ tookMs }) => tookMs)).toEqual([0, 0]);
  expect([waiters.size, clock.pending]).toEqual([0, 0]);
});

it('forgets a watch that is closed without a wait', () => {
  const { waiters } = waitersThat({ isListening: true });
  const watch = waiters.watch('a');

  watch.close();

  expect(waiters.size).toBe(0);
});
