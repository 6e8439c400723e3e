import type { CacheExplanation, CacheStats, ClusterStats } from '../../index.js';
import { type CommandError, unreachable, wrongUse } from '../command.errors.js';
import type { CacheRemote, Diagnosis, EntryQuery, EntryView, Invalidation } from './cache-remote.port.js';
import type { AdminTarget } from './targets.js';

/** Time limit of one request: invalidations of many entries take long. */
const TIMEOUT_MS = 30_000;

type Query = Readonly<Record<string, string | undefined>>;

/** A cache behind the admin routes of a running application. */
export class HttpRemote implements CacheRemote {
  readonly #target: AdminTarget;
  readonly #signal: AbortSignal;

  constructor(target: AdminTarget, signal: AbortSignal) {
    this.#target = target;
    this.#signal = signal;
  }

  stats(): Promise<CacheStats> {
    return this.#read<CacheStats>('stats');
  }

  async clusterStats(): Promise<ClusterStats> {
    const stats = await this.#read<ClusterStats | CacheStats>('stats', { scope: 'cluster' });
    if (!('processes' in stats))
      throw unreachable('The application has no statistics of all processes. Update its kit.');
    return stats;
  }

  list({ limit, ...query }: EntryQuery): Promise<{ entries: EntryView[]; cursor?: string }> {
    return this.#read('entries', { ...query, limit: String(limit) });
  }

  async get(key: string, namespace: string | undefined): Promise<EntryView | undefined> {
    const { status, body } = await this.#send('GET', `entries/${encodeURIComponent(key)}`, { query: { namespace } });
    if (status === 404 && messageIn(body).startsWith('Nothing is stored under')) return undefined;
    return this.#checked<EntryView>(status, body);
  }

  explain(key: string, namespace: string | undefined): Promise<CacheExplanation> {
    return this.#read(`explain/${encodeURIComponent(key)}`, { namespace });
  }

  async invalidate({ key, namespace, dryRun, ...what }: Invalidation): Promise<number> {
    if (key === undefined)
      return (await this.#change('POST', 'invalidate', { body: { ...what, namespace, dryRun } })).invalidated;
    if (dryRun === true) return (await this.get(key, namespace)) === undefined ? 0 : 1;
    const { deleted } = await this.#change('DELETE', `entries/${encodeURIComponent(key)}`, { query: { namespace } });
    return deleted ? 1 : 0;
  }

  async clear(): Promise<number> {
    return (await this.#change('POST', 'clear', {})).invalidated;
  }

  doctor(): Promise<Diagnosis> {
    return this.#read('doctor');
  }

  async close(): Promise<void> {
    // Each request has its own end.
  }

  async #read<T>(path: string, query: Query = {}): Promise<T> {
    const { status, body } = await this.#send('GET', path, { query });
    return this.#checked<T>(status, body);
  }

  async #change(
    method: string,
    path: string,
    parts: { query?: Query; body?: object },
  ): Promise<{ invalidated: number; deleted: boolean }> {
    const { status, body } = await this.#send(method, path, parts);
    return this.#checked(status, body);
  }

  async #send(
    method: string,
    path: string,
    { query = {}, body }: { query?: Query; body?: object },
  ): Promise<{ status: number; body: unknown }> {
    const url = new URL(`${this.#target.url}/${path}`);
    for (const [name, value] of Object.entries(query)) if (value !== undefined) url.searchParams.set(name, value);
    const headers = new Headers(this.#target.headers);
    headers.set('accept', 'application/json');
    if (body !== undefined) headers.set('content-type', 'application/json');
    try {
      const response = await fetch(url, {
        method,
        headers,
        // A redirect to another host would give it the headers.
        redirect: 'manual',
        signal: AbortSignal.any([this.#signal, AbortSignal.timeout(TIMEOUT_MS)]),
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      });
      return { status: response.status, body: parsed(await response.text()) };
    } catch (error) {
      throw this.#silence(error);
    }
  }

  #checked<T>(status: number, body: unknown): T {
    if (status >= 200 && status < 300 && body !== undefined) return body as T;
    throw this.#refusal(status, body);
  }

  #refusal(status: number, body: unknown): CommandError {
    const place = this.#target.url;
    if (status === 401 || status === 403)
      return unreachable(
        `${place} refuses the request (${status}). Give what its guards ask for with --header or CACHE_ADMIN_HEADER.`,
      );
    if (status === 404)
      return unreachable(
        `${place} has no such route (404). --admin is the full path of the admin routes, such as ` +
          'http://localhost:3000/admin/cache, and the application must set `admin`.',
      );
    if (status === 400) return wrongUse(messageIn(body) || 'The application refuses the request (400).');
    if (status >= 300 && status < 400)
      return unreachable(`${place} sends to another address (${status}). Give the address itself with --admin.`);
    if (status < 300)
      return unreachable(`${place} does not answer with JSON. --admin is the full path of the admin routes.`);
    return unreachable(`${place} failed (${status}): ${messageIn(body) || 'no message'}. Look into its log.`);
  }

  #silence(error: unknown): CommandError {
    const { name = '', cause } = error as { name?: string; cause?: { code?: string; message?: string } };
    const place = this.#target.url;
    if (name === 'TimeoutError') return unreachable(`${place} did not answer within ${TIMEOUT_MS / 1_000} s.`);
    if (cause?.code === 'ECONNREFUSED')
      return unreachable(`Nothing listens at ${place} (ECONNREFUSED). Check that the application runs, and its port.`);
    if (cause?.code === 'ENOTFOUND') return unreachable(`The host of ${place} cannot be found. Check its name.`);
    return unreachable(`${place} cannot be reached (${cause?.code ?? cause?.message ?? name}).`);
  }
}

/** Returns `undefined` for a text that is no JSON. */
function parsed(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

function messageIn(body: unknown): string {
  const { message } = (body ?? {}) as { message?: unknown };
  return typeof message === 'string' ? message : '';
}
