import type { CachedResponse } from '../response/cached-response.js';
import type { Exchange } from '../exchange/exchange.js';
import { hiddenHeaders, type HidingRules } from './hidden-headers.js';
import type { RouteAccess } from '../route/route-access.js';

/** A request of which a part can be put out of sight, and back. */
export interface MaskedRequest {
  /** There is something to hide. */
  readonly isNeeded: boolean;
  hide(): void;
  show(): void;
}

export interface MaskParts {
  readonly exchange: Exchange;
  readonly access: RouteAccess;
  readonly policy: HidingRules;
  /** The response that the handler is asked about. */
  readonly validating: CachedResponse | undefined;
}

/**
 * The mask that makes of a request one of everybody's: without the headers and query parameters that are not in its
 * key.
 */
export function maskOf({ exchange, access, policy, validating }: MaskParts): MaskedRequest {
  const { headers } = exchange.request;
  const hidden = hiddenHeaders(exchange.request, policy, validating);
  const ownHeaders = new Map([...hidden.keys()].map((name) => [name, headers[name]]));
  let showQuery: (() => void) | undefined;
  let isHiding = false;
  const set = (values: ReadonlyMap<string, string | string[] | undefined>): void => {
    for (const [name, value] of values) {
      if (value === undefined) Reflect.deleteProperty(headers, name);
      else headers[name] = value;
    }
  };
  return {
    isNeeded: hidden.size > 0 || access.dropped.length > 0,
    hide() {
      if (isHiding) return;
      isHiding = true;
      set(hidden);
      showQuery = hideParameters(exchange, access);
    },
    show() {
      if (!isHiding) return;
      isHiding = false;
      showQuery?.();
      set(ownHeaders);
    },
  };
}

function hideParameters(exchange: Exchange, { dropped, url }: RouteAccess): (() => void) | undefined {
  if (dropped.length === 0) return undefined;
  const query = Object.entries(exchange.request.query).filter(([name]) => !dropped.includes(name));
  return exchange.replaceQuery(Object.fromEntries(query), url);
}
