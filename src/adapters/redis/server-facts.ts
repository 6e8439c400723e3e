import type { Redis } from 'ioredis';

/** What a server tells of itself, as far as it may. */
export interface ServerFacts {
  /** Another one after each start. */
  readonly id: string | undefined;
  /** Whose history its data has: another one after it was promoted, or lost its data. */
  readonly history: string | undefined;
}

/** Rejects where the server could not be asked. */
export async function serverFactsOf(client: Redis): Promise<ServerFacts> {
  try {
    const info = await client.info();
    return { id: /^run_id:(\w+)/m.exec(info)?.[1], history: /^master_replid:(\w+)/m.exec(info)?.[1] };
  } catch (error) {
    // Not everybody may ask.
    if (error instanceof Error && /^(NOPERM|ERR) /.test(error.message)) return { id: undefined, history: undefined };
    throw error;
  }
}
