import { EventEmitter } from 'node:events';
import type { ServerResponse } from 'node:http';
import { describe, expect, it } from '@jest/globals';
import type { CacheStats } from '../../core/observation/cache-stats.js';
import { FakeClock } from '../../testing/fake-clock.js';
import { StatsStream } from './stats-stream.js';

/** A response whose client reads only while `isRead` is true. */
class HeldResponse extends EventEmitter {
  readonly req = { httpVersionMajor: 1 };
  readonly written: string[] = [];
  isRead = true;
  isDestroyed = false;

  get writableNeedDrain(): boolean {
    return !this.isRead;
  }

  setHeader(): void {}
  writeHead(): void {}
  flushHeaders(): void {}
  write(text: string): void {
    this.written.push(text);
  }
  end(): void {
    this.emit('close');
  }
  destroy(): void {
    this.isDestroyed = true;
    this.emit('close');
  }
}

function streamWith(read: () => Promise<CacheStats> = async () => ({ totalHits: 1 }) as CacheStats): {
  clock: FakeClock;
  stream: StatsStream;
  add: () => HeldResponse;
} {
  const clock = new FakeClock();
  const stream = new StatsStream(read, clock);
  const add = (): HeldResponse => {
    const response = new HeldResponse();
    stream.add(response as unknown as ServerResponse, { isHeadOnly: false });
    return response;
  };
  return { clock, stream, add };
}

describe('the stream of statistics', () => {
  it('leaves events out for a client that does not read, and goes on when it does', async () => {
    const { clock, add } = streamWith();
    const response = add();
    await clock.advance(0);
    const before = response.written.length;

    response.isRead = false;
    await clock.advance(10_000);
    const during = response.written.length;
    response.isRead = true;
    await clock.advance(1_000);

    expect(during).toBe(before);
    expect(response.written.length).toBe(before + 1);
  });

  it('gives a client up that does not read for half a minute', async () => {
    const { clock, add } = streamWith();
    const response = add();
    await clock.advance(0);

    response.isRead = false;
    await clock.advance(30_000);

    expect(response.isDestroyed).toBe(true);
    expect(clock.pending).toBe(0);
  });

  it('reads the statistics once for all clients', async () => {
    let reads = 0;
    const { clock, add } = streamWith(async () => {
      reads++;
      return {} as CacheStats;
    });
    const responses = [add(), add(), add()];
    await clock.advance(0);
    const atOnce = reads;

    await clock.advance(3_000);

    expect([atOnce, reads]).toEqual([1, 4]);
    expect(responses.map(({ written }) => written.length)).toEqual([5, 5, 5]);
  });

  it('says in a comment that the statistics cannot be read, and goes on', async () => {
    const { clock, add } = streamWith(() => Promise.reject(new Error('lost')));
    const response = add();

    await clock.advance(1_000);

    expect(response.written.slice(1)).toEqual([
      ': the statistics cannot be read\n\n',
      ': the statistics cannot be read\n\n',
    ]);
  });

  it('ends a client that comes after the end', () => {
    const { clock, stream, add } = streamWith();
    stream.close();

    add();

    expect(clock.pending).toBe(0);
  });

  it('has one timer when all clients leave while an event is made, and another one comes', async () => {
    let answer: (stats: CacheStats) => void = () => {};
    const { clock, add } = streamWith(() => new Promise((resolve) => (answer = resolve)));
    const first = add();
    await clock.advance(1_000);
    first.destroy();

    add();
    answer({} as CacheStats);
    await clock.advance(0);

    expect(clock.pending).toBe(1);
  });
});
