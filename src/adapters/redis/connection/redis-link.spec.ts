import { expect, it } from '@jest/globals';
import { settle } from '../../../../test/support/cache-with.js';
import { FakeClock } from '../../../testing/fake-clock.js';
import { RedisLink } from './redis-link.js';
import type { Reply } from './command.js';
import type { RedisWire } from './redis-wire.port.js';

/** A server that answers when it is told to. */
class SlowWire {
  readonly #answers: ((replies: readonly Reply[]) => void)[] = [];

  run(): Promise<readonly Reply[]> {
    return new Promise((resolve) => this.#answers.push(resolve));
  }

  async answer(serverMs: number): Promise<void> {
    for (const resolve of this.#answers.splice(0)) resolve([serverMs]);
    await settle();
  }

  lastError(): undefined {
    return undefined;
  }
}

it('leaves no timer behind when several probes were under way', async () => {
  const clock = new FakeClock();
  const wire = new SlowWire();
  const link = new RedisLink(wire as unknown as RedisWire, clock, {
    timeKey: 'k',
    limitMs: 250,
    onUp: () => undefined,
  });
  link.connectionUp();
  link.connectionUp();

  await wire.answer(1_000);
  expect(link.status).toBe('up');
  link.close();

  expect(clock.pending).toBe(0);
});
