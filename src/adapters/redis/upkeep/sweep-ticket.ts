import type { RedisContext } from '../entries/redis-context.js';
import { plain } from '../connection/redis-wire.js';

/** So long the ticket of a process that has died keeps others from sweeping. */
const HELD_MS = 60_000;

/** Lets one process of a cache at a time walk through its indexes, and none too often. Two at once would do no harm. */
export class SweepTicket {
  constructor(
    private readonly key: string,
    private readonly context: RedisContext,
  ) {}

  async take(): Promise<boolean> {
    const [reply] = await this.context.run([plain('SET', this.key, 1, 'PX', HELD_MS, 'NX')]);
    // A server that is full stores no ticket, and needs the sweeping most.
    return reply instanceof Error ? reply.message.startsWith('OOM') : reply !== null;
  }

  /** Holds it for longer: to be called every half minute while sweeping. */
  hold(): void {
    this.expireIn(HELD_MS);
  }

  /** Nobody sweeps until then. */
  expireIn(ms: number): void {
    this.context.link.post([plain('SET', this.key, 1, 'PX', Math.ceil(ms))]);
  }

  giveBack(): void {
    this.context.link.post([plain('UNLINK', this.key)]);
  }
}
