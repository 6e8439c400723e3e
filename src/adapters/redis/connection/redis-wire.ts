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

/**
 * What the adapter needs of a Redis, whatever its topology. Nothing here waits for a connection, or repeats a command.
 */
export interface RedisWire {
  /** Whether keys of different slots may be on different servers. */
  readonly isCluster: boolean;

  isUp(): boolean;

  /** Why it is not up, where that is known. */
  lastError(): Error | undefined;

  /**
   * Sends all commands at once: one round trip for each server, and commands for one server are run in their order. A
   * reply for each command. Never rejects, and may never settle: who waits sets the limit.
   */
  run(commands: readonly Command[]): Promise<readonly Reply[]>;

  /** The strings under the keys, `null` where there is none. Rejects where one could not be read. */
  getAll(keys: readonly string[]): Promise<readonly (Buffer | null)[]>;

  /** The server that a name belongs to, as far as that is known: what is sent to another one does not wait for it. */
  placeOf(name: string): string;

  /** The servers that hold entries. */
  masters(): readonly string[];

  /** One step through the names of one server. */
  scan(
    master: string,
    cursor: string,
    match: string,
    count: number,
  ): Promise<{ readonly cursor: string; readonly keys: readonly string[] }>;

  /** Whether messages of the wake channel are being received at this moment. */
  isListening(): boolean;

  /** Gives up a connection on which nothing comes back, for a new one. */
  reconnect(): void;

  /** From now on `listener` is told of what happens. Called once. */
  listen(listener: WireListener): void;

  close(): Promise<void>;
}

export interface WireListener {
  /** Commands can be sent. */
  onUp(): void;
  onDown(): void;
  /** The commands may go to another server from now on, which may have missed what the one before acknowledged. */
  onMoved(): void;
  /** A message on the wake channel. */
  onWake(message: string): void;
}
