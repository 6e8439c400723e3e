import { CONNECTING, type Connection, type ConnectionEvent, delayMs, nextConnection } from '../model/connection.js';
import type { Stats } from '../model/shapes.js';
import { type AdminClient, AdminError } from './admin-client.js';

/** Listens to the stream of statistics, and connects again when it breaks. */
export class StatsFeed {
  readonly #client: AdminClient;
  readonly #onStats: (stats: Stats) => void;
  readonly #onConnection: (connection: Connection) => void;
  #connection = CONNECTING;

  constructor(client: AdminClient, onStats: (stats: Stats) => void, onConnection: (connection: Connection) => void) {
    this.#client = client;
    this.#onStats = onStats;
    this.#onConnection = onConnection;
  }

  start(): void {
    this.#connect();
    setInterval(() => this.#moveOn({ kind: 'passed', atMs: performance.now() }), 1_000);
  }

  #connect(): void {
    const source = new EventSource(this.#client.streamUrl);
    source.addEventListener('message', ({ data }: MessageEvent<string>) => {
      this.#moveOn({ kind: 'heard', atMs: performance.now() });
      this.#onStats(JSON.parse(data) as Stats);
    });
    source.addEventListener('error', () => {
      // The browser's own attempts tell no reason and give up at a refusal.
      source.close();
      void this.#retry();
    });
  }

  /** Asks for the reason, which the browser hides from the stream, and connects again. */
  async #retry(): Promise<void> {
    try {
      await this.#client.stats();
      // A stream that ends now and then, for the guards to decide again, is no fault.
      if (this.#connection.attempts > 0) this.#moveOn({ kind: 'broke' });
      else this.#connection = { ...this.#connection, attempts: 1 };
    } catch (error) {
      const isRefused = error instanceof AdminError && (error.status === 401 || error.status === 403);
      const reason = error instanceof Error ? error.message : String(error);
      this.#moveOn({ kind: isRefused ? 'refused' : 'broke', reason });
    }
    setTimeout(() => this.#connect(), delayMs(this.#connection));
  }

  #moveOn(event: ConnectionEvent): void {
    const next = nextConnection(this.#connection, event);
    if (next === this.#connection) return;
    this.#connection = next;
    this.#onConnection(next);
  }
}
