import { AsyncLocalStorage } from 'node:async_hooks';
import { describe, expect, it } from '@jest/globals';
import { cacheWith, settle, times } from '../../../test/support/cache-with.js';
import { internalsOf } from '../cache-internals.js';
import type { CacheTracer, TracedWork } from '../ports/cache-tracer.port.js';

interface Span extends TracedWork {
  readonly parent: Span | undefined;
  readonly results: string[];
  readonly joined: unknown[];
}

/** Remembers spans, and finds the one that is running by the asynchronous context. */
class TestTracer implements CacheTracer {
  readonly spans: Span[] = [];
  readonly #running = new AsyncLocalStorage<Span>();

  run<T>(traced: TracedWork, work: () => Promise<T>): Promise<T> {
    const span = { ...traced, parent: this.#running.getStore(), results: [], joined: [] };
    this.spans.push(span);
    return this.#running.run(span, work);
  }

  counted(result: string): void {
    this.#running.getStore()?.results.push(result);
  }

  current(): unknown {
    return this.#running.getStore();
  }

  joined(load: unknown): void {
    this.#running.getStore()?.joined.push(load);
  }
}

function traced() {
  const { cache, clock } = cacheWith({ name: 'prices' });
  const tracer = new TestTracer();
  const stop = internalsOf(cache).traceWith(tracer);
  return { cache, clock, tracer, stop };
}

describe('a tracer', () => {
  it('runs reads, loads and invalidations, with their results', async () => {
    const { cache, tracer } = traced();

    await cache.get('k');
    await cache.getOrSet('k', () => 1, { namespace: 'n' });
    await cache.getOrSet('k', () => 1, { namespace: 'n' });
    await cache.getMany(['k', 'l'], { namespace: 'n' });
    await cache.invalidateTags(['t']);
    await cache.deleteMany(['k', 'l'], { namespace: 'n' });

    expect(
      tracer.spans.map(({ operation, keys, namespace, results }) => [operation, keys, namespace, results]),
    ).toEqual([
      ['get', ['k'], undefined, ['miss']],
      ['get', ['k'], 'n', ['miss']],
      ['load', ['k'], 'n', []],
      ['get', ['k'], 'n', ['hit']],
      ['get', ['k', 'l'], 'n', ['hit', 'miss']],
      ['invalidate', [], undefined, []],
      ['invalidate', ['k', 'l'], 'n', []],
    ]);
    expect(new Set(tracer.spans.map(({ cache: name }) => name))).toEqual(new Set(['prices']));
  });

  it('sees a load as a part of the read that has started it, and as joined by those that waited', async () => {
    const { cache, clock, tracer } = traced();
    const factory = (): Promise<number> => new Promise((resolve) => clock.schedule(10, () => resolve(1)));

    const reads = times(3, () => cache.getOrSet('k', factory));
    await settle();
    await clock.advance(10);
    await Promise.all(reads);

    const [first, ...others] = tracer.spans.filter(({ operation }) => operation === 'get');
    const [load, ...more] = tracer.spans.filter(({ operation }) => operation === 'load');
    expect(more).toEqual([]);
    expect(load?.parent).toBe(first);
    expect([first?.joined, ...others.map(({ joined }) => joined)]).toEqual([[], [load], [load]]);
  });

  it('is the only one of its cache, until it ends', async () => {
    const { cache, tracer, stop } = traced();

    expect(() => internalsOf(cache).traceWith(new TestTracer())).toThrow(/`prices`|'prices' is traced already/);
    stop();
    await cache.get('k');
    internalsOf(cache).traceWith(new TestTracer())();

    expect(tracer.spans).toEqual([]);
  });
});
