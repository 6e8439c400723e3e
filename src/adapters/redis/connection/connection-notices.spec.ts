import { describe, expect, it } from '@jest/globals';
import { FakeClock } from '../../../testing/fake-clock.js';
import { ConnectionNotices } from './connection-notices.js';

const REFUSED = new Error('connect ECONNREFUSED 127.0.0.1:1');
const WRONGPASS = new Error('WRONGPASS invalid username-password pair or user is disabled.');
const READONLY = new Error("READONLY You can't write against a read only replica.");

function open({ complaint }: { complaint?: Error } = {}) {
  const clock = new FakeClock();
  const lines: string[] = [];
  const notices = new ConnectionNotices({
    subject: 'Redis at redis://a:1/0',
    endpoint: { kind: 'single', isSecure: false },
    clock,
    describe: () => 'version 7.0.15',
    complaint: () => complaint,
    onNotice: (sentence, level) => lines.push(`${level}: ${sentence}`),
  });
  return { notices, clock, lines };
}

/** The beginnings of the lines. */
const short = (lines: readonly string[]): string[] =>
  lines.map((line) => line.replace('Redis at redis://a:1/0 ', '').replace(/ \(.*/, ''));

describe('ConnectionNotices', () => {
  it('reports an open connection at once, with the version of the server', () => {
    const { notices, lines } = open();

    notices.up();

    expect(lines).toEqual(['log: Redis at redis://a:1/0 is connected (version 7.0.15).']);
  });

  it('reports why there is no connection, the consequence, and the connection', async () => {
    const { notices, clock, lines } = open();

    notices.away(REFUSED);
    await clock.advance(12_000);
    notices.up();
    await clock.advance(1_000);

    expect(lines).toEqual([
      'warn: Redis at redis://a:1/0 cannot be reached (connect ECONNREFUSED 127.0.0.1:1). Nothing listens there: check that it runs, and its port. Until then the application runs uncached; invalidations are kept and sent later.',
      'log: Redis at redis://a:1/0 is connected after 12 s (version 7.0.15).',
    ]);
  });

  it('reports a reason once while it lasts, and the next one when it changes', async () => {
    const { notices, clock, lines } = open();

    for (let i = 0; i < 200; i++) {
      notices.away(REFUSED);
      await clock.advance(1_000);
    }
    for (let i = 0; i < 200; i++) {
      notices.away(WRONGPASS);
      await clock.advance(1_000);
    }

    expect(short(lines)).toEqual(['warn: cannot be reached', 'error: refuses the password']);
  });

  it('reports alternating reasons once a minute at most', async () => {
    const { notices, clock, lines } = open();

    for (let i = 0; i < 59; i++) {
      notices.away(i % 2 === 0 ? REFUSED : WRONGPASS);
      await clock.advance(1_000);
    }

    expect(short(lines)).toEqual(['warn: cannot be reached', 'error: refuses the password']);
  });

  it('reports the reason of the next attempt for a connection that was lost without one', async () => {
    const { notices, clock, lines } = open();
    notices.up();
    await clock.advance(5_000);

    notices.away(undefined);
    await clock.advance(50);
    notices.away(REFUSED);
    notices.away(undefined);
    await clock.advance(2_000);
    notices.up();
    await clock.advance(1_000);

    expect(short(lines)).toEqual(['log: is connected', 'warn: cannot be reached', 'log: is back after 2 s']);
  });

  it('reports no connection that is back at once, and writes one line a second at most', async () => {
    const { notices, clock, lines } = open();
    notices.up();
    await clock.advance(5_000);

    notices.away(undefined);
    await clock.advance(100);
    notices.up();
    await clock.advance(5_000);
    expect(lines.length).toBe(1);
    for (let i = 0; i < 40; i++) {
      if (i % 2 === 0) notices.away(undefined);
      else notices.up();
      await clock.advance(250);
    }

    expect(lines.length).toBeGreaterThan(3);
    expect(lines.length).toBeLessThanOrEqual(12);
  });

  it('does not take a replica for a master because it answers probes', async () => {
    const { notices, clock, lines } = open();
    notices.up();
    await clock.advance(2_000);

    for (let i = 0; i < 20; i++) {
      notices.away(READONLY);
      notices.away(undefined);
      await clock.advance(100);
      notices.up();
      await clock.advance(1_400);
    }
    expect(short(lines)).toEqual(['log: is connected', 'error: is a replica, which cannot be written']);
    await clock.advance(5_000);

    expect(short(lines).slice(2)).toEqual(['log: is back after 32 s']);
  });

  it('reports the fault of an open connection', () => {
    const { notices, lines } = open({ complaint: new Error('ERR DB index is out of range') });

    notices.up();

    expect(lines).toEqual([expect.stringMatching(/^error: .* has no database of that number/)]);
  });

  it('reports that the application starts without Redis, unless it is reported already', () => {
    const [silent, refused] = [open(), open()];

    silent.notices.started(new Error('no answer within 1000 ms'));
    refused.notices.away(REFUSED);
    refused.notices.started(REFUSED);

    expect(short([...silent.lines, ...refused.lines])).toEqual(['warn: does not answer', 'warn: cannot be reached']);
  });

  it('reports nothing after it was closed, and leaves no timer', async () => {
    const { notices, clock, lines } = open();
    notices.up();

    notices.away(REFUSED);
    notices.close();
    notices.away(WRONGPASS);

    expect([lines.length, clock.pending]).toEqual([1, 0]);
  });
});
