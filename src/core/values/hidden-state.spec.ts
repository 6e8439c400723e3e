import { runInThisContext } from 'node:vm';
import { describe, expect, it } from '@jest/globals';
import { hiddenInClass } from './hidden-state.js';

describe('hiddenInClass', () => {
  it.each([
    ["class A { color = '#fff'; }"],
    ['class A { color = "#fff"; }'],
    ['class A { color = `#fff`; }'],
    ['class A { a = 1; /* see https://docs.test/shop#prices and widget#x */ }'],
  ])('finds nothing in %s', (source) => {
    expect(hiddenInClass(prototypeOf(source))).toBeUndefined();
  });

  it.each([
    ['class A { #a = 1; }'],
    ['class A{#a=1}'],
    ['class A{b="#fff";#a=1}'],
    ['class A{get#a(){return 1}}'],
    ['class A{set#a(b){}}'],
    ['class A{static#a=1}'],
    ['class A{async#a(){}}'],
    ['class A{async*#a(){}}'],
    ["class A { b = 'c'\n#a = 1 }"],
    ['class A { b = `c`\n#a }'],
    ['class A { #é = 1 }'],
  ])('finds private state in %s', (source) => {
    expect(hiddenInClass(prototypeOf(source))).toMatch(/^private state \(`#[aé]` in the source of A\)$/);
  });
});

/** Evaluates source as a bundler wrote it; the compiler of the tests would change it. */
function prototypeOf(source: string): object {
  return (runInThisContext(`(${source})`) as { prototype: object }).prototype;
}
