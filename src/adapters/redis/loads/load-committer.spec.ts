import { expect, it } from '@jest/globals';
import type { LeaseKeeper } from './lease-keeper.js';
import { LoadCommitter } from './load-committer.js';
import type { Prepared, StoreOutcome } from '../entries/entry-writer.js';
import type { RedisGrant } from './redis-grant.js';
import type { RedisContext } from '../entries/redis-context.js';
import type { Command } from '../connection/command.js';

const LEASES = {} as LeaseKeeper;

function committerOn(isUp: boolean) {
  const [posted, awaited]: [Command[], Command[]] = [[], []];
  const link = {
    isUp: () => isUp,
    post: (commands: Command[]) => void posted.push(...commands),
    run: async (commands: Command[]) => void awaited.push(...commands),
  };
  const committer = new LoadCommitter(
    { link, keys: { wake: 'wake' } } as unknown as RedisContext,
    LEASES,
    () => undefined,
  );
  return { committer, posted, awaited };
}

const LEASE = { key: 'k', name: 'root:e::k', token: 'token' };

it.each([
  ['is up, and time is left', true, 100, { posted: 0, awaited: 1 }],
  ['is up, and no time is left', true, 0, { posted: 1, awaited: 0 }],
  ['has not answered lately: others would wait for its lease', false, 100, { posted: 1, awaited: 0 }],
])('gives a lease back to a server that %s (fault 31)', async (_, isUp, limitMs, sent) => {
  const { committer, posted, awaited } = committerOn(isUp);

  await committer.release([LEASE], limitMs);

  expect({ posted: posted.length, awaited: awaited.length }).toEqual(sent);
});

/** Ends a refresh whose result the server has answered with `end`, and returns the consequences. */
async function followingOf(end: StoreOutcome) {
  const seen: { replaced: readonly string[]; discarded: number; errors: unknown[] } = {
    replaced: [],
    discarded: 0,
    errors: [],
  };
  const group = {};
  const context = {
    limitMs: 250,
    link: { orInstead: (_: number, work: Promise<unknown>) => work },
    reader: { expectTags: () => undefined },
    writer: {
      store: async () => [end],
      entryOf: async () => undefined,
      discard: async (refused: readonly unknown[]) => void (seen.discarded += refused.length),
    },
    onError: (error: unknown) => seen.errors.push(error),
  };
  const grant = {
    purpose: 'refresh',
    namespace: undefined,
    tokens: new Map([['k', 'token']]),
    spentMs: 0,
    opening: { generations: new Map([[group, { text: 'g', mark: 'g' }]]), epochs: undefined },
  };
  const prepared = {
    draft: { key: 'k', ttlMs: 1_000 },
    groups: [group],
    envelope: { key: 'k', namespace: undefined, tags: [] },
  };
  const committer = new LoadCommitter(context as unknown as RedisContext, LEASES, (keys) => (seen.replaced = keys));
  await committer.store(grant as unknown as RedisGrant, [prepared as unknown as Prepared]);
  return seen;
}

const FAULT = new Error('the server said no');

it.each<[StoreOutcome, Awaited<ReturnType<typeof followingOf>>]>([
  [{ state: 'stored' }, { replaced: ['k'], discarded: 0, errors: [] }],
  [
    { state: 'unlisted', reason: FAULT },
    { replaced: ['k'], discarded: 0, errors: [FAULT] },
  ],
  [{ state: 'refused' }, { replaced: [], discarded: 1, errors: [] }],
  [
    { state: 'failed', reason: FAULT },
    { replaced: [], discarded: 1, errors: [FAULT] },
  ],
])('acts on the outcome of storing a replacement: %j', async (end, following) => {
  expect(await followingOf(end)).toEqual(following);
});
