import { expect, it } from '@jest/globals';
import { FakeClock } from '../../../testing/fake-clock.js';
import { ServerTime } from './server-time.js';

const SERVER_MS = 1_000_000;

/** Asks the server for its time; the answer comes after `tookMs`. */
async function synced(time: ServerTime, clock: FakeClock, tookMs: number, saidMs: number): Promise<void> {
  const sentMs = clock.nowMs();
  await clock.advance(tookMs);
  time.sync(saidMs, sentMs);
}

it('knows the time of the server to half a round trip', async () => {
  const clock = new FakeClock();
  const time = new ServerTime(clock);

  await synced(time, clock, 10, SERVER_MS);

  expect(time.nowMs()).toBe(SERVER_MS + 5);
});

it('trusts a short round trip more than a long one, as in a busy process (fault 28)', async () => {
  const clock = new FakeClock();
  const time = new ServerTime(clock);
  await synced(time, clock, 2, SERVER_MS);

  // Answered at once, and read 800 ms later.
  await synced(time, clock, 800, SERVER_MS + 2);

  expect(time.nowMs()).toBe(SERVER_MS + 801);
});

it('follows a server whose clock has jumped, however long the round trip', async () => {
  const clock = new FakeClock();
  const time = new ServerTime(clock);
  await synced(time, clock, 2, SERVER_MS);

  await synced(time, clock, 800, SERVER_MS + 60_000);

  expect(time.nowMs()).toBe(SERVER_MS + 60_400);
});
