import { describe, expect, it } from '@jest/globals';
import type { InvalidationTarget } from '../../core/ports/cache-adapter.port.js';
import type { Clock } from '../../core/ports/clock.port.js';
import type { CoherenceMode } from './options/redis-options.js';
import { FakeClock } from '../../testing/fake-clock.js';
import type { Silence } from './connection/announcer.js';
import type { Feed, ListeningWire, PlacesListener, Sink, SinkListener } from './connection/listening-wire.js';
import { RedisCoherence } from './redis-coherence.js';
import { RedisKeys } from './protocol/redis-keys.js';
import type { Command, Reply } from './connection/redis-wire.js';

const keys = new RedisKeys({ keyPrefix: 'test', name: 'near', version: undefined, parts: 1 });
const REFUSAL = new Error("NOPERM User app has no permissions to run the 'client|tracking' command");

/** A connection that does what the test says. */
class ManualSink implements Sink {
  provenMs = -Infinity;
  isOpen = false;
  isClosed = false;
  readonly serverId = undefined;

  constructor(
    readonly feed: Feed,
    private readonly clock: Clock,
    readonly listener: SinkListener,
  ) {}

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
  silence: Silence | undefined;
  isAllowedToPublish = true;
  /** What is answered to a beat. */
  ids = { mark: 'database', bus: '', mute: '' };
  /** What the last beat said. */
  heard = { isOnBus: false, isMute: false };

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

  announceChanges(_prefix: string, silence: Silence): void {
    this.silence = silence;
  }

  async mayAnnounce(): Promise<boolean> {
    return this.isAllowedToPublish;
  }

  async run([beat]: readonly Command[]): Promise<readonly Reply[]> {
    const [, , isOnBus, isMute] = beat?.args ?? [];
    this.heard = { isOnBus: isOnBus === 1, isMute: isMute === 1 };
    return [[this.ids.mark, this.ids.bus, this.ids.mute].map((id) => Buffer.from(id))];
  }

  openSink(_master: string, feed: Feed, clock: Clock, listener: SinkListener): Sink {
    const sink = new ManualSink(feed, clock, listener);
    this.sinks.push(sink);
    return sink;
  }
}

function started(masters: readonly string[], mode: CoherenceMode = 'tracking') {
  const wire = new ManualWire(masters);
  const clock = new FakeClock();
  const coherence = new RedisCoherence(wire, { mode, maxStalenessMs: 1_000, keys, clock, onNotice: () => undefined });
  const changes: InvalidationTarget[] = [];
  coherence.listen({ onChange: (target) => changes.push(target) });
  coherence.start();
  return { wire, clock, coherence, changes };
}

/** A listener on the bus that has found nobody silent for long enough. */
async function trusting() {
  const all = started(['one'], 'bus');
  all.wire.ids = { mark: 'database', bus: 'first', mute: '' };
  all.wire.sinks[0]?.open();
  await all.clock.advance(2_500);
  all.changes.length = 0;
  return all;
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

  it('of a connection that was left says nothing, as all else that is heard from it (fault 24)', async () => {
    const { wire, clock, coherence } = started(['one', 'two']);
    wire.ids = { mark: 'database', bus: 'first', mute: '' };
    const left = wire.sinks[1] as ManualSink;
    wire.sinks[0]?.listener.onRefused(REFUSAL);
    for (const sink of wire.sinks.slice(2)) sink.open();
    await clock.advance(2_500);
    const isProven = (): boolean => coherence.usage().isProven;
    const before = isProven();

    left.listener.onLost();

    expect([before, isProven()]).toEqual([true, true]);
  });
});

describe('a beat', () => {
  it('is asked for several times within the bound, and without its answer nothing is proven', async () => {
    const { wire, clock, coherence } = started(['one']);
    wire.sinks[0]?.open();
    await clock.advance(300);
    const before = coherence.usage().isProven;

    wire.run = async () => [new Error("READONLY You can't write against a read only replica.")];
    await clock.advance(1_300);

    expect([before, coherence.usage().isProven]).toEqual([true, false]);
  });

  it('that finds another database takes all copies (fault 15)', async () => {
    const { wire, clock, coherence, changes } = started(['one']);
    wire.sinks[0]?.open();
    await clock.advance(1_000);
    changes.length = 0;

    wire.ids = { ...wire.ids, mark: 'other' };
    await clock.advance(250);

    expect(changes).toEqual([{ kind: 'all' }]);
    expect(coherence.usage().isProven).toBe(true);
  });
});

describe('a listener on the bus', () => {
  it('limits its copies until every other process must have learnt of it, and says so (fault 23)', async () => {
    const { wire, clock, coherence } = started(['one'], 'bus');
    wire.ids = { mark: 'database', bus: 'first', mute: '' };
    wire.sinks[0]?.open();
    await clock.advance(1_500);
    const early = {
      limitMs: coherence.copyLimitMs,
      isServed: clock.nowMs() < coherence.provenUntilMs,
      ...coherence.usage(),
    };

    await clock.advance(1_000);

    expect(early).toMatchObject({
      limitMs: 1_000,
      isServed: true,
      isProven: false,
      reason: expect.stringMatching(/known to publish/),
    });
    expect([coherence.copyLimitMs, coherence.usage().isProven, wire.heard.isOnBus]).toEqual([Infinity, true, true]);
  });

  it.each([
    ['its announcement was lost meanwhile', { bus: 'second' }],
    ['somebody may not publish', { mute: 'somebody' }],
    ['the database is another one', { mark: 'other' }],
  ])('limits its copies, and gives up those that it has, when %s (fault 23)', async (_, ids) => {
    const { wire, clock, coherence, changes } = await trusting();

    wire.ids = { ...wire.ids, ...ids };
    await clock.advance(250);

    expect(changes[0]).toEqual({ kind: 'all' });
    expect([coherence.copyLimitMs, coherence.usage().isProven]).toEqual([1_000, false]);
  });

  it('never leaves its own changes unpublished', async () => {
    const { wire } = await trusting();

    expect(wire.silence?.isAllowed()).toBe(false);
  });
});

describe('a process that is not on the bus', () => {
  it('publishes nothing while nobody is, and everything when somebody is (fault 23)', async () => {
    const { wire, clock } = started(['one']);
    const atFirst = wire.silence?.isAllowed();
    await clock.advance(250);
    const alone = wire.silence?.isAllowed();

    wire.ids = { ...wire.ids, bus: 'first' };
    await clock.advance(250);

    expect([atFirst, alone, wire.silence?.isAllowed()]).toEqual([false, true, false]);
  });

  it('publishes everything when it has not asked for too long (fault 23)', async () => {
    const { wire, clock } = started(['one']);
    await clock.advance(250);

    wire.run = () => new Promise(() => undefined);
    await clock.advance(1_500);

    expect(wire.silence?.isAllowed()).toBe(false);
  });

  it('announces that it may not publish before its changes count as done (fault 23)', async () => {
    const { wire, clock } = started(['one']);
    wire.ids = { ...wire.ids, bus: 'first' };
    await clock.advance(250);

    const isKnown = await wire.silence?.demand(new Error('NOPERM'));

    expect([isKnown, wire.heard.isMute, wire.silence?.isAllowed()]).toEqual([true, true, true]);
  });
});

describe('a way that was refused', () => {
  async function refused() {
    const all = started(['one']);
    all.wire.sinks[0]?.listener.onRefused(REFUSAL);
    await all.clock.advance(1_000);
    return { ...all, probe: all.wire.sinks.at(-1) as ManualSink };
  }

  it('is tried again, and taken where it is allowed now (fault 23)', async () => {
    const { coherence, clock, probe } = await refused();

    probe.open();
    await clock.advance(0);

    expect([probe.feed.kind, probe.isClosed, coherence.usage().mode]).toEqual(['tracking', true, 'tracking']);
    expect(coherence.usage().reason).toBe('The server tells of every change by itself.');
  });

  it('is left for longer after each refusal', async () => {
    const { wire, clock, coherence, probe } = await refused();
    const triedBy = (): number => wire.sinks.filter(({ feed }) => feed.kind === 'tracking').length;

    probe.listener.onRefused(REFUSAL);
    await clock.advance(1_900);
    const early = triedBy();
    await clock.advance(100);

    expect([early, triedBy(), coherence.usage().mode, probe.isClosed]).toEqual([2, 3, 'bus', true]);
  });

  it('is not taken where what changes could not be published', async () => {
    const { wire, clock, coherence } = started(['one']);
    wire.isAllowedToPublish = false;
    wire.sinks[0]?.listener.onRefused(REFUSAL);
    await wire.silence?.demand(REFUSAL);
    await clock.advance(2_000);
    wire.sinks.at(-1)?.listener.onRefused(REFUSAL);
    const probe = wire.sinks.at(-1) as ManualSink;

    probe.open();
    await clock.advance(0);

    expect([probe.feed.kind, coherence.usage().mode]).toEqual(['bus', 'ttl']);
  });
});
