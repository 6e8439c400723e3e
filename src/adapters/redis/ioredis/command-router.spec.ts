import { describe, expect, it } from '@jest/globals';
import { call, type Reply } from '../connection/command.js';
import { type Script, script } from '../protocol/script.js';
import { CommandRouter } from './command-router.js';
import type { ClusterMap } from './cluster-map.js';
import type { Client } from './ioredis-send.js';

const A = script('a', 'return 1');
const B = script('b', 'return 2');

/** A server that knows scripts for as many commands as `memory` says. */
class ForgetfulServer {
  /** Per pipeline: names of commands. */
  readonly received: string[][] = [];
  /** Commands until a script is forgotten. */
  readonly #left = new Map<Script, number>();
  readonly #memory: number;

  constructor(memory: number) {
    this.#memory = memory;
  }

  get client(): Client {
    return { options: {}, pipeline: () => this.#pipeline() } as unknown as Client;
  }

  #pipeline(): unknown {
    const commands: string[][] = [];
    return {
      callBuffer: (...words: string[]) => commands.push(words),
      exec: () => {
        this.received.push(commands.map(([name]) => name as string));
        return Promise.resolve(commands.map((words) => this.#answer(words)));
      },
    };
  }

  #answer([name, text = '']: string[]): [Error | null, Reply] {
    const known = [A, B].find(({ lua, sha }) => text === lua || text === sha);
    if (known === undefined) throw new Error(`Unexpected ${name} ${text}.`);
    const left = name === 'EVAL' ? this.#memory : (this.#left.get(known) ?? 0);
    for (const [each, more] of this.#left) this.#left.set(each, more - 1);
    if (left <= 0) return [new Error('NOSCRIPT No matching script. Please use EVAL.'), null];
    if (name === 'EVAL') this.#left.set(known, this.#memory - 1);
    return [null, known === A ? 1 : 2];
  }
}

describe('CommandRouter', () => {
  const commands = [call(A, ['k1']), call(B, ['k1']), call(A, ['k2']), call(A, ['k3'])];

  it('sends the text of a script that the server does not know once', async () => {
    const server = new ForgetfulServer(Infinity);

    const replies = await new CommandRouter(server.client, undefined, () => undefined).run(commands);

    expect(replies).toEqual([1, 2, 1, 1]);
    expect(server.received).toEqual([
      ['EVALSHA', 'EVALSHA', 'EVALSHA', 'EVALSHA'],
      ['EVAL', 'EVAL', 'EVALSHA', 'EVALSHA'],
    ]);
  });

  it('sends the text with each command when the server forgets it between two of them', async () => {
    const server = new ForgetfulServer(1);

    const replies = await new CommandRouter(server.client, undefined, () => undefined).run(commands);

    expect(replies).toEqual([1, 2, 1, 1]);
    expect(server.received).toEqual([
      ['EVALSHA', 'EVALSHA', 'EVALSHA', 'EVALSHA'],
      ['EVAL', 'EVAL', 'EVALSHA', 'EVALSHA'],
      ['EVAL', 'EVAL'],
    ]);
  });
});

describe('CommandRouter in a cluster', () => {
  /** Reads a key whose server answers with this error, or is not known. Returns what was heard, and the answer. */
  async function readAstray(message: string | undefined): Promise<unknown[]> {
    const heard: unknown[] = [];
    const node = { options: {}, callBuffer: () => Promise.reject(new Error(message)) };
    const cluster = { options: {}, isCluster: true, callBuffer: () => Promise.resolve(Buffer.from('value')) };
    const map = { byNode: () => new Map([[message === undefined ? undefined : node, [0]]]) };
    const router = new CommandRouter(cluster as unknown as Client, map as unknown as ClusterMap, (isInMigration) =>
      heard.push(isInMigration ? 'migration' : 'perhaps lost writes'),
    );
    const [value] = await router.getAll(['k']);
    return [...heard, value?.toString()];
  }

  it.each([
    ['MOVED 1 127.0.0.1:1', 'perhaps lost writes'],
    ['CLUSTERDOWN Hash slot not served', 'perhaps lost writes'],
    ['ASK 1 127.0.0.1:1', 'migration'],
    ['TRYAGAIN Multiple keys request during rehashing of slot', 'migration'],
    [undefined, 'perhaps lost writes'],
  ])('tells of a command that went astray before it is answered: %s (fault 36)', async (message, told) => {
    expect(await readAstray(message)).toEqual([told, 'value']);
  });
});
