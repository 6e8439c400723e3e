import { expect, it } from '@jest/globals';
import { LoadCommitter } from './load-committer.js';
import type { RedisParts } from './redis-parts.js';
import type { Command } from './redis-wire.js';

function committerOn(isUp: boolean) {
  const [posted, awaited]: [Command[], Command[]] = [[], []];
  const link = {
    isUp: () => isUp,
    post: (commands: Command[]) => void posted.push(...commands),
    run: async (commands: Command[]) => void awaited.push(...commands),
  };
  const committer = new LoadCommitter({ link, keys: { wake: 'wake' } } as unknown as RedisParts, () => undefined);
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
