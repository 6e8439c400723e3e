import { describe, expect, it } from '@jest/globals';
import type { InvalidationTarget } from '../../core/ports/cache-adapter.port.js';
import type { Clock } from '../../core/ports/clock.port.js';
import type { CoherenceMode } from './options/redis-options.js';
import { FakeClock } from '../../testing/fake-clock.js';
import type { Silence } from './connection/change-announcer.js';
import type {
  ChangeFeed,
  CoherenceWire,
  TopologyListener,
  ChangeListener,
  ChangeHandlers,
} from './connection/coherence-wire.port.js';
import { RedisCoherence } from './redis-coherence.js';
import { RedisKeys } from './protocol/redis-keys.js';
import type { Command, Reply } from './connection/command.js';

const keys = new RedisKeys({ keyPrefix: 'test', name: 'near', version: undefined, parts: 1 });
const REFUSAL = new Error("NOPERM User app has no permissions to run the 'client|tracking' command");

/** A change listener that the test controls. */
class ManualListener implements ChangeListener {
  provenMs = -Infinity;
  isOpen = false;
  isClosed = false;
  readonly serverId = undefined;

  readonly #clock: Clock;

  constructor(
    readonly feed: ChangeFeed,
    clock: Clock,
    readonly handlers: ChangeHandlers,
  ) {
    this.#clock = clock;
  }

  open(): void {
    this.isOpen = true;
    this.handlers.onOpen();
    this.beat();
  }

  beat(): void {
    if (!this.isOpen) return;
    this.provenMs = this.#clock.nowMs();
    this.handlers.onProof();
  }

  restart(): void {}

  async close(): Promise<void> {
    this.isClosed = true;
  }
}

/** A wire whose listeners the test opens. */
class ManualWire implements CoherenceWire {
  readonly isCluster = false;
  readonly listeners: ManualListener[] = [];
  places: TopologyListener | undefined;
  silence: Silence | undefined;
  isAllowedToPublish = true;
  /** The ids in the reply to a beat. */
  ids = { mark: 'database', bus: '', mute: '' };
  /** The arguments of the last beat. */
  heard = { isOnBus: false, isMute: false };

  readonly #names: readonly string[];

  constructor(names: readonly string[]) {
    this.#names = names;
  }

  masters(): readonly string[] {
    return this.#names;
  }

  nameOn(_master: string, prefix: string): string {
    return prefix;
  }

  watchTopology(listener: TopologyListener): void {
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

  openListener(_master: string, feed: ChangeFeed, clock: Clock, handlers: ChangeHandlers): ChangeListener {
    const listener = new ManualListener(feed, clock, handlers);
    this.listeners.push(listener);
    return listener;
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

/** A listener on the bus with a row of beats that is old enough to be trusted. */
async function trusting() {
  const all = started(['one'], 'bus');
  all.wire.ids = { mark: 'database', bus: 'first', mute: '' };
  all.wire.listeners[0]?.open();
  await all.clock.advance(2_500);
  all.changes.length = 0;
  return all;
}

describe('a refusal', () => {
  it('leads to the next mode only, however many masters refuse (fault 24)', () => {
    const { wire, coherence } = started(['one', 'two', 'three']);
    const asked = [...wire.listeners];

    for (const { handlers } of asked) handlers.onRefused(REFUSAL);

    expect(asked.map(({ feed }) => feed.kind)).toEqual(['tracking', 'tracking', 'tracking']);
    expect(coherence.usage().mode).toBe('bus');
    expect(wire.listeners.filter(({ isClosed }) => !isClosed).map(({ feed }) => feed.kind)).toEqual([
      'bus',
      'bus',
      'bus',
    ]);
  });

  it('counts when it comes from a listener of the present mode', () => {
    const { wire, coherence } = started(['one', 'two']);
    wire.listeners[0]?.handlers.onRefused(REFUSAL);

    wire.listeners.at(-1)?.handlers.onRefused(REFUSAL);

    expect(coherence.usage().mode).toBe('ttl');
  });

  it('of a closed listener is ignored, as are all its other messages (fault 24)', async () => {
    const { wire, clock, coherence } = started(['one', 'two']);
    wire.ids = { mark: 'database', bus: 'first', mute: '' };
    const left = wire.listeners[1] as ManualListener;
    wire.listeners[0]?.handlers.onRefused(REFUSAL);
    for (const listener of wire.listeners.slice(2)) listener.open();
    await clock.advance(2_500);
    const isProven = (): boolean => coherence.usage().isProven;
    const before = isProven();

    left.handlers.onLost();

    expect([before, isProven()]).toEqual([true, true]);
  });
});

describe('a beat', () => {
  it('is sent several times within the bound, and without its answer nothing is proven', async () => {
    const { wire, clock, coherence } = started(['one']);
    wire.listeners[0]?.open();
    await clock.advance(300);
    const before = coherence.usage().isProven;

    wire.run = async () => [new Error("READONLY You can't write against a read only replica.")];
    await clock.advance(1_300);

    expect([before, coherence.usage().isProven]).toEqual([true, false]);
  });

  it('that finds another database drops all copies (fault 15)', async () => {
    const { wire, clock, coherence, changes } = started(['one']);
    wire.listeners[0]?.open();
    await clock.advance(1_000);
    changes.length = 0;

    wire.ids = { ...wire.ids, mark: 'other' };
    await clock.advance(250);

    expect(changes).toEqual([{ kind: 'all' }]);
    expect(coherence.usage().isProven).toBe(true);
  });
});

describe('a listener on the bus', () => {
  it('limits its copies until every other process must have noticed it, and reports that (fault 23)', async () => {
    const { wire, clock, coherence } = started(['one'], 'bus');
    wire.ids = { mark: 'database', bus: 'first', mute: '' };
    wire.listeners[0]?.open();
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
    ['the key of the bus was lost and made again', { bus: 'second' }],
    ['a process has no right to publish', { mute: 'somebody' }],
    ['the database is another one', { mark: 'other' }],
  ])('limits its copies, and drops those that it has, when %s (fault 23)', async (_, ids) => {
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
  it('publishes nothing while no process is, and everything once one is (fault 23)', async () => {
    const { wire, clock } = started(['one']);
    const atFirst = wire.silence?.isAllowed();
    await clock.advance(250);
    const alone = wire.silence?.isAllowed();

    wire.ids = { ...wire.ids, bus: 'first' };
    await clock.advance(250);

    expect([atFirst, alone, wire.silence?.isAllowed()]).toEqual([false, true, false]);
  });

  it('publishes everything when its last beat is too old (fault 23)', async () => {
    const { wire, clock } = started(['one']);
    await clock.advance(250);

    wire.run = () => new Promise(() => undefined);
    await clock.advance(1_500);

    expect(wire.silence?.isAllowed()).toBe(false);
  });

  it('announces that it has no right to publish before its changes count as done (fault 23)', async () => {
    const { wire, clock } = started(['one']);
    wire.ids = { ...wire.ids, bus: 'first' };
    await clock.advance(250);

    const isKnown = await wire.silence?.demand(new Error('NOPERM'));

    expect([isKnown, wire.heard.isMute, wire.silence?.isAllowed()]).toEqual([true, true, true]);
  });
});

describe('a refused mode', () => {
  async function refused() {
    const all = started(['one']);
    all.wire.listeners[0]?.handlers.onRefused(REFUSAL);
    await all.clock.advance(1_000);
    return { ...all, probe: all.wire.listeners.at(-1) as ManualListener };
  }

  it('is tried again, and entered when the server allows it now (fault 23)', async () => {
    const { coherence, clock, probe } = await refused();

    probe.open();
    await clock.advance(0);

    expect([probe.feed.kind, probe.isClosed, coherence.usage().mode]).toEqual(['tracking', true, 'tracking']);
    expect(coherence.usage().reason).toBe('The server announces every change.');
  });

  it('is tried again later after each refusal', async () => {
    const { wire, clock, coherence, probe } = await refused();
    const triedBy = (): number => wire.listeners.filter(({ feed }) => feed.kind === 'tracking').length;

    probe.handlers.onRefused(REFUSAL);
    await clock.advance(1_900);
    const early = triedBy();
    await clock.advance(100);

    expect([early, triedBy(), coherence.usage().mode, probe.isClosed]).toEqual([2, 3, 'bus', true]);
  });

  it('is not entered when changes could not be published', async () => {
    const { wire, clock, coherence } = started(['one']);
    wire.isAllowedToPublish = false;
    wire.listeners[0]?.handlers.onRefused(REFUSAL);
    await wire.silence?.demand(REFUSAL);
    await clock.advance(2_000);
    wire.listeners.at(-1)?.handlers.onRefused(REFUSAL);
    const probe = wire.listeners.at(-1) as ManualListener;

    probe.open();
    await clock.advance(0);

    expect([probe.feed.kind, coherence.usage().mode]).toEqual(['bus', 'ttl']);
  });
});
