import type { Command, Reply } from './command.js';

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
  serverOf(name: string): string;

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
