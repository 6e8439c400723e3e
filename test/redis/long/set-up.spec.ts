import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { Logger } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { CacheKitModule } from '../../../src/cache-kit.module.js';
import { type CacheKitOptions } from '../../../src/cache-kit.options.js';
import { createCache } from '../../../src/create-cache.js';
import { startRedis } from '../../support/redis-servers.js';
import { cleanUpAfterEach, stopAfterTest, rawClient } from '../redis.fixture.js';

/** Findings of the start-up advisor about a server. */

jest.setTimeout(60_000);
cleanUpAfterEach();

let warnings: string[] = [];
beforeEach(() => {
  warnings = [];
  for (const level of ['log', 'error'] as const)
    jest.spyOn(Logger.prototype, level).mockImplementation(() => undefined);
  jest.spyOn(Logger.prototype, 'warn').mockImplementation((line: unknown) => void warnings.push(String(line)));
});
afterEach(() => void jest.restoreAllMocks());

async function serverWith(...commands: [string, ...string[]][]): Promise<CacheKitOptions> {
  const { port } = await stopAfterTest(startRedis());
  const client = rawClient({ port });
  for (const command of commands) await client.call(...command);
  return { backend: 'redis', redis: { url: `redis://localhost:${port}`, commandTimeout: '5s' } };
}

const NO_EVICTION: [string, ...string[]][] = [
  ['CONFIG', 'SET', 'maxmemory', '64mb'],
  ['CONFIG', 'SET', 'maxmemory-policy', 'noeviction'],
];
const WITHOUT_INFO: [string, ...string[]][] = [['ACL', 'SETUSER', 'default', '-info']];

describe('a Redis that is not set up for a cache', () => {
  it.each([
    [
      'evicts nothing',
      NO_EVICTION,
      /Redis at redis:\/\/localhost:\d+\/0 may hold 64 MiB and evicts nothing \(maxmemory-policy noeviction\): .* Set maxmemory-policy to allkeys-lfu/,
    ],
    [
      'does not allow INFO',
      WITHOUT_INFO,
      /Redis at redis:\/\/localhost:\d+\/0 does not let its user ask INFO, .* Give the user the right `\+info`\./,
    ],
  ])('is listed when it %s, and with `strict` fails the start', async (_, commands, sentence) => {
    const options = await serverWith(...commands);

    const app = await Test.createTestingModule({ imports: [CacheKitModule.forRoot(options)] }).compile();
    await app.init();
    await app.close();

    expect(warnings).toEqual([expect.stringMatching(sentence)]);
    await expect(createCache({ ...options, strict: true })).rejects.toThrow(sentence);
  });

  it.each([
    [
      'a limit and a policy that evicts',
      [
        ['CONFIG', 'SET', 'maxmemory', '64mb'],
        ['CONFIG', 'SET', 'maxmemory-policy', 'volatile-lfu'],
      ] as [string, ...string[]][],
    ],
    ['no limit', [] as [string, ...string[]][]],
  ])('is not, with %s', async (_, commands) => {
    const cache = await createCache({ ...(await serverWith(...commands)), strict: true });
    await cache.close();

    expect(warnings).toEqual([]);
  });
});
