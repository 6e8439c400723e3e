import type { Target } from '../model/invalidation.js';
import {
  type Address,
  type Cluster,
  type Entry,
  type EntryPage,
  type Explanation,
  isCluster,
  type Stats,
} from '../model/shapes.js';
import { Urls } from '../model/urls.js';

/** An answer that is not a success. The message is that of the application, for people. */
export class AdminError extends Error {
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

/** Calls the admin routes. @throws AdminError */
export class AdminClient {
  readonly #urls = new Urls(location.pathname);

  get streamUrl(): string {
    return this.#urls.to('stats/stream');
  }

  stats(): Promise<Stats> {
    return send(this.#urls.to('stats'));
  }

  /** The numbers of all processes; `undefined` where the application knows of this process alone. */
  async cluster(): Promise<Cluster | undefined> {
    const answer = await send<unknown>(this.#urls.to('stats', { scope: 'cluster' }));
    return isCluster(answer) ? answer : undefined;
  }

  list(query: { namespace?: string; pattern?: string; cursor?: string }): Promise<EntryPage> {
    return send(this.#urls.to('entries', { ...query, limit: '25' }));
  }

  /** The entry; `undefined` where nothing is stored. */
  async entry(address: Address): Promise<Entry | undefined> {
    try {
      return await send<Entry>(this.#urls.ofKey('entry', address));
    } catch (error) {
      if (error instanceof AdminError && error.status === 404) return undefined;
      throw error;
    }
  }

  explain(address: Address): Promise<Explanation> {
    return send(this.#urls.ofKey('explain', address));
  }

  /** The number of entries that `remove` would remove. */
  async count(target: Target): Promise<number> {
    if (target.by === 'all') return (await this.stats()).totalEntries;
    if (target.by === 'key') return (await this.entry(target)) === undefined ? 0 : 1;
    return this.#invalidate({ ...bodyOf(target), dryRun: true });
  }

  async remove(target: Target): Promise<number> {
    if (target.by === 'all') return (await post<{ invalidated: number }>(this.#urls.to('clear'), {})).invalidated;
    if (target.by === 'key') {
      const { deleted } = await send<{ deleted: boolean }>(this.#urls.ofKey('entry', target), { method: 'DELETE' });
      return deleted ? 1 : 0;
    }
    return this.#invalidate(bodyOf(target));
  }

  async #invalidate(body: object): Promise<number> {
    return (await post<{ invalidated: number }>(this.#urls.to('invalidate'), body)).invalidated;
  }
}

function bodyOf(target: Target): object {
  const { by: _, ...body } = target;
  return 'soft' in body && !body.soft ? { ...body, soft: undefined } : body;
}

function post<T>(url: string, body: object): Promise<T> {
  return send(url, { method: 'POST', body: JSON.stringify(body), headers: { 'Content-Type': 'application/json' } });
}

async function send<T>(url: string, init: RequestInit = {}): Promise<T> {
  const response = await fetch(url, { ...init, cache: 'no-store' }).catch((error: unknown) => {
    throw new AdminError(0, `The application does not answer (${String(error)}).`);
  });
  const answer = (await response.json().catch(() => undefined)) as unknown;
  if (response.ok && answer !== undefined) return answer as T;
  throw new AdminError(response.status, messageOf(answer) ?? `The application answered ${response.status}.`);
}

function messageOf(answer: unknown): string | undefined {
  const message = typeof answer === 'object' && answer !== null ? (answer as { message?: unknown }).message : undefined;
  return typeof message === 'string' ? message : undefined;
}

export function messageOfError(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
