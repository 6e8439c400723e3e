import { describe, expect, it } from '@jest/globals';
import { MAX_JOURNAL_TAGS, TagJournal } from './tag-journal.js';

describe('TagJournal', () => {
  it('tells whether any of some tags was invalidated since', () => {
    const journal = new TagJournal();
    journal.record(['a', 'b'], 'any', 5);

    expect(journal.isInvalidSince(4, ['x', 'b'])).toBe(true);
    expect(journal.isInvalidSince(5, ['x', 'b'])).toBe(false);
    expect(journal.isInvalidSince(4, ['x'])).toBe(false);
    expect(journal.isInvalidSince(4, [])).toBe(false);
  });

  it('takes a conjunction for a hit only when all of its tags are there', () => {
    const journal = new TagJournal();
    journal.record(['a', 'b'], 'all', 5);

    expect(journal.isInvalidSince(4, ['b', 'c', 'a'])).toBe(true);
    expect(journal.isInvalidSince(4, ['a', 'c'])).toBe(false);
    expect(journal.isInvalidSince(4, ['b'])).toBe(false);
    expect(journal.isInvalidSince(5, ['a', 'b'])).toBe(false);
  });

  it('knows of nothing when no tags were invalidated', () => {
    const journal = new TagJournal();
    journal.record([], 'all', 5);

    expect(journal.isInvalidSince(0, ['a'])).toBe(false);
  });

  it.each(['any', 'all'] as const)('stays small, and refuses who began before it forgot (%s)', (mode) => {
    const journal = new TagJournal();
    let at = 0;
    let most = 0;
    while (at < 3 * MAX_JOURNAL_TAGS) {
      journal.record([`t${at}`, 'u'], mode, ++at);
      most = Math.max(most, journal.size);
    }

    expect(most).toBeLessThanOrEqual(MAX_JOURNAL_TAGS);
    expect(journal.isInvalidSince(0, ['never invalidated'])).toBe(true);
    expect(journal.isInvalidSince(0, [])).toBe(false);
    expect(journal.isInvalidSince(at, ['never invalidated', 'u'])).toBe(false);
  });

  it('does not grow when one tag is invalidated again and again', () => {
    const journal = new TagJournal();

    for (let at = 1; at < 100; at++) journal.record(['t'], 'any', at);

    expect(journal.size).toBe(1);
  });
});
