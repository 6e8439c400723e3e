import { describe, expect, it } from '@jest/globals';
import type { Clock } from '../../core/ports/clock.port.js';
import { FakeClock } from '../../testing/fake-clock.js';
import type { Feed, ListeningWire, PlacesListener, Sink, SinkListener } from './listening-wire.js';
import { RedisCoherence } from './redis-coherence.js';
import { RedisKeys } from './redis-keys.js';

const keys = new RedisKeys({ keyPrefix: 'test', name: 'near', version: undefined, parts: 1 });
const REFUSAL = new Error('NOPERM User app has no permissions to run the \'client|tracking\' command');

/** A connection that does what the test says. */
class ManualSink implements Sink {
  provenMs = -Infinity;
  isOpen = false;
  isClosed = false;
  readonly serverId = undefined;

  constructor(readonly feed: Feed, private readonly clock: Clock, readonly listener: SinkListener) {}

  open(): void {
    this.isOpen = true;
    this.listener.onOpen();
    this.beat();
  }

  beat(): void {
    if (!this.isOpen) return;
    this.provenMs = this.clock.nowMs();
    this.listener.onProof();
  }

  restart(): void {}

  async close(): Promise<void> {
    this.isClosed = true;
  }
}

/** Masters whose connections are opened by the test. */
class ManualWire implements ListeningWire {
  readonly isCluster = false;
  readonly sinks: ManualSink[] = [];
  places: PlacesListener | undefined;

  constructor(private readonly names: readonly string[]) {}

  masters(): readonly string[] {
    return this.names;
  }

  nameOn(_master: string, prefix: string): string {
    return prefix;
  }

  watchPlaces(listener: PlacesListener): void {
    this.places = listener;
  }

  isServedBy(): boolean {
    return true;
  }

  async areInPlace(): Promise<boolean> {
    return true;
  }

  announceChanges(): void {}

  openSink(_master: string, feed: Feed, clock: Clock, listener: SinkListener): Sink {
    const sink = new ManualSink(feed, clock, listener);
    this.sinks.push(sink);
    return sink;
  }
}

function started(masters: readonly string[]) {
  const wire = new ManualWire(masters);
  const clock = new FakeClock();
  const coherence = new RedisCoherence(wire, { mode: 'tracking', maxStalenessMs: 1_000, keys, clock, onNotice: () => undefined });
  coherence.listen({ onChange: () => undefined });
  coherence.start();
  return { wire, clock, coherence };
}

describe('a refusal', () => {
  it('leads to the next way alone, however many masters refuse (fault 24)', () => {
    const { wire, coherence } = started(['one', 'two', 'three']);
    const asked = [...wire.sinks];

    for (const { listener } of asked) listener.onRefused(REFUSAL);

    expect(asked.map(({ feed }) => feed.kind)).toEqual(['tracking', 'tracking', 'tracking']);
    expect(coherence.usage().mode).toBe('bus');
    expect(wire.sinks.filter(({ isClosed }) => !isClosed).map(({ feed }) => feed.kind)).toEqual(['bus', 'bus', 'bus']);
  });

  it('counts from a connection of the way that is taken', () => {
    const { wire, coherence } = started(['one', 'two']);
    wire.sinks[0]?.listener.onRefused(REFUSAL);

    wire.sinks.at(-1)?.listener.onRefused(REFUSAL);

    expect(coherence.usage().mode).toBe('ttl');
  });

  it('of a connection that was left says nothing, as all else that is heard from it (fault 24)', () => {
    const { wire, coherence } = started(['one', 'two']);
    const left = wire.sinks[1] as ManualSink;
    wire.sinks[0]?.listener.onRefused(REFUSAL);
    for (const sink of wire.sinks.slice(2)) sink.open();
    const isProven = (): boolean => coherence.usage().isProven;
    const before = isProven();

    left.listener.onLost();

    expect([before, isProven()]).toEqual([true, true]);
  });
});
