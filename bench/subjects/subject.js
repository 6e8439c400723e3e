/**
 * A cache under test, behind the same three calls. Each `open(settings)` of a subject is given how many entries to
 * hold, and sets what it stores to live for an hour.
 *
 * @typedef {object} Subject
 * @property {(key: string) => any} get
 * @property {(key: string, load: () => Promise<unknown>) => unknown} getOrSet
 * @property {(key: string, value: unknown) => unknown} set
 * @property {boolean} [isSync] answers values, not promises
 * @property {() => unknown} [close]
 */

/** @typedef {{ maxEntries: number, [option: string]: unknown }} SubjectSettings */

export const HOUR_MS = 3_600_000;
