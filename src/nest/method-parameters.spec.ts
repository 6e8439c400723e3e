import { runInThisContext } from 'node:vm';
import { describe, expect, it } from '@jest/globals';
import { hasParameters, rememberWrapped } from './method-parameters.js';

const wrap = (method: (...args: never[]) => unknown) => {
  const wrapper = function (this: unknown, ...args: unknown[]): unknown {
    return method.apply(this, args as never[]);
  };
  rememberWrapped(wrapper, method);
  return wrapper;
};

/** As a compiler would leave it that keeps no types. */
const methodOf = (source: string): (() => unknown) =>
  Object.values(runInThisContext(`({ ${source} })`) as Record<string, () => unknown>)[0] as () => unknown;

describe('hasParameters', () => {
  it.each([
    ['a plain one', 'find(id) {}', true],
    ['one with a default', "find(id = '(') {}", true],
    ['a rest', 'find(...ids) {}', true],
    ['one that is taken apart, with a default', 'find({ id } = {}) {}', true],
    ['a default in an async method', 'async find(page = 1) {}', true],
    ['one behind a comment', 'find(/* which */ id = 1) {}', true],
    ['a default, under a quoted name', "'find(all)'(page = 1) {}", true],
    ['a default of an arrow function', 'find: (page = 1) => page', true],
    ['none', 'find() { return (1); }', false],
    ['none, in an async method', 'async find() {}', false],
    ['none but comments', 'find(/* (id) */\n // none\n) {}', false],
    ['none, after a comment', 'find /* (all) */ () {}', false],
    ['none, under a quoted name', "'find(id)'() {}", false],
    ['none, under a computed name', "['find(' + 'id)']() {}", false],
    ['none, of an arrow function', 'find: async () => 1', false],
    ['none, of a function', 'find: function find() {}', false],
  ])('reads %s from the source (fault 9)', (_, source, expected) => {
    const method = methodOf(source);

    expect(hasParameters({ find: method }, 'find', method)).toBe(expected);
  });

  it('looks behind wrappers (fault 9)', () => {
    const [none, some] = [wrap(wrap(methodOf('find() {}'))), wrap(methodOf('find(page = 1) {}'))];

    expect([hasParameters({}, 'find', none), hasParameters({}, 'find', some)]).toEqual([false, true]);
  });

  it('believes what the compiler has written down, also of what another decorator has wrapped (fault 9)', () => {
    const target = { find: (...args: unknown[]) => args };
    const other = { find: () => undefined };
    Reflect.defineMetadata('design:paramtypes', [], target, 'find');
    Reflect.defineMetadata('design:paramtypes', [String], other, 'find');

    expect([hasParameters(target, 'find', target.find), hasParameters(other, 'find', other.find)]).toEqual([
      false,
      true,
    ]);
  });
});
