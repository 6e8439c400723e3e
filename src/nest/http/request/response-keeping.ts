import type { CachedResponse } from '../response/cached-response.js';
import type { RunResult } from './handler-run.js';
import type { Found } from './lookup.js';
import { variantKey } from '../route/route-key.js';
import type { RoutePassage } from './route-passage.js';
import type { Loaded, RoutePolicy, Stored } from '../route/route-policy.js';
import { learn } from './run-purpose.js';
import { selectingNames, selectionOf } from './selection.js';
import type { Refusal } from '../response/storability.js';
import { unstoredAnswer } from '../response/unstored-answer.js';
import { varyMarker } from '../response/vary-marker.js';

/** Refusals that say of a refreshed answer that nobody else may have it any more. */
const WITHDRAWN = new Set<Refusal | undefined>(['no-store', 'private', 'set-cookie']);

/**
 * Decides what of a run is stored under the key that it was made for.
 * @param canStore whether the store can be reached
 * @returns that, or what others may be given although it is not stored; `undefined` for nothing
 */
export async function keepResult(
  result: RunResult,
  found: Found,
  passage: RoutePassage,
  canStore: boolean,
): Promise<Loaded> {
  const { access, policy, traffic } = passage;
  const { response } = result;
  learn(result, found.key, passage);
  if (withdraws(result, found, passage)) await removeEntry(found.key, policy);
  if (response === undefined || !access.stores) return undefined;
  if (!canStore) return unstoredAnswer(response, selectionOf(response, passage));
  const names = selectingNames(response, policy);
  if (!names.every((name) => found.marker?.names.includes(name) === true))
    return keepFirstVariant(response, names, found, passage);
  if (found.marker !== undefined) await dropVariants(traffic.addVariant(access.key, found.key), policy);
  return response;
}

/** Whether an answer that is not stored takes back the one that is. */
function withdraws(
  { response, refusal, status, isOwn = false }: RunResult,
  found: Found,
  { exchange, isRefresh }: RoutePassage,
): boolean {
  if (isOwn) return false;
  if (response === undefined && (status === 404 || status === 410 || (isRefresh && WITHDRAWN.has(refusal))))
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
async function keepFirstVariant(
  response: CachedResponse,
  names: readonly string[],
  found: Found,
  { access, policy, traffic, exchange }: RoutePassage,
): Promise<Stored | undefined> {
  const marker = varyMarker(
    traffic.varyNames(access.key, [...(found.marker?.names ?? []), ...names]),
    response,
    policy.honoursRequestDirectives,
  );
  if (found.marker !== undefined) {
    // The variants that are there were told apart by too little: the next request begins anew.
    await removeEntry(access.key, policy);
    return undefined;
  }
  const key = variantKey(access.key, marker, exchange.request);
  await policy.cache.load<Loaded>(key, () => response, { ...policy.load, singleFlight: false });
  await dropVariants(traffic.addVariant(access.key, key), policy);
  return marker;
}

async function dropVariants(keys: readonly string[], policy: RoutePolicy): Promise<void> {
  for (const key of keys) await removeEntry(key, policy);
}

/** What cannot be removed stays until it expires; it was reported. */
export async function removeEntry(key: string, { cache, namespace }: RoutePolicy): Promise<void> {
  await cache.delete(key, namespace === undefined ? undefined : { namespace }).catch(() => undefined);
}
