import type { Finding } from '../../core/vocabulary/finding.js';
import type { DecoratedMethod } from './decorated-method.js';

/**
 * An arrow function whose parameters are plain names: it gets no more arguments than these. Not one with rest
 * parameters, defaults or patterns, and no `function`, which has `arguments`.
 */
const PLAIN_ARROW = /^(?:\(([\w$\s,]*)\)|[\w$]+)\s*=>/;

/**
 * Finds a `key` of `@Cached` that does not get all arguments of its method, so that calls with different ones share a
 * result. None for `key: () => '...'`, by which the author says that no argument matters.
 */
export function ignoredArguments({ decorator, options, method, label }: DecoratedMethod): Finding[] {
  const { key } = options as { readonly key?: unknown };
  if (decorator !== '@Cached' || typeof key !== 'function') return [];
  if (key.length === 0 || method.length <= key.length) return [];
  if (!PLAIN_ARROW.test(Function.prototype.toString.call(key))) return [];
  const count = method.length - key.length;
  return [
    {
      problem:
        `${label}: its \`key\` does not get the last ${count === 1 ? 'argument' : `${count} arguments`} of the ` +
        'method, so calls that differ in nothing else share a result.',
      fix:
        'Put what the result depends on into the key. Where it does not depend on them, name them in the key ' +
        'function too, such as `(id, _signal) => id`.',
    },
  ];
}
