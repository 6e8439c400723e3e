import { createHash } from 'node:crypto';
import { notAwaited } from '../../../core/vocabulary/option-functions.js';
import type { CacheRequest } from '../exchange/exchange.js';
import type { RouteScope } from './http-cache-options.js';
import { hasSign, type IdentitySigns } from './identity-signs.js';

/**
 * Who asks, as far as the request says so: such requests are answered past the cache unless the route declares its
 * scope, or the response that it is for others too. Any other sign weighs more than `Authorization`, for which RFC 9111
 * section 3.5 has rules of its own.
 */
export type RequestIdentity = 'none' | 'authorization' | 'user';

export function identityOf(request: CacheRequest, signs: IdentitySigns): RequestIdentity {
  if (hasSign(request, request.headers, signs)) return 'user';
  return request.headers.authorization === undefined ? 'none' : 'authorization';
}

/** Guards have the platform's request; middleware of Nest has the raw one under Fastify. */
function userOf(request: CacheRequest): unknown {
  return request.user ?? (request as { raw?: { user?: unknown } }).raw?.user;
}

/**
 * The part of the key that tells one asker's answers from another's: '' for everybody's, `undefined` when the scope
 * names nobody, which is never the same as anonymous. Only a digest of the principal is put into keys.
 */
export function scopeKeyOf(scope: RouteScope, request: CacheRequest): string | undefined {
  if (scope === 'public') return '';
  if (typeof scope !== 'string') {
    const name: unknown = notAwaited(scope(request));
    return typeof name === 'string' && name !== '' ? `scope:${digest(name)}` : undefined;
  }
  const asker = userOf(request);
  const tenant = principalOf(asker, TENANT_FIELDS);
  if (scope === 'tenant') return tenant === undefined ? undefined : `tenant:${digest(tenant)}`;
  const user = principalOf(asker, USER_FIELDS);
  // The ids of users may be unique in a tenant only.
  return user === undefined
    ? undefined
    : `user:${digest(tenant === undefined ? user : `${tenant.length}:${tenant}${user}`)}`;
}

const USER_FIELDS = ['id', 'sub', 'userId'];
const TENANT_FIELDS = ['tenantId', 'tenant'];

/** The first of the fields of what a guard has verified that says something, with its type: user 1 is not user '1'. */
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
