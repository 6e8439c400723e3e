import type { OtherNames } from './option-checks.js';

/** Names of the options of a call in other libraries. */
export const OTHER_CALL_NAMES: OtherNames = {
  expires: '`ttl`',
  expiresIn: '`ttl`',
  expiry: '`ttl`',
  ex: "`ttl: '60s'`",
  px: '`ttl`',
  maxAge: "`ttl: '60s'`",
  tag: '`tags: [...]`',
  prefix: '`namespace`',
  grace: '`staleIfError`',
  timeout: '`hardTimeout`',
  refreshThreshold: '`refreshAhead` or `staleWhileRevalidate`',
};
