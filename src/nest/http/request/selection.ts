import type { CachedResponse } from '../response/cached-response.js';
import { variantKey } from '../route/route-key.js';
import type { RouteRequest } from './route-request.js';
import type { RoutePolicy } from '../route/route-policy.js';

/**
 * What a request selects among the responses that vary like this one: it may be answered with those of an equal
 * selection.
 */
export function selectionOf(response: CachedResponse, { access, policy, exchange }: RouteRequest): string {
  return variantKey(access.key, { names: selectingNames(response, policy), generation: '' }, exchange.request);
}

/** The names in `Vary` whose values are not in the key already. */
export function selectingNames({ vary }: CachedResponse, { varyBy }: RoutePolicy): readonly string[] {
  return vary.filter((name) => !varyBy.some((header) => header.name === name));
}
