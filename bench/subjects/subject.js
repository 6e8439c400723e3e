/**
 * A cache under test, behind the same three calls. `open(settings)` of a subject gets the number of entries to hold;
 * stored values live for an hour.
 *
 * @typedef {object} Subject
 * @property {(key: string) => any} get
 * @property {(key: string, load: () => Promise<unknown>) => unknown} getOrSet
 * @property {(key: string, value: unknown) => unknown} set
 * @property {boolean} [isSync] returns values, not promises
 * @property {() => unknown} [close]
 */

/** @typedef {{ maxEntries: number, [option: string]: unknown }} SubjectSettings */

export const HOUR_MS = 3_600_000;
