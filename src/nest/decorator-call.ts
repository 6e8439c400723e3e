import { CacheConfigError } from '../core/vocabulary/cache.errors.js';

/**
 * Refuses a decorator without parentheses: it gets a class, or a prototype, in the place of options, and its result is
 * dropped. Compilers that do not check types, such as SWC, accept that.
 * @throws CacheConfigError
 */
export function checkCalled(decorator: string, options: unknown): void {
  const target = classAt(options);
  if (target === undefined) return;
  throw new CacheConfigError(
    `${decorator} on ${target.name} stands without parentheses, and would do nothing. Write \`${decorator}(...)\`.`,
  );
}

function classAt(options: unknown): { name: string } | undefined {
  if (typeof options === 'function') return /^class\b/.test(String(options)) ? options : undefined;
  if (typeof options !== 'object' || options === null || !Object.hasOwn(options, 'constructor')) return undefined;
  return options.constructor;
}
