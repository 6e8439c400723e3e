import { createHash } from 'node:crypto';
import { notAwaited } from '../../../core/vocabulary/option-functions.js';
import type { CacheRequest } from '../exchange/exchange.js';
import type { RouteScope } from './http-cache-options.js';
import { hasSign, type IdentitySigns } from './identity-signs.js';

/**
 * The kind of identity that a request carries. A request with one gets no stored response, unless the route declares
 * its scope or the response declares that others may share it. `authorization` has its own rules in RFC 9111 section
 * 3.5; any other sign makes the request one of a `user`.
 */
export type RequestIdentity = 'none' | 'authorization' | 'user';

export function identityOf(request: CacheRequest, signs: IdentitySigns): RequestIdentity {
  if (hasSign(request, request.headers, signs)) return 'user';
  return request.headers.authorization === undefined ? 'none' : 'authorization';
}

/** Guards set the user on the platform's request, and middleware of Nest on Fastify's raw request. */
function userOf(request: CacheRequest): unknown {
  return request.user ?? (request as { raw?: { user?: unknown } }).raw?.user;
}

/**
 * The part of the key that separates the responses of one user or tenant from those of others: '' for a public route,
 * `undefined` when the scope finds no principal, which is not the same as public. Keys contain only a digest of the
 * principal.
 */
export function scopeKeyOf(scope: RouteScope, request: CacheRequest): string | undefined {
  if (scope === 'public') return '';
  if (typeof scope !== 'string') {
    const name: unknown = notAwaited(scope(request));
    return typeof name === 'string' && name !== '' ? `scope:${digest(name)}` : undefined;
  }
  const principal = userOf(request);
  const tenant = principalOf(principal, TENANT_FIELDS);
  if (scope === 'tenant') return tenant === undefined ? undefined : `tenant:${digest(tenant)}`;
  const user = principalOf(principal, USER_FIELDS);
  // Ids of users may be unique in a tenant only.
  return user === undefined
    ? undefined
    : `user:${digest(tenant === undefined ? user : `${tenant.length}:${tenant}${user}`)}`;
}

const USER_FIELDS = ['id', 'sub', 'userId'];
const TENANT_FIELDS = ['tenantId', 'tenant'];

/** The first field that is set, with its name and type: user 1 is not user '1'. */
function principalOf(user: unknown, fields: readonly string[]): string | undefined {
  if (typeof user !== 'object' || user === null) return undefined;
  for (const field of fields) {
    const value = (user as Readonly<Record<string, unknown>>)[field];
    if (value === undefined || value === null || value === '') continue;
    return typeof value === 'string' || typeof value === 'number' || typeof value === 'bigint'
      ? `${field}:${typeof value}:${String(value)}`
      : undefined;
  }
  return undefined;
}

function digest(text: string): string {
  return createHash('sha256').update(text).digest('base64url');
}
