import { describe, expect, it } from '@jest/globals';
import { ANOTHER_VALUE, type PendingWrite, type WriteBehindHost } from '../../core/ports/write-behind-queue.port.js';
import { OwnWrites } from './own-writes.js';

const OTHER = { process: 'other', error: '' };

function writeOf(value: unknown): PendingWrite {
  return {
    key: 'k',
    namespace: 'n',
    value,
    read: () => value,
    writer: 'save',
    delayMs: 0,
    maxPending: 1,
    retries: 0,
    backoffMs: 0,
    onFailed: undefined,
  };
}

/** Own writes, and what the cache was told. */
function fixture(): { own: OwnWrites; told: unknown[] } {
  const told: unknown[] = [];
  const host: WriteBehindHost = {
    landed: async (written, isReplaced) => void told.push(['landed', written, isReplaced()]),
    failed: async (write, error, isReplaced) =>
      void told.push(['failed', write, (error as Error).message, isReplaced()]),
    onError: () => undefined,
  };
  return { own: new OwnWrites(host), told };
}

describe('the writes of this process', () => {
  it('are told to the cache when another process has written them', () => {
    const { own, told } = fixture();
    own.add('id', writeOf(1), 5);

    own.heard({ id: 'id', version: 5, outcome: 'landed', ...OTHER });

    expect(told).toEqual([['landed', { key: 'k', namespace: 'n', value: 1 }, false]]);
    expect(own.ids).toEqual([]);
  });

  it('are told to the cache with their `onFailed` when another process has failed', () => {
    const { own, told } = fixture();
    const write = writeOf(1);
    own.add('id', write, 5);

    own.heard({ id: 'id', version: 5, outcome: 'failed', process: 'other', error: 'no' });

    expect(told).toEqual([['failed', write, 'no', false]]);
  });

  it.each(['landed', 'failed'] as const)('are replaced by a later value of another process that has %s', (outcome) => {
    const { own, told } = fixture();
    own.add('id', writeOf(1), 5);

    own.heard({ id: 'id', version: 6, outcome, process: 'other', error: 'no' });

    const unknown =
      outcome === 'landed'
        ? ['landed', { key: 'k', namespace: 'n', value: ANOTHER_VALUE }, false]
        : ['failed', { key: 'k', namespace: 'n' }, 'no', false];
    expect([told, own.ids]).toEqual([[unknown], []]);
  });

  it('stay when an earlier value ends, or the value of another key', () => {
    const { own, told } = fixture();
    own.add('id', writeOf(1), 5);

    own.heard({ id: 'id', version: 4, outcome: 'landed', ...OTHER });
    own.heard({ id: 'other', version: 9, outcome: 'landed', ...OTHER });
    own.ended('id', 4);

    expect([told, own.ids]).toEqual([[], ['id']]);
  });

  it('are found by their version alone', () => {
    const { own } = fixture();
    const write = writeOf(1);
    own.add('id', write, 5);

    expect([own.find('id', 5), own.find('id', 4), own.find('other', 5)]).toEqual([write, undefined, undefined]);
  });

  it('can be waited for', async () => {
    const { own } = fixture();
    own.add('id', writeOf(1), 5);
    let isEmpty = false;

    const waiting = own.untilEmpty().then(() => (isEmpty = true));
    const before = isEmpty;
    own.ended('id', 5);
    await waiting;

    expect([before, isEmpty]).toEqual([false, true]);
    await own.untilEmpty();
  });
});

describe('writes that Redis has lost', () => {
  const look = { missing: ['id'], latest: '7-0' };

  it('have failed when they are missing at two looks, and all outcomes of the first were heard', () => {
    const { own, told } = fixture();
    own.add('id', writeOf(1), 5);

    own.giveUpLost(look, () => true);
    const atFirst = told.length;
    own.giveUpLost({ ...look, latest: '8-0' }, (outcome) => outcome === '7-0');

    expect([atFirst, own.ids]).toEqual([0, []]);
    expect(told).toEqual([
      [
        'failed',
        expect.objectContaining({ value: 1 }),
        expect.stringContaining('Redis does not have the pending'),
        false,
      ],
    ]);
  });

  it('might have landed while outcomes are not heard yet', () => {
    const { own, told } = fixture();
    own.add('id', writeOf(1), 5);

    own.giveUpLost(look, () => true);
    own.giveUpLost(look, () => false);

    expect(told).toEqual([]);
  });

  it('are not those that came between the looks, nor those that are pending again', () => {
    const { own, told } = fixture();
    own.add('id', writeOf(1), 5);
    own.giveUpLost(look, () => true);
    own.add('id', writeOf(2), 6);
    own.giveUpLost(look, () => true);
    own.giveUpLost({ missing: [], latest: '9-0' }, () => true);
    own.giveUpLost(look, () => true);

    expect([told, own.ids]).toEqual([[], ['id']]);
  });
});
