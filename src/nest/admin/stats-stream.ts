import type { ServerResponse } from 'node:http';
import type { CacheStats } from '../../core/observation/cache-stats.js';
import type { Clock, Timer } from '../../core/ports/clock.port.js';

const EVERY_MS = 1_000;
/** Seconds in a row without room for an event, after which a client is given up. */
const MAX_SKIPPED = 30;
/** Length of one stream. The client connects again then, and the guards decide again. */
const MAX_STREAM_MS = 5 * 60_000;

const HEADERS = {
  'Content-Type': 'text/event-stream; charset=utf-8',
  // Compression holds events back until it has enough of them; `no-transform` keeps it away.
  'Cache-Control': 'no-store, no-transform',
  'X-Accel-Buffering': 'no',
};

interface Client {
  readonly response: ServerResponse;
  readonly endsAtMs: number;
  skipped: number;
}

/**
 * Sends the statistics to all its clients every second as server-sent events (HTML, section 9.2). One timer serves all
 * clients; without clients there is none. A client that reads slowly misses events, so at most one buffer of it is
 * kept.
 */
export class StatsStream {
  readonly #read: () => Promise<CacheStats>;
  readonly #clock: Clock;
  readonly #clients = new Set<Client>();
  #timer: Timer | undefined;
  /** The event that is being made. Clients that come meanwhile get it too. */
  #next: Promise<string> | undefined;
  #isClosed = false;

  constructor(read: () => Promise<CacheStats>, clock: Clock) {
    this.#read = read;
    this.#clock = clock;
  }

  /** Sends the first event at once, then one every second until the client leaves or `close` ends the response. */
  add(response: ServerResponse, { isHeadOnly }: { isHeadOnly: boolean }): void {
    // The connection ends with the stream. Kept alive, it would hold up the end of the application for seconds.
    if (response.req.httpVersionMajor < 2) response.setHeader('Connection', 'close');
    response.writeHead(200, HEADERS);
    if (isHeadOnly || this.#isClosed) {
      response.end();
      return;
    }
    const client = { response, endsAtMs: this.#clock.nowMs() + MAX_STREAM_MS, skipped: 0 };
    this.#clients.add(client);
    response.on('close', () => this.#remove(client));
    // A client that leaves while an event is written is no fault.
    response.on('error', () => this.#remove(client));
    response.flushHeaders();
    response.write(`retry: ${EVERY_MS}\n\n`);
    void this.#event().then((event) => this.#send(client, event));
    this.#timer ??= this.#schedule();
  }

  /** Ends all streams, and those that are added later. */
  close(): void {
    this.#isClosed = true;
    for (const client of [...this.#clients]) this.#end(client);
  }

  #schedule(): Timer {
    const timer = this.#clock.schedule(EVERY_MS, () => void this.#tick(timer));
    return timer;
  }

  async #tick(timer: Timer): Promise<void> {
    const event = await this.#event();
    for (const client of [...this.#clients]) this.#send(client, event);
    // All clients might have left meanwhile, and a new one have started a timer of its own.
    if (this.#timer === timer) this.#timer = this.#schedule();
  }

  #event(): Promise<string> {
    return (this.#next ??= this.#makeEvent());
  }

  async #makeEvent(): Promise<string> {
    try {
      return `data: ${JSON.stringify(await this.#read())}\n\n`;
    } catch {
      // A comment: the client sees that nothing new is known. The cache has reported the fault.
      return ': the statistics cannot be read\n\n';
    } finally {
      this.#next = undefined;
    }
  }

  #send(client: Client, event: string): void {
    if (!this.#clients.has(client)) return;
    const { response } = client;
    if (response.writableNeedDrain) {
      if (++client.skipped < MAX_SKIPPED) return;
      this.#remove(client);
      response.destroy();
      return;
    }
    client.skipped = 0;
    response.write(event);
    if (this.#clock.nowMs() >= client.endsAtMs) this.#end(client);
  }

  #end(client: Client): void {
    this.#remove(client);
    client.response.end();
  }

  #remove(client: Client): void {
    this.#clients.delete(client);
    if (this.#clients.size > 0) return;
    this.#timer?.cancel();
    this.#timer = undefined;
  }
}
