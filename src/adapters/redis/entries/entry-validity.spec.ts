import { describe, expect, it } from '@jest/globals';
import { type Generation, readGeneration } from '../protocol/generation.js';
import { type Group, RedisKeys } from '../protocol/redis-keys.js';
import { isMarkedFor, recordGeneration, softenedAt } from './entry-validity.js';

const ALL = 'all-generatn';
const TAG = 'tag-generatn';
const [EARLY, LATE] = [1_700_000_000_001, 1_700_000_000_002];

function groupsOf(): readonly [Group, Group] {
  const keys = new RedisKeys({ keyPrefix: 'test', name: 'validity', version: undefined, parts: 1 });
  return keys.groupsOf('key', undefined, ['tag']) as [Group, Group];
}

/** The present generations of a part of everything and a tag; '' for none. */
function generations(all: string, tag: string) {
  const groups = groupsOf();
  return { groups, current: new Map(groups.map((group, i) => [group, readGeneration([all, tag][i])])) };
}

describe('an entry', () => {
  it.each<[string, string, all: string, tag: string, at: number | undefined]>([
    ['is valid when its marks are the present ones', `${ALL}0000${TAG}0000`, `${ALL}0000`, `${TAG}0000`, Infinity],
    ['is stale since a soft invalidation', `${ALL}0000${TAG}0000`, `${ALL}0000`, `${TAG}0000${LATE}`, LATE],
    ['is stale since the earlier of two', `${ALL}0000${TAG}0000`, `${ALL}0000${EARLY}`, `${TAG}0000${LATE}`, EARLY],
    [
      'is stale since the earlier, in any order',
      `${ALL}0000${TAG}0000`,
      `${ALL}0000${LATE}`,
      `${TAG}0000${EARLY}`,
      EARLY,
    ],
    [
      'is stale since the later, if it knows the other',
      `${ALL}0001${TAG}0000`,
      `${ALL}0001`,
      `${TAG}0000${LATE}`,
      LATE,
    ],
    [
      'is invalid when a group has another generation',
      `${ALL}0000${TAG}0000`,
      `${ALL}0000`,
      'another-one-0000',
      undefined,
    ],
    ['is invalid when a group has none', `${ALL}0000${TAG}0000`, `${ALL}0000`, '', undefined],
    ['is invalid with too few marks', `${ALL}0000`, `${ALL}0000`, `${TAG}0000`, undefined],
    ['is invalid with too many', `${ALL}0000${TAG}0000${TAG}0000`, `${ALL}0000`, `${TAG}0000`, undefined],
    ['is invalid with its marks in another order', `${TAG}0000${ALL}0000`, `${ALL}0000`, `${TAG}0000`, undefined],
  ])('%s', (_, marks, all, tag, at) => {
    const { groups, current } = generations(all, tag);

    expect(softenedAt(marks, groups, current)).toBe(at);
  });

  it('is invalid when the generation of a group was not read', () => {
    const { groups, current } = generations(`${ALL}0000`, `${TAG}0000`);

    current.delete(groups[1]);

    expect(softenedAt(`${ALL}0000${TAG}0000`, groups, current)).toBeUndefined();
  });
});

describe('a quick look at the marks', () => {
  const marks = `${ALL}0000${TAG}0000`;

  function answered(all: string, tag: string): readonly Group[] {
    const { groups, current } = generations(all, tag);
    for (const group of groups) group.answer = current.get(group);
    return groups;
  }

  it('finds those of all groups', () => {
    expect(isMarkedFor(answered(`${ALL}0000`, `${TAG}0000`), marks)).toBe(true);
  });

  it.each<[string, string, tag: string]>([
    ['an id is another one', marks, 'another-one-0000'],
    ['there was a soft invalidation', marks, `${TAG}0000${LATE}`],
    ['a group has no generation', marks, ''],
    ['there is a mark too few', `${ALL}0000`, `${TAG}0000`],
    ['there is a mark too many', `${marks}${TAG}0000`, `${TAG}0000`],
  ])('fails when %s', (_, own, tag) => {
    expect(isMarkedFor(answered(`${ALL}0000`, tag), own)).toBe(false);
  });
});

describe('the answer of the server for a group', () => {
  it('is remembered, and stays the same object while the text is the same', () => {
    const [group] = groupsOf();

    const first = recordGeneration(group, Buffer.from(`${ALL}0000`));
    const second = recordGeneration(group, Buffer.from(`${ALL}0000`));

    expect(first?.mark).toBe(`${ALL}0000`);
    expect(second).toBe(first);
    expect(group.known).toBe(first);
  });

  it.each<[string, Buffer | null, Generation | undefined]>([
    ['another text', Buffer.from(`${TAG}0000`), { text: `${TAG}0000`, mark: `${TAG}0000` }],
    ['nothing', null, undefined],
    ['something else', Buffer.from('foreign'), undefined],
  ])('replaces the one before: %s', (_, answer, known) => {
    const [group] = groupsOf();
    recordGeneration(group, Buffer.from(`${ALL}0000`));

    expect(recordGeneration(group, answer)).toEqual(known);
    expect(group.known).toEqual(known);
  });
});
