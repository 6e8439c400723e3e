import { show } from './show.js';

/** A use of the cache that works, and is probably a mistake. */
export interface Finding {
  /** A sentence that says the problem and its place. */
  readonly problem: string;
  /** A sentence that says what to write instead. */
  readonly fix: string;
  /**
   * `error`: the cache does not do its work; `warning`: it does it badly; `hint`: it may be as it should be. Shown by
   * the doctor.
   * @default 'warning'
   */
  readonly level?: FindingLevel;
}

export type FindingLevel = 'error' | 'warning' | 'hint';

/** The property with findings about options that the kit itself made. A symbol, so that it is not an option. */
export const FINDINGS: unique symbol = Symbol.for('nestjs-cache-kit:findings') as never;

export function findingsIn(options: object): readonly Finding[] {
  return (options as { readonly [FINDINGS]?: readonly Finding[] })[FINDINGS] ?? [];
}

/** Options whose values are seldom less than a second. Time-outs are not among them: they often are. */
const LONG_DURATIONS = ['defaultTtl', 'ttl', 'negativeTtl', 'staleWhileRevalidate', 'staleIfError', 'keepStale'];

/**
 * Finds numbers that were probably meant as seconds, because other cache libraries use seconds.
 * @param where the text before the name of an option, such as `@Cached on ProductService.find: `
 */
export function shortDurationsIn(options: object, where: string): Finding[] {
  const { statusTtl = {} } = options as { readonly statusTtl?: object };
  const given = Object.entries(options).filter(([name]) => LONG_DURATIONS.includes(name));
  return [...given, ...Object.entries(statusTtl)].flatMap(([name, value]: [string, unknown]) => {
    if (typeof value !== 'number' || !(value > 0 && value < 1000)) return [];
    return [
      {
        problem:
          `${where}\`${name}: ${show(value)}\` is ${show(value)} milliseconds: ` +
          'a number without a unit is one of milliseconds.',
        fix: `Write \`${name}: '${show(value)}s'\` for seconds, or \`'${show(value)}ms'\`.`,
      },
    ];
  });
}
