import { expect, it } from '@jest/globals';
import { type Addressed, type EntryTarget, hitBy } from './invalidation-target.js';

const ENTRY: Addressed = { key: 'user:1', namespace: 'n', tags: ['a', 'b'] };

it.each<[what: string, target: EntryTarget, isHit: boolean]>([
  ['its key', { kind: 'keys', keys: ['x', 'user:1'], namespace: 'n' }, true],
  ['its key in another namespace', { kind: 'keys', keys: ['user:1'], namespace: undefined }, false],
  ['another key', { kind: 'keys', keys: ['user:2'], namespace: 'n' }, false],
  ['one of its tags', { kind: 'tags', tags: ['x', 'b'], mode: 'any' }, true],
  ['all of its tags', { kind: 'tags', tags: ['b', 'a'], mode: 'all' }, true],
  ['its tag together with another one', { kind: 'tags', tags: ['a', 'x'], mode: 'all' }, false],
  ['other tags', { kind: 'tags', tags: ['x'], mode: 'any' }, false],
  ['no tags', { kind: 'tags', tags: [], mode: 'any' }, false],
  ['all of no tags', { kind: 'tags', tags: [], mode: 'all' }, false],
  ['its namespace', { kind: 'namespace', namespace: 'n' }, true],
  ['another namespace', { kind: 'namespace', namespace: 'm' }, false],
  ['a pattern of its key', { kind: 'pattern', pattern: 'user:*', namespace: 'n' }, true],
  ['a pattern in another namespace', { kind: 'pattern', pattern: 'user:*', namespace: 'm' }, false],
  ['a pattern of other keys', { kind: 'pattern', pattern: 'order:*', namespace: 'n' }, false],
  ['everything', { kind: 'all' }, true],
])('tells whether an entry is hit by an invalidation of %s', (_, target, isHit) => {
  expect(hitBy(target)(ENTRY)).toBe(isHit);
});

it('lets an invalidation of tags hit an entry whose tags are not known', () => {
  const isHit = hitBy({ kind: 'tags', tags: ['x'], mode: 'all' })({ ...ENTRY, tags: undefined });

  expect(isHit).toBe(true);
});
