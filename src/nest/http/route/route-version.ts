import { VERSION_NEUTRAL, type VersioningOptions, VersioningType } from '@nestjs/common';
import type { CacheRequest } from '../exchange/exchange.js';

/** The API versions of a handler, and the way in which a request selects one. */
export interface RouteVersion {
  /** Request header that selects the version, in lower case; `undefined` when no header does. */
  readonly header: string | undefined;
  /** True when the handler has several paths, one for each version. */
  readonly isInPath: boolean;
  /** The version that a request asks for; `undefined` for a handler with one version, or with a path for each. */
  readonly requested: ((request: CacheRequest) => string) | undefined;
}

export type Version = string | symbol;

const UNVERSIONED: RouteVersion = Object.freeze({ header: undefined, isInPath: false, requested: undefined });

/** @param options of `enableVersioning`; without them Nest ignores `@Version` */
export function routeVersion(versions: readonly Version[], options: VersioningOptions | undefined): RouteVersion {
  if (options === undefined || versions.length === 0) return UNVERSIONED;
  const isForSeveral = versions.length > 1 || versions.includes(VERSION_NEUTRAL);
  if (options.type === VersioningType.URI) return { ...UNVERSIONED, isInPath: versions.length > 1 };
  return { header: headerOf(options), isInPath: false, requested: isForSeveral ? requestedBy(options) : undefined };
}

function headerOf(options: VersioningOptions): string | undefined {
  if (options.type === VersioningType.HEADER) return options.header.toLowerCase();
  return options.type === VersioningType.MEDIA_TYPE ? 'accept' : undefined;
}

function requestedBy(options: VersioningOptions): ((request: CacheRequest) => string) | undefined {
  switch (options.type) {
    case VersioningType.HEADER: {
      const name = options.header.toLowerCase();
      return ({ headers }) => String(headers[name] ?? '');
    }
    case VersioningType.MEDIA_TYPE:
      return ({ headers }) => mediaTypeVersions(headers.accept, options.key);
    case VersioningType.CUSTOM:
      // Fastify calls the extractor with the request of `node:http`.
      return (request) => String(options.extractor((request as { raw?: unknown }).raw ?? request));
    case VersioningType.URI:
      return undefined;
  }
}

/** All parameters of `Accept` that begin with `key`. Versions of Nest differ in the one that they use. */
function mediaTypeVersions(accept: string | undefined, key: string): string {
  const parameters = (accept ?? '').split(/[;,]/).map((parameter) => parameter.trim());
  return parameters
    .filter((parameter) => parameter.startsWith(key))
    .map((parameter) => parameter.slice(key.length))
    .join(',');
}
