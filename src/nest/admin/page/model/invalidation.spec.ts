import { describe, expect, it } from '@jest/globals';
import { counted, type Happening, nextStep, question, result, type Step, type Target } from './invalidation.js';

const tag: Target = { by: 'tags', tags: ['product'], mode: 'any', soft: false };
const after = (...happenings: Happening[]): Step => happenings.reduce<Step>(nextStep, { at: 'idle' });
const COUNTED: Happening[] = [{ kind: 'asked' }, { kind: 'counted', target: tag, amount: 12 }];

describe('an invalidation', () => {
  it('is counted, confirmed, done', () => {
    expect(after(...COUNTED)).toEqual({ at: 'counted', target: tag, amount: 12 });
    expect(after(...COUNTED, { kind: 'confirmed' }).at).toBe('removing');
    expect(after(...COUNTED, { kind: 'confirmed' }, { kind: 'removed', amount: 11 })).toEqual({
      at: 'done',
      target: tag,
      amount: 11,
    });
  });

  it('is not confirmed before it is counted', () => {
    expect(after({ kind: 'confirmed' }).at).toBe('idle');
    expect(after({ kind: 'asked' }, { kind: 'confirmed' }).at).toBe('counting');
  });

  it('forgets a count when the form was changed since, also one that is still under way', () => {
    expect(after(...COUNTED, { kind: 'edited' }, { kind: 'confirmed' }).at).toBe('idle');
    expect(after({ kind: 'asked' }, { kind: 'edited' }, { kind: 'counted', target: tag, amount: 1 }).at).toBe('idle');
  });

  it('says why it failed', () => {
    expect(after({ kind: 'asked' }, { kind: 'failed', message: 'no' })).toEqual({ at: 'failed', message: 'no' });
  });

  it.each<[Target, number, string]>([
    [tag, 12, "Remove 12 entries with tag 'product'?"],
    [{ ...tag, soft: true }, 1, "Expire 1 entry with tag 'product'?"],
    [{ ...tag, tags: ['a', 'b'], mode: 'all' }, 2, "Remove 2 entries with all of the tags 'a', 'b'?"],
    [{ by: 'namespace', namespace: 'n', soft: false }, 2, "Remove 2 entries in namespace 'n'?"],
    [{ by: 'pattern', pattern: 'a*' }, 2, "Remove 2 entries with keys like 'a*' without a namespace?"],
    [{ by: 'key', key: 'k', namespace: 'n' }, 1, "Remove 1 entry under key 'k' in namespace 'n'?"],
    [{ by: 'all' }, 3, 'Remove 3 entries of this cache?'],
  ])('by %j asks in words', (target, amount, words) => {
    expect(question(target, amount)).toBe(words);
  });

  it('tells the count and the result in words', () => {
    expect(counted(tag, 0)).toBe("Nothing is stored with tag 'product'.");
    expect(counted(tag, 1)).toBe("1 entry with tag 'product' is stored.");
    expect(result(tag, 12)).toBe("Removed 12 entries with tag 'product'.");
  });
});
