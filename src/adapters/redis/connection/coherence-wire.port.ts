import type { Clock } from '../../../core/ports/clock.port.js';
import type { Silence } from './change-announcer.js';
import type { Command, Reply } from './command.js';

/** Connections for coherence, to a Redis of any topology: they know which server has which keys, and listen there. */
export interface CoherenceWire {
  readonly isCluster: boolean;

  /** The servers that hold entries. */
  masters(): readonly string[];

  /** A name with this prefix that is on that master; `undefined` for a master without slots. */
  nameOn(master: string, prefix: string): string | undefined;

  /** Registers the listener for topology changes. Call once. */
  watchTopology(listener: TopologyListener): void;

  /** True when commands go to the server with this id; `undefined` when unknown. Always true in a cluster. */
  isServedBy(id: string | undefined): boolean | undefined;

  /**
   * Asks each master of a cluster for a name with this prefix in its slots. True when all answered, or without a
   * cluster.
   */
  areInPlace(prefix: string): Promise<boolean>;

  /** Publishes changes from now on, on channels with this prefix, unless `silence` allows not to. Call once. */
  announceChanges(prefix: string, silence: Silence): void;

  /** True when the server allows publishing on these channels; `undefined` when it did not answer. */
  mayAnnounce(): Promise<boolean | undefined>;

  /** Sends commands as they are. Never rejects, but might never settle. */
  run(commands: readonly Command[]): Promise<readonly Reply[]>;

  /** Begins to listen to a master; `undefined` when it has left the cluster. */
  openListener(master: string, feed: ChangeFeed, clock: Clock, handlers: ChangeHandlers): ChangeListener | undefined;
}

export interface TopologyListener {
  /** The slot map was read again: there may be other masters. */
  onMasters(): void;
  /** Commands went to another server than the slot map says. */
  onStrayed(): void;
  /** Commands may go to another server from now on, or to none. */
  onAway(): void;
}

/** Receives the changes of one master, over a connection that is restored whenever it is lost. */
export interface ChangeListener {
  /**
   * Time at which the last answered PING was sent: all changes from the opening of the connection until then have been
   * received. `-Infinity` before the first answer.
   */
  readonly provenMs: number;
  /** Id of the server that it listens to; `undefined` when the server does not say it. */
  readonly serverId: string | undefined;
  readonly isOpen: boolean;
  /** Sends a PING, or replaces a connection that does not answer. */
  beat(): void;
  restart(): void;
  close(): Promise<void>;
}

/** The source of the changes that a connection receives. */
export type ChangeFeed =
  /** The server announces each change of a key with one of `prefixes`. */
  | { readonly kind: 'tracking'; readonly prefixes: readonly string[] }
  /** Processes publish their changes on a channel; `isSharded`: it belongs to one server of a cluster. */
  | { readonly kind: 'bus'; readonly channel: string; readonly isSharded: boolean };

export interface ChangeHandlers {
  /** All changes are received from now on; earlier ones may have been missed. */
  onOpen(): void;
  /** These keys were changed; `undefined`: any key may have been. */
  onNames(names: readonly string[] | undefined): void;
  /** `provenMs` is later than before. */
  onProof(): void;
  /** Changes may be missed from now on. */
  onLost(): void;
  /** The server does not allow this kind of listening. */
  onRefused(error: Error): void;
}
