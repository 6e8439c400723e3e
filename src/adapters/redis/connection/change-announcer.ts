import { announcementOf, changedName } from './change-messages.js';
import type { Command, Reply } from './command.js';

/** Whether changes need not be published. */
export interface Silence {
  /** Whether a change that was answered until now may count as done although it was not published. */
  isAllowed(): boolean;

  /**
   * The server does not let this process publish. Resolves with whether the others know it, so that a change may count
   * as done.
   */
  demand(refusal: Error): Promise<boolean>;
}

/** The way of some commands. */
export interface Route {
  /** Where their changes are to be published. */
  channels(): readonly string[];
  readonly isSharded: boolean;
  /** Whether what is sent at once reaches one server, which runs it in this order. */
  readonly isOrdered: boolean;
  send(commands: readonly Command[]): Promise<readonly Reply[]>;
}

/**
 * Sends commands, and publishes what they change where that is needed, behind the change. One that could not be
 * published counts as failed: it has to be repeated. Whether it was needed is judged when the answer is there: what is
 * sent while nobody listens may be run when somebody does.
 */
export class ChangeAnnouncer {
  constructor(private readonly silence: Silence) {}

  async run(commands: readonly Command[], route: Route): Promise<readonly Reply[]> {
    if (!route.isOrdered || this.silence.isAllowed()) {
      const replies = await route.send(commands);
      return this.silence.isAllowed() ? replies : this.#tell(commands, replies, route);
    }
    const announcements = announcementsOf(
      commands.flatMap((command) => changedName(command) ?? []),
      route,
    );
    const replies = await route.send([...commands, ...announcements]);
    return this.#judge(commands, replies.slice(0, commands.length), replies.slice(commands.length));
  }

  async #tell(commands: readonly Command[], replies: readonly Reply[], route: Route): Promise<readonly Reply[]> {
    const names = commands.flatMap((command, i) => (replies[i] instanceof Error ? [] : (changedName(command) ?? [])));
    const announcements = announcementsOf(names, route);
    return announcements.length === 0 ? replies : this.#judge(commands, replies, await route.send(announcements));
  }

  async #judge(
    commands: readonly Command[],
    replies: readonly Reply[],
    told: readonly Reply[],
  ): Promise<readonly Reply[]> {
    const failure = told.find((reply) => reply instanceof Error);
    if (failure === undefined || (failure.message.startsWith('NOPERM') && (await this.silence.demand(failure))))
      return replies;
    return commands.map((command, i) =>
      changedName(command) === undefined || replies[i] instanceof Error ? (replies[i] as Reply) : failure,
    );
  }
}

function announcementsOf(names: readonly string[], route: Route): Command[] {
  if (names.length === 0) return [];
  return route.channels().map((channel) => ({
    name: route.isSharded ? 'SPUBLISH' : 'PUBLISH',
    keys: [channel],
    args: [announcementOf(names)],
  }));
}
