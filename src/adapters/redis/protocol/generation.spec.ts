import { describe, expect, it } from '@jest/globals';
import {
  EPOCH_PARTS,
  epochPartOf,
  type Generation,
  ID_LENGTH,
  MARK_LENGTH,
  newGeneration,
  randomId,
  readGeneration,
  staleSince,
} from './generation.js';

const ID = 'abcdefghijkl';
const [FIRST, SECOND, THIRD] = ['1700000000001', '1700000000002', '1700000000003'] as const;

/** A generation with some dropped soft invalidations, and the times of the later ones. */
const generation = (dropped: string, ...times: readonly string[]): Generation =>
  readGeneration(ID + dropped + times.join('')) as Generation;

const times = <T>(count: number, make: () => T): T[] => Array.from({ length: count }, make);

describe('a generation', () => {
  it('begins with a random id and no soft invalidation', () => {
    const [one, other] = [newGeneration(), newGeneration()];

    expect(one.text).toMatch(/^[\w-]{12}0000$/);
    expect(one.mark).toBe(one.text);
    expect(one.text).not.toBe(other.text);
  });

  it('is read as it was made', () => {
    const { text, mark } = newGeneration();

    expect(readGeneration(text)).toEqual({ text, mark });
  });

  it.each<[text: string, mark: string]>([
    [`${ID}0000`, `${ID}0000`],
    [`${ID}0000${FIRST}`, `${ID}0001`],
    [`${ID}0000${FIRST}${SECOND}`, `${ID}0002`],
    [`${ID}0017${FIRST}${SECOND}`, `${ID}0019`],
    [`${ID}0017${FIRST}170000`, `${ID}0018`],
  ])('%s marks entries with %s', (text, mark) => {
    expect(readGeneration(text)).toEqual({ text, mark });
    expect(mark).toHaveLength(MARK_LENGTH);
  });

  it.each([undefined, '', ID, `${ID}000`])('is not read from %j', (text) => {
    expect(readGeneration(text)).toBeUndefined();
  });
});

describe('an entry with an older mark', () => {
  it.each<[softened: string, current: Generation, since: string]>([
    ['0000', generation('0000', FIRST), FIRST],
    ['0000', generation('0000', FIRST, SECOND, THIRD), FIRST],
    ['0001', generation('0000', FIRST, SECOND, THIRD), SECOND],
    ['0002', generation('0000', FIRST, SECOND, THIRD), THIRD],
    ['0003', generation('0003', FIRST, SECOND), FIRST],
    ['0004', generation('0003', FIRST, SECOND), SECOND],
  ])('%s is stale since the first soft invalidation that it does not know: %j', (softened, current, since) => {
    expect(staleSince(ID + softened, current)).toBe(Number(since));
  });

  it('is stale since the oldest known soft invalidation, if the time of its own was dropped', () => {
    expect(staleSince(`${ID}0001`, generation('0003', FIRST, SECOND))).toBe(Number(FIRST));
  });

  it('is invalid when the id is another one', () => {
    expect(staleSince(`${ID.replace('l', 'm')}0000`, generation('0000', FIRST))).toBeUndefined();
  });
});

describe('an id', () => {
  it('has twelve characters that need no escape', () => {
    expect(times(1_000, randomId).every((id) => /^[\w-]+$/.test(id) && id.length === ID_LENGTH)).toBe(true);
  });

  it('is never the same as another one', () => {
    expect(new Set(times(1_000, randomId)).size).toBe(1_000);
  });
});

describe('the part of a tag', () => {
  // All processes must agree on it, those of other versions, too.
  it.each([
    ['', 0],
    ['a', 1],
    ['users', 8],
    ['user:1', 2],
    ['produit:é', 24],
  ])('of %j is always %d', (tag, part) => {
    expect(epochPartOf(tag)).toBe(part);
  });

  it('is one of all parts, and each part has tags', () => {
    const parts = new Set(Array.from({ length: 1_000 }, (_, i) => epochPartOf(`product:${i}:${'x'.repeat(i % 40)}`)));

    expect([...parts].sort((a, b) => a - b)).toEqual(Array.from({ length: EPOCH_PARTS }, (_, i) => i));
  });
});
