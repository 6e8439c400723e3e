import { describe, expect, it } from '@jest/globals';
import { settle } from '../../../test/support/cache-with.js';
import { FakeClock } from '../../testing/fake-clock.js';
import { RoomQueue } from './room-queue.js';

/** A room with some places, and a record of who got one. */
function roomOf(places: number): {
  room: RoomQueue;
  clock: FakeClock;
  free(): void;
  enter(name: string): void;
  inside: string[];
} {
  const clock = new FakeClock();
  const room = new RoomQueue(clock);
  const inside: string[] = [];
  return {
    room,
    clock,
    inside,
    free: () => {
      places++;
    },
    enter: (name) => {
      const tryIt = async (): Promise<true | undefined> => (places > 0 ? (places--, true) : undefined);
      void room.wait(tryIt).then(() => inside.push(name));
    },
  };
}

describe('the queue for room', () => {
  it('admits callers in their order, one for each nudge', async () => {
    const { room, free, enter, inside } = roomOf(1);
    for (const name of ['a', 'b', 'c']) enter(name);
    await settle();
    const atFirst = [...inside];

    free();
    room.nudge();
    await settle();

    expect([atFirst, inside, room.isEmpty]).toEqual([['a'], ['a', 'b'], false]);
  });

  it('looks again after a second without a nudge', async () => {
    const { room, clock, free, enter, inside } = roomOf(0);
    enter('a');
    await settle();

    free();
    await clock.advance(999);
    const before = [...inside];
    await clock.advance(1);

    expect([before, inside, room.isEmpty, clock.pending]).toEqual([[], ['a'], true, 0]);
  });

  it('misses no nudge that comes while a caller tries', async () => {
    const clock = new FakeClock();
    const room = new RoomQueue(clock);
    let tries = 0;

    const admitted = room.wait(async () => {
      if (++tries === 2) return 'in';
      room.nudge();
      return undefined;
    });

    expect([await admitted, clock.pending]).toEqual(['in', 0]);
  });

  it('goes on with the next caller when one fails', async () => {
    const room = new RoomQueue(new FakeClock());

    const failed = room.wait(() => Promise.reject(new Error('closed')));
    const next = room.wait(async () => 'in');

    await expect(failed).rejects.toThrow('closed');
    expect(await next).toBe('in');
  });
});
