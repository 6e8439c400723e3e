import { VERSION_NEUTRAL, type VersioningOptions, VersioningType } from '@nestjs/common';
import type { CacheRequest } from '../exchange/exchange.js';

/** The API versions of a handler, and how a request says which of them it wants. */
export interface RouteVersion {
  /** The request header that chooses the version, in lower case; `undefined` where something else chooses. */
  readonly header: string | undefined;
  /** Whether one handler has several paths, one for each of its versions. */
  readonly isInPath: boolean;
  /** The version that a request asks for; `undefined` where the handler has but one, or paths tell them apart. */
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
      // Fastify gives the extractor the request of `node:http`.
      return (request) => String(options.extractor((request as { raw?: unknown }).raw ?? request));
    case VersioningType.URI:
      return undefined;
  }
}

/** All parameters of `Accept` that begin as the version does: versions of Nest differ in which of them counts. */
function mediaTypeVersions(accept: string | undefined, key: string): string {
  const parameters = (accept ?? '').split(/[;,]/).map((parameter) => parameter.trim());
  return parameters
    .filter((parameter) => parameter.startsWith(key))
    .map((parameter) => parameter.slice(key.length))
    .join(',');
}
