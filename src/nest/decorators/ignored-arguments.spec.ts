import { describe, expect, it } from '@jest/globals';
import type { DecoratedMethod } from './decorated-method.js';
import { ignoredArguments } from './ignored-arguments.js';

type Any = (...args: never[]) => unknown;

function findings(key: unknown, method: Any, decorator = '@Cached'): readonly unknown[] {
  return ignoredArguments({
    decorator,
    method,
    options: { key },
    label: '@Cached on A.find',
  } as unknown as DecoratedMethod);
}

const two = (id: string, locale: string): string => id + locale;

describe('a key that does not get all arguments', () => {
  it('is found, with the number of those', () => {
    expect(findings((id: string) => id, two)).toEqual([
      {
        problem: expect.stringMatching(/^@Cached on A\.find: its `key` does not get the last argument of the method/),
        fix: expect.stringMatching(/into the key/),
      },
    ]);
    const three = (id: string, locale: string, at: Date): string => `${id}${locale}${at.getTime()}`;
    expect(findings((id: string) => id, three)).toMatchObject([{ problem: expect.stringMatching(/last 2 arguments/) }]);
  });

  it.each<[string, unknown, Any]>([
    ['names them all', (id: string, _locale: string) => id, two],
    ['takes none on purpose', () => 'all', two],
    ['takes the rest', (id: string, ...rest: string[]) => id + rest.join(), two],
    ['has a default', (id: string, locale = 'en') => id + locale, two],
    ['takes a pattern', ({ length }: string) => String(length), two],
    [
      'is no arrow, and may read `arguments`',
      function (id: string) {
        return id;
      },
      two,
    ],
    ['is a text', 'all', two],
    ['is made by the kit', undefined, two],
    ['knows more than the method declares', (id: string, more: string) => id + more, (id: string) => id],
  ])('is not found where it %s', (_, key, method) => {
    expect(findings(key, method)).toEqual([]);
  });

  it('is no matter of other decorators', () => {
    expect(findings((id: string) => id, two, '@CachePut')).toEqual([]);
  });
});
