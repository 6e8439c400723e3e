import { expect, it } from '@jest/globals';
import { FakeClock } from '../../../testing/fake-clock.js';
import { cachedResponse } from '../response/cached-response.js';
import { RouteLoad } from './route-load.js';
import type { RouteRequest } from './route-request.js';

const response = cachedResponse({
  status: 200,
  reason: null,
  headers: [['x-a', 'b']],
  removed: [],
  contentType: 'text/plain',
  vary: [],
  etag: null,
  hasOwnEtag: false,
  cacheControl: null,
  date: 'Sun, 06 Nov 1994 08:49:37 GMT',
  body: Buffer.from('x'),
  freshMs: 1_000,
  initialAgeMs: 0,
  staleWhileRevalidateMs: 0,
  staleIfErrorMs: 0,
  mayBeStale: true,
  sharing: 'unidentified',
  tags: [],
  isThrown: false,
});

it('answers a request that waits also when the response of its leader cannot be replayed', async () => {
  const error = new Error('no header can be set');
  const load = new RouteLoad(waitsForLeader(error), NOTHING_STORED, undefined);

  await expect(load.start(0)).rejects.toBe(error);
});

const NOTHING_STORED = { key: 'k', entry: undefined, response: undefined, marker: undefined };

/** A request whose load another one leads, and whose headers cannot be set. */
function waitsForLeader(error: Error): RouteRequest {
  const outcome = { value: response, entry: undefined, status: 'miss', isCollapsed: true };
  return {
    exchange: {
      setHeader() {
        throw error;
      },
    },
    policy: { cache: { clock: new FakeClock(), load: () => Promise.resolve(outcome) }, load: {} },
    access: { key: 'k', isShared: true, accepts: () => true },
    history: { isUnshared: () => false },
  } as unknown as RouteRequest;
}
