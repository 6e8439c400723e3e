import type { CachedResponse } from '../response/cached-response.js';
import type { RunResult } from './handler-run.js';
import type { StoredLookup } from './lookup.js';
import { variantKey } from '../route/route-key.js';
import type { RouteRequest } from './route-request.js';
import type { LoadedValue, RoutePolicy, StoredValue } from '../route/route-policy.js';
import { recordSharing } from './run-purpose.js';
import { selectingNames, selectionOf } from './selection.js';
import type { Refusal } from '../response/storability.js';
import { unstoredAnswer } from '../response/unstored-answer.js';
import { varyMarker } from '../response/vary-marker.js';

/** Refusals that say of a refreshed answer that nobody else may have it any more. */
const INVALIDATING_REFUSALS = new Set<Refusal | undefined>(['no-store', 'private', 'set-cookie']);

/**
 * Decides what of a run is stored under the key that it was made for.
 * @param canStore whether the store can be reached
 * @returns that, or what others may be given although it is not stored; `undefined` for nothing
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

/** Whether an answer that is not stored takes back the one that is. */
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

/** RFC 9111 section 4.3.5: a HEAD that tells of another representation than the stored one. */
function differs(head: CachedResponse, stored: CachedResponse): boolean {
  const lastModified = ({ headers }: CachedResponse): unknown =>
    headers.find(([name]) => name === 'last-modified')?.[1];
  return (head.etag !== null && head.etag !== stored.etag) || lastModified(head) !== lastModified(stored);
}

/**
 * The first variant is stored before its marker, because those who have waited look for it as soon as they learn of the
 * marker. It was computed outside the fence of its own key; without the marker, whose fence is older than the run, no
 * key leads to it.
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
    // The variants that are there were told apart by too little: the next request begins anew.
    await removeEntry(access.key, policy);
    return undefined;
  }
  const key = variantKey(access.key, marker, exchange.request);
  await policy.cache.load<LoadedValue>(key, () => response, { ...policy.load, singleFlight: false });
  await removeVariants(history.addVariant(access.key, key), policy);
  return marker;
}

async function removeVariants(keys: readonly string[], policy: RoutePolicy): Promise<void> {
  for (const key of keys) await removeEntry(key, policy);
}

/** What cannot be removed stays until it expires; it was reported. */
export async function removeEntry(key: string, { cache, namespace }: RoutePolicy): Promise<void> {
  await cache.delete(key, namespace === undefined ? undefined : { namespace }).catch(() => undefined);
}
