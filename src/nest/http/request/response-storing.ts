import { CALLER } from '../../../core/observation/caller.js';
import type { CachedResponse } from '../response/cached-response.js';
import type { Refusal } from '../response/storability.js';
import { unstoredAnswer } from '../response/unstored-answer.js';
import { varyMarker } from '../response/vary-marker.js';
import { selectingNames, selectionOf, variantKey } from '../route/route-key.js';
import type { LoadedValue, RouteLoadOptions, RoutePolicy, StoredValue } from '../route/route-policy.js';
import type { RunResult } from './handler-run.js';
import type { StoredLookup } from './lookup.js';
import type { RouteRequest } from './route-request.js';
import { recordSharing } from './run-purpose.js';

/** Refusals of a refreshed response that forbid to serve the stored one any longer. */
const INVALIDATING_REFUSALS = new Set<Refusal | undefined>(['no-store', 'private', 'set-cookie']);

/**
 * Decides which value is stored after a run, under the key that it was made for.
 * @param canStore false while the store cannot be reached
 * @returns the value to store, or a response that only waiting requests share; `undefined` for neither
 */
export async function storeResult(
  result: RunResult,
  found: StoredLookup,
  request: RouteRequest,
  canStore: boolean,
): Promise<LoadedValue> {
  const { access, policy, history } = request;
  const { response } = result;
  recordSharing(result, found.key, request);
  if (invalidatesStored(result, found, request)) await removeEntry(found.key, policy);
  if (response === undefined || !access.stores) return undefined;
  if (!canStore) return unstoredAnswer(response, selectionOf(response, request));
  const names = selectingNames(response, policy);
  if (!names.every((name) => found.marker?.names.includes(name) === true))
    return storeFirstVariant(response, names, found, request);
  if (found.marker !== undefined) await removeVariants(history.addVariant(access.key, found.key), policy);
  return response;
}

/** True when a response that is not stored shows that the stored one must not be served any more. */
function invalidatesStored(
  { response, refusal, status, isOwn = false }: RunResult,
  found: StoredLookup,
  { exchange, isRefresh }: RouteRequest,
): boolean {
  if (isOwn) return false;
  if (response === undefined && (status === 404 || status === 410 || (isRefresh && INVALIDATING_REFUSALS.has(refusal))))
    return true;
  return (
    exchange.request.method === 'HEAD' &&
    response !== undefined &&
    found.response !== undefined &&
    differs(response, found.response)
  );
}

/** RFC 9111 section 4.3.5: a HEAD whose validators are not those of the stored response. */
function differs(head: CachedResponse, stored: CachedResponse): boolean {
  const lastModified = ({ headers }: CachedResponse): unknown =>
    headers.find(([name]) => name === 'last-modified')?.[1];
  return (head.etag !== null && head.etag !== stored.etag) || lastModified(head) !== lastModified(stored);
}

/**
 * Stores the first variant before its marker, because waiting requests look for it as soon as they see the marker. The
 * load has no fence for the key of the variant. It needs none: without the marker, whose fence is older than the run,
 * no key leads to the variant.
 */
async function storeFirstVariant(
  response: CachedResponse,
  names: readonly string[],
  found: StoredLookup,
  { access, policy, history, exchange }: RouteRequest,
): Promise<StoredValue | undefined> {
  const marker = varyMarker(
    history.varyNames(access.key, [...(found.marker?.names ?? []), ...names]),
    response,
    policy.honoursRequestDirectives,
  );
  if (found.marker !== undefined) {
    // The keys of the stored variants lack a header that this response varies by. The next request stores a new marker.
    await removeEntry(access.key, policy);
    return undefined;
  }
  const key = variantKey(access.key, marker, exchange.request);
  // Without a caller: the request is counted with the load of the URL.
  const options: RouteLoadOptions = { ...policy.load, singleFlight: false, [CALLER]: undefined };
  await policy.cache.load<LoadedValue>(key, () => response, options);
  await removeVariants(history.addVariant(access.key, key), policy);
  return marker;
}

async function removeVariants(keys: readonly string[], policy: RoutePolicy): Promise<void> {
  for (const key of keys) await removeEntry(key, policy);
}

/** Never rejects: the cache reports a failure, and the entry stays until it expires. */
export async function removeEntry(key: string, { cache, namespace }: RoutePolicy): Promise<void> {
  await cache.delete(key, namespace === undefined ? undefined : { namespace }).catch(() => undefined);
}
