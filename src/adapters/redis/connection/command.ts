import type { Script } from '../protocol/script.js';

/** What a server answers to one command. An error is an answer like others: it says nothing of its neighbours. */
export type Reply = Buffer | number | null | Error | readonly Reply[];

export type Argument = string | number | Buffer;

/** One command, or one script, all of whose keys are in one hash slot. */
export interface Command {
  readonly name: string;
  readonly script?: Script;
  readonly keys: readonly string[];
  readonly args: readonly Argument[];
  /**
   * It is refused, with an error that `isOnItsWay` knows, rather than kept waiting for a slot that moves from one
   * server to another.
   */
  readonly yieldsToMoves?: boolean;
}

/** A reply that is not an error. */
export type ReplyValue = Exclude<Reply, Error>;

/** Returns the results, or throws the first error among them. */
export function allOrThrow<T>(results: readonly (T | Error)[]): readonly T[] {
  for (const result of results) if (result instanceof Error) throw result;
  return results as readonly T[];
}

export function plain(name: string, key: string, ...args: Argument[]): Command {
  return { name, keys: [key], args };
}

export function call(script: Script, keys: readonly string[], ...args: Argument[]): Command {
  return { name: script.name, script, keys, args };
}

/**
 * A command of several keys that can be done without, or in steps of one key each: of an open slot no server has all
 * keys for sure.
 */
export function yielding(command: Command): Command {
  return { ...command, yieldsToMoves: true };
}

/** Whether a command was refused because its slot is on its way from one server to another. */
export function isOnItsWay(reply: unknown): boolean {
  return reply instanceof Error && /^(ASK|TRYAGAIN) /.test(reply.message);
}
