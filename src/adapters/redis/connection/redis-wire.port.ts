import type { Finding } from '../../../core/vocabulary/finding.js';
import type { Command, Reply } from './command.js';

/** Connections to a Redis of any topology. No method waits for a connection, or repeats a command. */
export interface RedisWire {
  /** True when keys of different slots may be on different servers. */
  readonly isCluster: boolean;

  isUp(): boolean;

  /** The reason why it is not up, if known. */
  lastError(): Error | undefined;

  /**
   * Sends all commands at once, in one round trip per server. A server runs its commands in their order. Resolves with
   * a reply for each command. Never rejects, but might never settle: the caller sets a limit.
   */
  run(commands: readonly Command[]): Promise<readonly Reply[]>;

  /** Reads the strings under the keys, `null` for a missing one. Rejects when a key could not be read. */
  getAll(keys: readonly string[]): Promise<readonly (Buffer | null)[]>;

  /** The server of a key, as far as it is known. Commands for different servers do not wait for each other. */
  serverOf(name: string): string;

  /** The servers that hold entries. */
  masters(): readonly string[];

  /** Takes one step through the keys of one server. */
  scan(
    master: string,
    cursor: string,
    match: string,
    count: number,
  ): Promise<{ readonly cursor: string; readonly keys: readonly string[] }>;

  /**
   * Asks the servers that hold entries how they are set up. `undefined` where none answers. Absent where servers cannot
   * be asked.
   */
  diagnose?(): Promise<readonly Finding[] | undefined>;

  /** True while messages on the wake channel arrive. */
  isListening(): boolean;

  /** Replaces a connection that does not answer. */
  reconnect(): void;

  /** Registers the listener. Call once. */
  listen(listener: WireListener): void;

  close(): Promise<void>;
}

export interface WireListener {
  /** Commands can be sent from now on. */
  onUp(): void;
  onDown(): void;
  /** Commands that are under way may be answered by another server, which may lack acknowledged writes. */
  onStrayed(): void;
  /** Commands may go to another server from now on, which may lack writes that the one before acknowledged. */
  onMoved(): void;
  /** A message came on the wake channel. */
  onWake(message: string): void;
}
