import { describe, expect, it } from '@jest/globals';
import { settle } from '../../../../test/support/cache-with.js';
import { FakeClock } from '../../../testing/fake-clock.js';
import { RedisLink } from './redis-link.js';
import { plain, type Reply } from './command.js';
import type { RedisWire } from './redis-wire.port.js';

const GET = plain('GET', 'k');

/** A server that answers when the test calls `answer`. */
class SlowWire {
  readonly #answers: ((replies: readonly Reply[]) => void)[] = [];

  run(): Promise<readonly Reply[]> {
    return new Promise((resolve) => this.#answers.push(resolve));
  }

  async answer(...replies: readonly Reply[]): Promise<void> {
    for (const resolve of this.#answers.splice(0)) resolve(replies);
    await settle();
  }

  lastError(): undefined {
    return undefined;
  }
}

function linkOnSlowWire() {
  const clock = new FakeClock();
  const wire = new SlowWire();
  const link = new RedisLink(wire as unknown as RedisWire, clock, {
    timeKey: 'k',
    limitMs: 250,
    onUp: () => undefined,
  });
  return { clock, wire, link };
}

it('leaves no timer behind when several probes were under way', async () => {
  const { clock, wire, link } = linkOnSlowWire();
  link.connectionUp();
  link.connectionUp();

  await wire.answer(1_000);
  expect(link.status).toBe('up');
  link.close();

  expect(clock.pending).toBe(0);
});

describe('ask', () => {
  it('rejects with the first reply that is an error, where run returns it', async () => {
    const { wire, link } = linkOnSlowWire();
    const replies = [1, new Error('WRONGTYPE'), new Error('OOM')];
    link.connectionUp();
    await wire.answer(1_000);

    const [run, ask] = [link.run([GET], 250), link.ask([GET], 250)];
    const asked = expect(ask).rejects.toBe(replies[1]);
    await wire.answer(...replies);

    await expect(run).resolves.toEqual(replies);
    await asked;
    link.close();
  });

  it('sends nothing when there are no commands', async () => {
    const { link } = linkOnSlowWire();

    const replies = await link.ask([], 250);

    expect(replies).toEqual([]);
  });
});
