import type { Clock } from '../../../core/ports/clock.port.js';
import type { Silence } from './change-announcer.js';
import type { Command, Reply } from './command.js';

/** What coherence needs of a Redis, whatever its topology: to know where things are, and to listen there. */
export interface CoherenceWire {
  readonly isCluster: boolean;

  /** The servers that hold entries. */
  masters(): readonly string[];

  /** A name that begins with `prefix` and is on that master; `undefined` where it holds no slot. */
  nameOn(master: string, prefix: string): string | undefined;

  /** From now on `listener` is told of the places of things. Called once. */
  watchTopology(listener: TopologyListener): void;

  /** Whether commands go to the server of that id; `undefined` where it is not known. In a cluster its map tells. */
  isServedBy(id: string | undefined): boolean | undefined;

  /**
   * Whether each master of a cluster answers for the slots that the map gives it. Names that begin with `prefix` are
   * asked for.
   */
  areInPlace(prefix: string): Promise<boolean>;

  /**
   * From now on changes are published on channels that begin with `prefix`, where `silence` does not allow to leave it.
   * Called once.
   */
  announceChanges(prefix: string, silence: Silence): void;

  /** Whether the server allows to publish on these channels; `undefined` where it did not say. */
  mayAnnounce(): Promise<boolean | undefined>;

  /** Sends commands as they are. Never rejects, and may never settle. */
  run(commands: readonly Command[]): Promise<readonly Reply[]>;

  /** Begins to listen to a master; `undefined` where it has left. */
  openListener(master: string, feed: ChangeFeed, clock: Clock, handlers: ChangeHandlers): ChangeListener | undefined;
}

export interface TopologyListener {
  /** The map was read anew: there may be other masters. */
  onMasters(): void;
  /** Commands went to another server than the map says, and their answers will arrive from there. */
  onStrayed(): void;
  /** From now on commands may go to another server, or nowhere. */
  onAway(): void;
}

/** Hears of the changes of one master, over a connection that comes back for ever. */
export interface ChangeListener {
  /**
   * When the youngest PING was sent that was answered on a connection that has heard everything since it was opened.
   */
  readonly provenMs: number;
  /** Which server it listens to; `undefined` where that is not told. */
  readonly serverId: string | undefined;
  readonly isOpen: boolean;
  /** Asks for a proof, or for a new connection where this one says nothing. */
  beat(): void;
  restart(): void;
  close(): Promise<void>;
}

/** What a connection listens to. */
export type ChangeFeed =
  /** What the server tells of keys that begin with one of `prefixes`. */
  | { readonly kind: 'tracking'; readonly prefixes: readonly string[] }
  /** What is said on a channel; `isSharded` where it belongs to one server of a cluster. */
  | { readonly kind: 'bus'; readonly channel: string; readonly isSharded: boolean };

export interface ChangeHandlers {
  /** From now on everything is heard; what happened before may have been missed. */
  onOpen(): void;
  /** Keys that were changed; `undefined` where any may have been. */
  onNames(names: readonly string[] | undefined): void;
  /** `provenMs` has become younger. */
  onProof(): void;
  /** Something may be missed from now on. */
  onLost(): void;
  /** The server does not allow to listen in this way. */
  onRefused(error: Error): void;
}
