import { describe, expect, it } from '@jest/globals';
import { settle, times } from '../../../../test/support/cache-with.js';
import { FakeClock } from '../../../testing/fake-clock.js';
import type { EntryTarget } from '../../../core/ports/invalidation-target.js';
import { type Courier, type Invalidation, Outbox } from './outbox.js';

const key = (name: string, namespace?: string): EntryTarget => ({ kind: 'keys', keys: [name], namespace });
const tag = (...tags: string[]): EntryTarget => ({ kind: 'tags', tags, mode: 'any' });
const allOf = (...tags: string[]): EntryTarget => ({ kind: 'tags', tags, mode: 'all' });
const pattern = (text: string, namespace?: string): EntryTarget => ({ kind: 'pattern', pattern: text, namespace });

/** A courier that the test controls; the first letter of a key is its lane. */
class TestCourier implements Courier {
  isReachable = true;
  /** Lanes to a server that does not answer. */
  readonly closed = new Set<string>();
  /** Keys that the server refuses. */
  readonly refused = new Set<string>();
  readonly sent: string[][] = [];
  #letGo: (() => void) | undefined;
  #isHeld = false;

  isUp(): boolean {
    return this.isReachable;
  }

  laneOf(target: EntryTarget): string {
    return target.kind === 'keys' ? target.keys[0]!.slice(0, 1) : target.kind;
  }

  batchOf(): number {
    return 200;
  }

  hold(): void {
    this.#isHeld = true;
  }

  async letGo(): Promise<void> {
    this.#isHeld = false;
    this.#letGo?.();
    await settle();
  }

  async send(invalidations: readonly Invalidation[]): Promise<readonly Invalidation[]> {
    this.sent.push(invalidations.map(({ target, isSoft }) => `${nameOf(target)}${isSoft ? ' softly' : ''}`));
    if (this.#isHeld) await new Promise<void>((resolve) => (this.#letGo = resolve));
    if (invalidations.some(({ target }) => this.closed.has(this.laneOf(target)))) throw new Error('No answer.');
    return invalidations.filter(({ target }) => this.refused.has(nameOf(target)));
  }
}

function nameOf(target: EntryTarget): string {
  if (target.kind === 'keys') return target.keys.join();
  if (target.kind === 'tags') return target.tags.join();
  return target.kind === 'pattern' ? target.pattern : target.kind === 'namespace' ? target.namespace : 'all';
}

function outboxWith() {
  const clock = new FakeClock();
  const courier = new TestCourier();
  const outbox = new Outbox(clock, courier);
  const isHidden = (name: string, namespace?: string, tags: readonly string[] = []): boolean =>
    outbox.filter()(name, namespace, tags);
  return { clock, courier, outbox, isHidden };
}

describe('a queued invalidation', () => {
  it.each<[string, EntryTarget, readonly string[], readonly string[]]>([
    ['keys', { kind: 'keys', keys: ['k', 'l'], namespace: undefined }, ['k', 'l'], ['m', 'n/k']],
    ['keys of a namespace', key('k', 'n'), ['n/k'], ['k', 'o/k', 'n/l']],
    ['a namespace', { kind: 'namespace', namespace: 'n' }, ['n/k', 'n/l+t'], ['k', 'o/k']],
    ['any of some tags', tag('t', 'u'), ['k+t', 'n/k+u', 'k+a+t'], ['k', 'k+v']],
    ['all of some tags', allOf('t', 'u'), ['k+t+u', 'n/k+u+a+t'], ['k+t', 'k+u', 'k']],
    ['all of one tag', allOf('t'), ['k+t', 'k+a+t'], ['k', 'k+u']],
    ['a pattern', pattern('a*'), ['a', 'ab'], ['b', 'n/a']],
    ['everything', { kind: 'all' }, ['k', 'n/k+t'], []],
  ])('hides what it hits, and nothing else: %s', (_, target, hit, missed) => {
    const { outbox, isHidden } = outboxWith();
    const isEntryHidden = (text: string): boolean => {
      const [name = '', ...tags] = text.split('+');
      return name.includes('/') ? isHidden(name.slice(2), name.slice(0, 1), tags) : isHidden(name, undefined, tags);
    };

    outbox.add(target, false);

    expect([hit, missed].map((names) => names.map(isEntryHidden))).toEqual([
      hit.map(() => true),
      missed.map(() => false),
    ]);
  });

  it('hides nothing once it is acknowledged', async () => {
    const { outbox, isHidden } = outboxWith();
    const targets = [
      key('k'),
      key('k', 'n'),
      tag('t'),
      allOf('t', 'u'),
      pattern('*'),
      pattern('*', 'n'),
      { kind: 'namespace', namespace: 'n' },
      { kind: 'all' },
    ] as const;
    for (const target of targets) outbox.add(target, false);

    await outbox.flush();

    expect([outbox.size, isHidden('k', 'n', ['t', 'u'])]).toEqual([0, false]);
  });

  it('still hides entries from a read that began before it was acknowledged, and from no other', async () => {
    const { outbox, isHidden } = outboxWith();
    outbox.add(key('k'), false);
    const early = outbox.filter();
    await outbox.flush();
    outbox.add(key('l'), false);
    await outbox.flush();

    expect([early('k', undefined, []), early('l', undefined, []), isHidden('k')]).toEqual([true, true, false]);
  });

  it('costs a read as much in a queue of 100,000 keys and tags as in a queue of ten (fault 25)', () => {
    const workOf = (count: number): Record<string, number> => {
      const { outbox } = outboxWith();
      for (let i = 0; i < count; i++)
        outbox.add(i % 2 === 0 ? key(`key-${i}`, i % 3 === 0 ? 'n' : undefined) : tag(`tag-${i}`), false);
      const counted = countCollectionCalls(() => outbox.filter()('another', 'n', ['one', 'two', 'three']));
      expect(counted.result).toBe(false);
      return counted.calls;
    };

    const few = workOf(10);

    expect(workOf(99_999)).toEqual(few);
    expect(Object.values(few).reduce((sum, calls) => sum + calls, 0)).toBeLessThan(20);
    expect(Object.keys(few).filter((name) => !['get', 'has'].includes(name))).toEqual([]);
  });

  it('is compared one by one with up to a hundred patterns of a namespace; more become the namespace', async () => {
    const { courier, outbox, isHidden } = outboxWith();
    for (let i = 0; i < 100; i++) outbox.add(pattern(`${i}-*`, 'n'), true);
    const before = [isHidden('7-x', 'n'), isHidden('x', 'n')];

    outbox.add(pattern('more-*', 'n'), true);
    outbox.add(pattern('more-*'), true);

    expect([before, isHidden('x', 'n'), isHidden('x'), outbox.size]).toEqual([[true, false], true, false, 2]);
    await outbox.flush();
    expect(courier.sent.flat()).toEqual(['n softly', 'more-* softly']);
  });

  it('becomes one of its tags when more than a hundred sets of tags begin with it', () => {
    const { outbox, isHidden } = outboxWith();

    for (let i = 0; i < 101; i++) outbox.add(allOf('t', `u-${i}`), false);

    expect([isHidden('k', undefined, ['t']), isHidden('k', undefined, ['u-1']), outbox.size]).toEqual([true, false, 1]);
  });

  it('becomes everything when more than 100,000 would be queued', async () => {
    const { courier, outbox, isHidden } = outboxWith();

    outbox.add({ kind: 'keys', keys: times(100_001, (i) => `k${i}`), namespace: undefined }, true);

    expect([outbox.size, isHidden('another')]).toEqual([1, true]);
    await outbox.flush();
    expect(courier.sent).toEqual([['all']]);
  });
});

describe('sending', () => {
  it('puts hundreds of invalidations for one server into one pipeline (fault 25)', async () => {
    const { courier, outbox } = outboxWith();
    for (const name of times(1_000, (i) => `k${i}`)) outbox.add(key(name), false);

    await outbox.flush();

    expect(courier.sent.map(({ length }) => length)).toEqual([200, 200, 200, 200, 200]);
    expect(new Set(courier.sent.flat()).size).toBe(1_000);
  });

  it('sends equal invalidations once, softly only when all of them are soft', async () => {
    const { courier, outbox } = outboxWith();
    for (const isSoft of [true, true]) outbox.add(key('a'), isSoft);
    for (const isSoft of [true, false, true]) outbox.add(key('ab'), isSoft);

    await outbox.flush();

    expect(courier.sent).toEqual([['a softly', 'ab']]);
  });

  it('does not wait for invalidations that cannot be sent to another server (fault 25)', async () => {
    const { courier, outbox, isHidden } = outboxWith();
    courier.closed.add('a');
    for (const name of ['a1', 'b1', 'a2', 'c1']) outbox.add(key(name), false);

    await outbox.flush();

    expect(['a1', 'a2', 'b1', 'c1'].map((name) => isHidden(name))).toEqual([true, true, false, false]);
  });

  it('moves a refused invalidation behind the others of its server, and retries until it is accepted', async () => {
    const { clock, courier, outbox } = outboxWith();
    courier.refused.add('a0');
    for (const name of times(300, (i) => `a${i}`)) outbox.add(key(name), false);

    await outbox.flush();
    const left = outbox.size;
    await clock.advance(200);
    const rest = outbox.size;
    courier.refused.clear();
    await clock.advance(200);

    expect([left, rest, outbox.size]).toEqual([101, 1, 0]);
    expect(courier.sent.at(1)?.at(-1)).toBe('a0');
  });

  it('sends nothing to a server that is away, and goes on when it is back', async () => {
    const { clock, courier, outbox } = outboxWith();
    courier.isReachable = false;
    outbox.add(key('k'), false);
    await clock.advance(1_000);
    const asked = courier.sent.length;

    courier.isReachable = true;
    await clock.advance(200);

    expect([asked, courier.sent]).toEqual([0, [['k']]]);
  });

  it('retries even while more invalidations are added all the time', async () => {
    const { clock, courier, outbox } = outboxWith();

    for (let i = 0; i < 10; i++) {
      outbox.add(key(`k${i}`), false);
      await clock.advance(50);
    }

    expect(courier.sent).toEqual([
      ['k0', 'k1', 'k2', 'k3'],
      ['k4', 'k5', 'k6', 'k7'],
    ]);
  });

  it('sends an invalidation again that was added again while it was being sent', async () => {
    const { courier, outbox, isHidden } = outboxWith();
    outbox.add(key('k'), false);
    courier.hold();
    const flushed = outbox.flush();
    outbox.add(key('k'), false);
    await courier.letGo();
    await flushed;

    expect(courier.sent).toEqual([['k'], ['k']]);
    expect(isHidden('k')).toBe(false);
  });

  it('takes no invalidation and leaves no timer once it is closed', async () => {
    const { clock, courier, outbox } = outboxWith();
    outbox.add(key('k'), false);

    outbox.close();

    expect(outbox.add(key('l'), false)).toBe(false);
    await clock.advance(1_000);
    expect(courier.sent).toEqual([]);
  });
});

describe('an acknowledged invalidation', () => {
  it('is sent once more if the server changes within fifteen seconds', async () => {
    const { clock, courier, outbox } = outboxWith();
    outbox.acknowledged(key('older'), false);
    await clock.advance(5_000);
    outbox.acknowledged({ kind: 'keys', keys: ['k', 'l'], namespace: undefined }, false);
    outbox.acknowledged(tag('t'), true);
    await clock.advance(10_000);

    outbox.repeatRecent();
    await outbox.flush();

    expect(courier.sent.flat().sort()).toEqual(['k', 'l', 't softly']);
  });

  it('hides its entries until it is sent once more, and is remembered from then on', async () => {
    const { clock, courier, outbox, isHidden } = outboxWith();
    outbox.acknowledged(key('k'), false);
    await clock.advance(10_000);
    outbox.repeatRecent();
    const before = isHidden('k');
    await outbox.flush();
    await clock.advance(10_000);
    outbox.repeatRecent();
    await outbox.flush();

    expect([before, isHidden('k'), courier.sent]).toEqual([true, false, [['k'], ['k']]]);
  });

  it('hides its entries from reads that are under way when commands go astray, and from no later ones (fault 36)', async () => {
    const { clock, outbox, isHidden } = outboxWith();
    outbox.acknowledged(key('forgotten'), false);
    await clock.advance(15_000);
    outbox.acknowledged({ kind: 'keys', keys: ['k', 'l'], namespace: 'n' }, false);
    const early = outbox.filter();
    const quiet = early('k', 'n', []);

    outbox.strayed();
    outbox.acknowledged(tag('t'), true);

    expect(quiet).toBe(false);
    expect([early('k', 'n', []), early('l', 'n', []), early('o', 'n', ['t']), early('o', 'n', [])]).toEqual([
      true,
      true,
      true,
      false,
    ]);
    expect([early('forgotten', undefined, []), isHidden('k', 'n')]).toEqual([false, false]);
  });

  it('becomes everything when more than 100,000 keys were acknowledged', async () => {
    const { courier, outbox } = outboxWith();
    for (let i = 0; i < 101; i++)
      outbox.acknowledged({ kind: 'keys', keys: times(1_000, (n) => `${i}-${n}`), namespace: undefined }, false);

    outbox.repeatRecent();
    await outbox.flush();

    expect(courier.sent.flat()).toContain('all');
    expect(courier.sent.flat().length).toBeLessThanOrEqual(1_001);
  });
});

/** Returns the result of `work`, and how often it calls each method of maps and sets. */
function countCollectionCalls<T>(work: () => T): { readonly result: T; readonly calls: Record<string, number> } {
  const calls: Record<string, number> = {};
  const restores: (() => void)[] = [];
  for (const prototype of [Map.prototype, Set.prototype] as object[]) {
    for (const name of Reflect.ownKeys(prototype)) {
      const property = Object.getOwnPropertyDescriptor(prototype, name) as PropertyDescriptor;
      if (name === 'constructor' || typeof property.value !== 'function') continue;
      const original = property.value as (...args: unknown[]) => unknown;
      const counting = function (this: unknown, ...args: unknown[]): unknown {
        calls[String(name)] = (calls[String(name)] ?? 0) + 1;
        return original.apply(this, args);
      };
      Object.defineProperty(prototype, name, { ...property, value: counting });
      restores.push(() => Object.defineProperty(prototype, name, property));
    }
  }
  try {
    return { result: work(), calls };
  } finally {
    for (const restore of restores) restore();
  }
}
