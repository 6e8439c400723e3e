import type { Cluster, ClusterOptions, Redis, RedisOptions } from 'ioredis';
import { errorWithoutSecrets } from '../../../core/vocabulary/error-without-secrets.js';
import type { Argument, Command, Reply } from '../connection/command.js';
import type { Script } from '../protocol/script.js';
import { TurnBatch } from '../connection/turn-batch.js';

/*
 * Sends commands through a client of ioredis with any options of its owner. A reply is bytes, a number, or an error.
 */

export type Client = Redis | Cluster;

/**
 * A command. Its script is sent by its hash or, if the server does not know it, as text: `first` sends the text only
 * with the first of the commands of a pipeline that have the same script.
 */
export type Sent = Command & { readonly text?: 'first' | 'all' };

/** Commands, and the caller that waits for their replies. */
interface PendingCommands {
  readonly commands: readonly Sent[];
  resolve(replies: readonly Reply[]): void;
}

/**
 * Commands after which a pipeline is sent: its answers come together, so a longer one would delay the first of them.
 */
const COMMANDS_PER_PIPELINE = 256;

const turns = new WeakMap<Redis, TurnBatch<PendingCommands>>();

/**
 * Sends commands to one server, which runs them in their order, after those that were sent before. The commands of one
 * turn of the event loop share pipelines. Never rejects.
 */
export function sendInPipeline(client: Redis, commands: readonly Sent[]): Promise<readonly Reply[]> {
  return new Promise((resolve) => turnOf(client).add({ commands, resolve }));
}

function turnOf(client: Redis): TurnBatch<PendingCommands> {
  const known = turns.get(client);
  if (known !== undefined) return known;
  const turn = new TurnBatch<PendingCommands>((batches) => sendAll(client, batches));
  turns.set(client, turn);
  return turn;
}

function sendAll(client: Redis, batches: readonly PendingCommands[]): void {
  let together: PendingCommands[] = [];
  let count = 0;
  for (const batch of batches) {
    together.push(batch);
    count += batch.commands.length;
    if (count < COMMANDS_PER_PIPELINE) continue;
    void answerAll(client, together);
    together = [];
    count = 0;
  }
  if (together.length > 0) void answerAll(client, together);
}

async function answerAll(client: Redis, together: readonly PendingCommands[]): Promise<void> {
  const replies = await inOnePipeline(
    client,
    together.flatMap(({ commands }) => commands),
  );
  let next = 0;
  for (const each of together) each.resolve(replies.slice(next, (next += each.commands.length)));
}

/** Never rejects. */
async function inOnePipeline(client: Redis, commands: readonly Sent[]): Promise<readonly Reply[]> {
  const [first] = commands;
  if (commands.length === 1 && first !== undefined) return [await sendAlone(client, first)];
  const pipeline = client.pipeline();
  const known = new Set<Script | undefined>();
  for (const command of commands) {
    pipeline.callBuffer(...wordsOf(command, known.has(command.script)));
    if (command.text === 'first') known.add(command.script);
  }
  try {
    const results = (await pipeline.exec()) ?? [];
    const isReadable = !returnsNumbersAsText(client);
    return results.map(([error, reply]) =>
      error !== null ? errorWithoutSecrets(error) : isReadable ? (reply as Reply) : withNumbers(reply),
    );
  } catch (error) {
    const failure = errorWithoutSecrets(error);
    return commands.map(() => failure);
  }
}

/** Sends one command, in a cluster to the server of its key. Never rejects. */
export async function sendAlone(client: Client, command: Sent): Promise<Reply> {
  try {
    const [name, ...args] = wordsOf(command);
    const reply = await sendTo(client, name, args);
    return returnsNumbersAsText(client) ? withNumbers(reply) : (reply as Reply);
  } catch (error) {
    return errorWithoutSecrets(error);
  }
}

/** Sends a command whose reply comes as bytes. */
export function sendTo(client: Client, name: string, args: readonly Argument[]): Promise<unknown> {
  return client.options.enableAutoPipelining === true
    ? sendAsPipeline(client, name, args)
    : client.callBuffer(name, ...args);
}

/**
 * Sends a command in a pipeline of its own: with `enableAutoPipelining`, `callBuffer` of an ioredis client sends the
 * arguments without the command. A `Command` of ioredis cannot be made here, because a client that was passed in may
 * belong to another copy or major of ioredis.
 */
async function sendAsPipeline(client: Client, name: string, args: readonly Argument[]): Promise<unknown> {
  const results = await client
    .pipeline()
    .callBuffer(name, ...args)
    .exec();
  const [error, reply] = results?.[0] ?? [];
  if (error) throw error;
  return reply;
}

function returnsNumbersAsText({ options }: Client): boolean {
  const { stringNumbers, redisOptions } = options as RedisOptions & ClusterOptions;
  return stringNumbers === true || redisOptions?.stringNumbers === true;
}

/** Converts numbers that came as text, because of `stringNumbers`. All other text comes as bytes. */
function withNumbers(reply: unknown): Reply {
  if (Array.isArray(reply)) return reply.map(withNumbers);
  return typeof reply === 'string' ? Number(reply) : (reply as Reply);
}

/** @param isKnown true when the server has just been sent the text of the script */
function wordsOf({ name, script, keys, args, text }: Sent, isKnown = false): [string, ...Argument[]] {
  if (script === undefined) return [name, ...keys, ...args];
  const isText = text === 'all' || (text === 'first' && !isKnown);
  return [...(isText ? ['EVAL', script.lua] : ['EVALSHA', script.sha]), keys.length, ...keys, ...args] as [
    string,
    ...Argument[],
  ];
}
