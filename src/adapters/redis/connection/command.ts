import type { Script } from '../protocol/script.js';

/** The answer to one command. An error is an answer, too, and says nothing about the other commands. */
export type Reply = Buffer | number | null | Error | readonly Reply[];

export type Argument = string | number | Buffer;

/** One command, or one script, all of whose keys are in one hash slot. */
export interface Command {
  readonly name: string;
  readonly script?: Script;
  readonly keys: readonly string[];
  readonly args: readonly Argument[];
  /** True for a command that is refused, instead of redirected, while its slot moves (see `isOnItsWay`). */
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
 * Makes a command of several keys fail, instead of being redirected, while its slot moves: then no server is sure to
 * have all the keys. For commands that can be left out, or done key by key.
 */
export function yielding(command: Command): Command {
  return { ...command, yieldsToMoves: true };
}

/** True when a command was refused because its slot moves from one server to another. */
export function isOnItsWay(reply: unknown): boolean {
  return reply instanceof Error && /^(ASK|TRYAGAIN) /.test(reply.message);
}
