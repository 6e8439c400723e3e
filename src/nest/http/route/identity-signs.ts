/** Signs of an identity in a request, beside `Authorization`. */
export interface IdentitySigns {
  /** Names of request headers in lower case. */
  readonly headers: readonly string[];
  /** Paths to properties of the request. */
  readonly properties: readonly (readonly string[])[];
}

/** Common signs: of sessions, of API keys, and of guards and middleware that set properties of the request. */
export const COMMON_SIGNS: IdentitySigns = Object.freeze({
  headers: ['cookie', 'x-api-key', 'api-key', 'apikey', 'x-auth-token', 'x-access-token', 'proxy-authorization'],
  properties: [['user'], ['auth'], ['account'], ['tenant'], ['tenantId'], ['apiKey'], ['session', 'user']],
});

/** Adds the signs of an application to the common ones. @param properties such as `member` or `session.member` */
export function withCommonSigns(headers: readonly string[], properties: readonly string[]): IdentitySigns {
  return Object.freeze({
    headers: [...new Set([...COMMON_SIGNS.headers, ...headers.map((name) => name.toLowerCase())])],
    properties: [...COMMON_SIGNS.properties, ...properties.map((path) => path.split('.'))],
  });
}

/**
 * True when a request has a sign in its headers or properties. Middleware of Nest sets those of Fastify's raw request.
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
    if (isSet(value)) return true;
  }
  return false;
}

/** False for the values with which platforms declare a property before it is set. */
function isSet(value: unknown): boolean {
  return value !== undefined && value !== null && value !== '' && value !== false;
}
