import type { Redis } from 'ioredis';

/** Facts from the INFO of a server; without ids if INFO is not allowed. */
export interface ServerFacts {
  /** `run_id`: another one after each start. */
  readonly id: string | undefined;
  /** `master_replid`: another one after the server was promoted, or lost its data. */
  readonly history: string | undefined;
  /** For operators: `version 7.2.4, a replica`. */
  readonly description?: string;
  readonly isOfCluster?: boolean;
  /** `maxmemory`; 0 for no limit. */
  readonly maxMemoryBytes?: number;
  /** `maxmemory-policy`. */
  readonly evictionPolicy?: string | undefined;
  /** `used_memory`. */
  readonly usedMemoryBytes?: number;
  /** True for a replica, which takes no writes. */
  readonly isReplica?: boolean;
}

/** Asks a server for its INFO. Rejects when it does not answer. */
export async function serverFactsOf(client: Redis): Promise<ServerFacts> {
  try {
    const info = await client.info();
    const about = (name: string): string | undefined => new RegExp(`^${name}:([^\\r\\n]+)`, 'm').exec(info)?.[1];
    return {
      id: about('run_id'),
      history: about('master_replid'),
      description: describe(about),
      isOfCluster: about('redis_mode') === 'cluster',
      maxMemoryBytes: Number(about('maxmemory') ?? 0),
      evictionPolicy: about('maxmemory_policy'),
      usedMemoryBytes: Number(about('used_memory') ?? 0),
      isReplica: about('role') === 'slave',
    };
  } catch (error) {
    // The user has no right to INFO.
    if (error instanceof Error && /^(NOPERM|ERR) /.test(error.message)) return { id: undefined, history: undefined };
    throw error;
  }
}

function describe(about: (name: string) => string | undefined): string {
  const valkey = about('valkey_version');
  const version = valkey === undefined ? `version ${about('redis_version') ?? 'unknown'}` : `Valkey ${valkey}`;
  return about('role') === 'slave' ? `${version}, a replica` : version;
}
