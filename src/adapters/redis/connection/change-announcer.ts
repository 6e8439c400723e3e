import { announcementOf, changedName } from './change-messages.js';
import type { Command, Reply } from './command.js';

/** Decides if changes may stay unpublished. */
export interface Silence {
  /** True when a change that was answered until now counts as done although it was not published. */
  isAllowed(): boolean;

  /**
   * Called when the server does not allow this process to publish. Resolves with true when all processes with near
   * copies know it, so that the change counts as done.
   */
  demand(refusal: Error): Promise<boolean>;
}

/** The server, or servers, to which some commands go. */
export interface Destination {
  /** Channels on which their changes are published. */
  channels(): readonly string[];
  /** True when a channel belongs to one server of a cluster. */
  readonly isSharded: boolean;
  /** True when commands that are sent together are run by one server in their order. */
  readonly isOrdered: boolean;
  send(commands: readonly Command[]): Promise<readonly Reply[]>;
}

/**
 * Sends commands, and publishes the names that they change, if needed, behind the change. A change that could not be
 * published counts as failed: it has to be repeated. The need is judged after the answer: commands that are sent while
 * nobody listens may run when somebody does.
 */
export class ChangeAnnouncer {
  readonly #silence: Silence;

  constructor(silence: Silence) {
    this.#silence = silence;
  }

  async run(commands: readonly Command[], destination: Destination): Promise<readonly Reply[]> {
    if (!destination.isOrdered || this.#silence.isAllowed()) {
      const replies = await destination.send(commands);
      return this.#silence.isAllowed() ? replies : this.#publish(commands, replies, destination);
    }
    const announcements = announcementsOf(
      commands.flatMap((command) => changedName(command) ?? []),
      destination,
    );
    const replies = await destination.send([...commands, ...announcements]);
    return this.#judge(commands, replies.slice(0, commands.length), replies.slice(commands.length));
  }

  async #publish(
    commands: readonly Command[],
    replies: readonly Reply[],
    destination: Destination,
  ): Promise<readonly Reply[]> {
    const names = commands.flatMap((command, i) => (replies[i] instanceof Error ? [] : (changedName(command) ?? [])));
    const announcements = announcementsOf(names, destination);
    return announcements.length === 0 ? replies : this.#judge(commands, replies, await destination.send(announcements));
  }

  async #judge(
    commands: readonly Command[],
    replies: readonly Reply[],
    published: readonly Reply[],
  ): Promise<readonly Reply[]> {
    const failure = published.find((reply) => reply instanceof Error);
    if (failure === undefined || (failure.message.startsWith('NOPERM') && (await this.#silence.demand(failure))))
      return replies;
    return commands.map((command, i) =>
      changedName(command) === undefined || replies[i] instanceof Error ? (replies[i] as Reply) : failure,
    );
  }
}

function announcementsOf(names: readonly string[], destination: Destination): Command[] {
  if (names.length === 0) return [];
  return destination.channels().map((channel) => ({
    name: destination.isSharded ? 'SPUBLISH' : 'PUBLISH',
    keys: [channel],
    args: [announcementOf(names)],
  }));
}
