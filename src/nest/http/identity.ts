import { createHash } from 'node:crypto';
import type { CacheRequest } from './exchange.js';
import type { RouteScope } from './http-cache-options.js';

/** Whether a request says who asks: such requests are answered past the cache unless the route declares its scope. */
export function carriesIdentity({ headers, user }: CacheRequest): boolean {
  return headers.authorization !== undefined || headers.cookie !== undefined || (user !== undefined && user !== null);
}

/**
 * The part of the key that tells one asker's answers from another's: '' for everybody's, `undefined` when the scope
 * names nobody, which is never the same as anonymous. Only a digest of the principal is put into keys.
 */
export function scopeKeyOf(scope: RouteScope, request: CacheRequest): string | undefined {
  if (scope === 'public') return '';
  if (scope === 'user') {
    const principal = principalOf(request.user);
    return principal === undefined ? undefined : `user:${digest(principal)}`;
  }
  const name = scope(request);
  return typeof name === 'string' && name !== '' ? `scope:${digest(name)}` : undefined;
}

const PRINCIPAL_FIELDS = ['id', 'sub', 'userId'] as const;

/** The first of `id`, `sub` and `userId` of what a guard has verified, with its type: user 1 is not user '1'. */
function principalOf(user: unknown): string | undefined {
  if (typeof user !== 'object' || user === null) return undefined;
  const fields = user as Readonly<Record<string, unknown>>;
  for (const field of PRINCIPAL_FIELDS) {
    const value = fields[field];
    if (value === undefined || value === null || value === '') continue;
    return typeof value === 'string' || typeof value === 'number' || typeof value === 'bigint' ? `${field}:${typeof value}:${String(value)}` : undefined;
  }
  return undefined;
}

function digest(text: string): string {
  return createHash('sha256').update(text).digest('base64url');
}
