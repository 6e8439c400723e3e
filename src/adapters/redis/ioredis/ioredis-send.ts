import type { Cluster, ClusterOptions, Redis, RedisOptions } from 'ioredis';
import { errorWithoutSecrets } from './error-without-secrets.js';
import type { Argument, Command, Reply } from '../connection/command.js';
import type { Script } from '../protocol/script.js';
import { TurnBatch } from '../connection/turn-batch.js';

/**
 * How commands go out through a client of ioredis, whatever options its owner gave it. A reply is bytes, a number, or
 * an error.
 */

export type Client = Redis | Cluster;

/** A command, its script by name or, where the server does not know it, as text. */
export type Sent = Command & { readonly isText?: boolean };

/** Some commands, and who waits for their replies. */
interface Batch {
  readonly commands: readonly Sent[];
  resolve(replies: readonly Reply[]): void;
}

/** Who waits for more commands has all of their answers before the first is seen. */
const COMMANDS_PER_PIPELINE = 256;

const turns = new WeakMap<Redis, TurnBatch<Batch>>();

/**
 * Sends commands to one server, which runs them in their order and behind those that were sent before. Those of one
 * turn of the event loop share pipelines. Never rejects.
 */
export function pipelined(client: Redis, commands: readonly Sent[]): Promise<readonly Reply[]> {
  return new Promise((resolve) => turnOf(client).add({ commands, resolve }));
}

function turnOf(client: Redis): TurnBatch<Batch> {
  const known = turns.get(client);
  if (known !== undefined) return known;
  const turn = new TurnBatch<Batch>((batches) => sendAll(client, batches));
  turns.set(client, turn);
  return turn;
}

function sendAll(client: Redis, batches: readonly Batch[]): void {
  let together: Batch[] = [];
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

async function answerAll(client: Redis, together: readonly Batch[]): Promise<void> {
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
  if (commands.length === 1 && first !== undefined) return [await alone(client, first)];
  const pipeline = client.pipeline();
  const told = new Set<Script | undefined>();
  for (const command of commands) {
    // Of several with a script that the server does not know, the first brings its text.
    const isTold = command.isText === true && told.has(command.script);
    if (command.isText === true) told.add(command.script);
    pipeline.callBuffer(...words(isTold ? { ...command, isText: false } : command));
  }
  try {
    const results = (await pipeline.exec()) ?? [];
    const isReadable = !tellsNumbersAsText(client);
    return results.map(([error, reply]) =>
      error !== null ? errorWithoutSecrets(error) : isReadable ? (reply as Reply) : numbered(reply),
    );
  } catch (error) {
    const failure = errorWithoutSecrets(error);
    return commands.map(() => failure);
  }
}

/** Sends one command, in a cluster to whichever server it belongs. Never rejects. */
export async function alone(client: Client, command: Sent): Promise<Reply> {
  try {
    const [name, ...args] = words(command);
    const reply = await sendTo(client, name, args);
    return tellsNumbersAsText(client) ? numbered(reply) : (reply as Reply);
  } catch (error) {
    return errorWithoutSecrets(error);
  }
}

/** A command whose reply comes as bytes. */
export function sendTo(client: Client, name: string, args: readonly Argument[]): Promise<unknown> {
  return client.options.enableAutoPipelining === true
    ? sendAsPipeline(client, name, args)
    : client.callBuffer(name, ...args);
}

/**
 * Under `enableAutoPipelining` `callBuffer` of ioredis sends the arguments without the command, but not in a pipeline
 * of one's own. A `Command` cannot be made here: a client that was handed in may be of another copy or major of
 * ioredis.
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

function tellsNumbersAsText({ options }: Client): boolean {
  const { stringNumbers, redisOptions } = options as RedisOptions & ClusterOptions;
  return stringNumbers === true || redisOptions?.stringNumbers === true;
}

/** Numbers that came as text, because of `stringNumbers`: all other text comes as bytes. */
function numbered(reply: unknown): Reply {
  if (Array.isArray(reply)) return reply.map(numbered);
  return typeof reply === 'string' ? Number(reply) : (reply as Reply);
}

function words({ name, script, keys, args, isText }: Sent): [string, ...Argument[]] {
  if (script === undefined) return [name, ...keys, ...args];
  return [...(isText === true ? ['EVAL', script.lua] : ['EVALSHA', script.sha]), keys.length, ...keys, ...args] as [
    string,
    ...Argument[],
  ];
}
