/** State of the stream, as far as the page says it. */
export interface Connection {
  readonly state: 'connecting' | 'live' | 'lost' | 'refused';
  /** Time of the last event; absent before the first one. */
  readonly heardAtMs?: number;
  /** Attempts since the last event. */
  readonly attempts: number;
  readonly reason?: string;
}

export type ConnectionEvent =
  | { readonly kind: 'heard'; readonly atMs: number }
  | { readonly kind: 'broke'; readonly reason?: string }
  | { readonly kind: 'refused'; readonly reason: string }
  | { readonly kind: 'passed'; readonly atMs: number };

export const CONNECTING: Connection = { state: 'connecting', attempts: 0 };
/** Time without an event after which the numbers count as old. */
const SILENCE_MS = 5_000;

export function nextConnection(connection: Connection, event: ConnectionEvent): Connection {
  switch (event.kind) {
    case 'heard':
      return { state: 'live', heardAtMs: event.atMs, attempts: 0 };
    case 'broke':
      return { ...withoutReason(connection), state: 'lost', attempts: connection.attempts + 1, ...reasonOf(event) };
    case 'refused':
      return { ...connection, state: 'refused', attempts: connection.attempts + 1, reason: event.reason };
    case 'passed':
      return isSilent(connection, event.atMs) ? { ...connection, state: 'lost' } : connection;
  }
}

/** Time until the next attempt: one second, doubled up to half a minute. */
export function delayMs({ attempts }: Connection): number {
  return Math.min(30_000, 1_000 * 2 ** Math.max(0, attempts - 1));
}

function isSilent({ state, heardAtMs }: Connection, atMs: number): boolean {
  return state === 'live' && heardAtMs !== undefined && atMs - heardAtMs > SILENCE_MS;
}

function withoutReason({ reason: _, ...rest }: Connection): Connection {
  return rest;
}

function reasonOf({ reason }: { readonly reason?: string }): { reason?: string } {
  return reason === undefined ? {} : { reason };
}
