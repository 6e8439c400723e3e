import type { Redis } from 'ioredis';

/** What a server tells of itself, as far as it may. */
export interface ServerFacts {
  /** Another one after each start. */
  readonly id: string | undefined;
  /** Whose history its data has: another one after it was promoted, or lost its data. */
  readonly history: string | undefined;
  /** For operators: `version 7.2.4, a replica`. */
  readonly words?: string;
  readonly isOfCluster?: boolean;
  /** 0 for no limit. */
  readonly maxMemoryBytes?: number;
  /** `maxmemory-policy`. */
  readonly evictionPolicy?: string | undefined;
}

/** Rejects where the server could not be asked. */
export async function serverFactsOf(client: Redis): Promise<ServerFacts> {
  try {
    const info = await client.info();
    const about = (name: string): string | undefined => new RegExp(`^${name}:([^\\r\\n]+)`, 'm').exec(info)?.[1];
    return {
      id: about('run_id'),
      history: about('master_replid'),
      words: wordsOf(about),
      isOfCluster: about('redis_mode') === 'cluster',
      maxMemoryBytes: Number(about('maxmemory') ?? 0),
      evictionPolicy: about('maxmemory_policy'),
    };
  } catch (error) {
    // Not everybody may ask.
    if (error instanceof Error && /^(NOPERM|ERR) /.test(error.message)) return { id: undefined, history: undefined };
    throw error;
  }
}

function wordsOf(about: (name: string) => string | undefined): string {
  const valkey = about('valkey_version');
  const version = valkey === undefined ? `version ${about('redis_version') ?? 'unknown'}` : `Valkey ${valkey}`;
  return about('role') === 'slave' ? `${version}, a replica` : version;
}
