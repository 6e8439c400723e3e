import { show } from './show.js';

/** Something about how a cache is used that works, and is probably not what was meant. */
export interface Finding {
  /** What was found, and where: a sentence. */
  readonly problem: string;
  /** What to write instead: a sentence. */
  readonly fix: string;
}

/**
 * The findings about an object of options, where these were made by the kit itself. A symbol, so that it is no option.
 */
export const FINDINGS: unique symbol = Symbol.for('nestjs-cache-kit:findings') as never;

export function findingsIn(options: object): readonly Finding[] {
  return (options as { readonly [FINDINGS]?: readonly Finding[] })[FINDINGS] ?? [];
}

/** Options whose values are seldom under a second. Time-outs often are. */
const LONG_DURATIONS = ['defaultTtl', 'ttl', 'negativeTtl', 'staleWhileRevalidate', 'staleIfError', 'keepStale'];

/**
 * Finds bare numbers that are meant as seconds: libraries of the same purpose count in them.
 * @param where what comes before the name of an option, such as `@Cached on ProductService.find: `
 */
export function shortDurationsIn(options: object, where: string): Finding[] {
  const { statusTtl = {} } = options as { readonly statusTtl?: object };
  const given = Object.entries(options).filter(([name]) => LONG_DURATIONS.includes(name));
  return [...given, ...Object.entries(statusTtl)].flatMap(([name, value]: [string, unknown]) => {
    if (typeof value !== 'number' || !(value > 0 && value < 1000)) return [];
    return [
      {
        problem: `${where}\`${name}: ${show(value)}\` is ${show(value)} milliseconds: a number without a unit is one of milliseconds.`,
        fix: `Write \`${name}: '${show(value)}s'\` for seconds, or \`'${show(value)}ms'\`.`,
      },
    ];
  });
}
