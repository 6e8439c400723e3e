/** By what a request says who asks, beside `Authorization`. */
export interface IdentitySigns {
  /** Names of request headers, lower-case. */
  readonly headers: readonly string[];
  /** Paths to properties of the request. */
  readonly properties: readonly (readonly string[])[];
}

/** The signs in common use: of sessions, of API keys, and of what guards and middleware put on the request. */
export const COMMON_SIGNS: IdentitySigns = Object.freeze({
  headers: ['cookie', 'x-api-key', 'api-key', 'apikey', 'x-auth-token', 'x-access-token', 'proxy-authorization'],
  properties: [['user'], ['auth'], ['account'], ['tenant'], ['tenantId'], ['apiKey'], ['session', 'user']],
});

/** The common signs and those of an application. @param properties such as `member` or `session.member` */
export function withCommonSigns(headers: readonly string[], properties: readonly string[]): IdentitySigns {
  return Object.freeze({
    headers: [...new Set([...COMMON_SIGNS.headers, ...headers.map((name) => name.toLowerCase())])],
    properties: [...COMMON_SIGNS.properties, ...properties.map((path) => path.split('.'))],
  });
}

/**
 * Whether a request has a sign among its headers or properties; Fastify's request, and the raw one that middleware of
 * Nest is given.
 */
export function hasSign(request: object, headers: Readonly<Record<string, unknown>>, signs: IdentitySigns): boolean {
  for (const name of signs.headers) if (headers[name] !== undefined) return true;
  const { raw } = request as { raw?: object };
  return hasProperty(request, signs) || (raw !== undefined && hasProperty(raw, signs));
}

function hasProperty(request: object, { properties }: IdentitySigns): boolean {
  for (const path of properties) {
    let value: unknown = request;
    for (const name of path) value = (value as Record<string, unknown> | undefined | null)?.[name];
    if (names(value)) return true;
  }
  return false;
}

/** Platforms declare properties beforehand with a value that stands for nobody. */
function names(value: unknown): boolean {
  return value !== undefined && value !== null && value !== '' && value !== false;
}
