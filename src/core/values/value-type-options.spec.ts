import { describe, expect, it } from '@jest/globals';
import { CacheConfigError } from '../vocabulary/cache.errors.js';
import { type CacheOptions, resolveCacheOptions } from '../../cache-kit.options.js';
import type { CacheAdapter } from '../ports/cache-adapter.port.js';
import { readTypes } from './value-type-options.js';

class User {
  a = 1;
}
class Secret {
  readonly #a = 1;

  get a(): number {
    return this.#a;
  }
}
class Known extends Secret {}
class Index extends Map {}
const Unnamed = (() => class {})();
const Twin = { User: class User {} }.User;
const to = (value: unknown): unknown => value;
const from = (): User => new User();

describe('types', () => {
  it('are classes by their name, and those with a name of their own', () => {
    const { listed } = readTypes(
      [
        User,
        { name: 'twin', class: Twin, to, from },
        { name: 'secret', class: Secret, to, from },
        { name: 'index', class: Index, to, from },
      ],
      false,
    );

    expect(listed.map(({ name }) => name)).toEqual(['User', 'twin', 'secret', 'index']);
    expect(
      listed.map(({ prototype }) => [User, Twin, Secret, Index].findIndex((one) => one.prototype === prototype)),
    ).toEqual([0, 1, 2, 3]);
    expect(listed.map(({ conversion }) => conversion !== undefined)).toEqual([false, true, true, true]);
  });

  it('call `to` and `from` as functions of nothing else', () => {
    const listed = { name: 'user', class: User, to: (value: unknown) => value, from };
    const types = readTypes([listed], false);

    listed.to = () => 'changed later';

    expect(types.named('user')?.conversion?.to(1)).toBe(1);
  });

  it.each<[unknown, RegExp]>([
    [User, /^Expected `types` to be an array of classes, such as \[User\], got `function User`\.$/],
    [{ User }, /^Expected `types` to be an array of classes, such as \[User\], got `an object \(Object\)`\.$/],
    [null, /^Expected `types` to be an array of classes, such as \[User\], got `null`\.$/],
    [['User'], /^Expected `types\[0\]` to be a class, or \{ name, class, to, from \}, got `User`\.$/],
    [[new User()], /^Expected `types\[0\]` to be a class, or \{ name, class, to, from \}, got `an object \(User\)`\.$/],
    [[User, () => User], /^Expected `types\[1\]` to be a class, got `function \(anonymous\)`\.$/],
    [[Date], /^Expected `types\[0\]` to be a class of your own, got the builtin Date\. Leave it out/],
    [[Object], /the builtin Object/],
    [[Array], /the builtin Array/],
    [[Map], /the builtin Map/],
    [[Function], /^Expected `types\[0\]` to be a class, got `function Function`\.$/],
    [
      [{ name: 'day', class: Date, to, from }],
      /^Expected `types\[0\]\.class` to be a class of your own, got the builtin Date/,
    ],
    [
      [User, Twin],
      /^Expected every name in `types` to be another, got `User` at \[0\] and again at \[1\]\. Write one of them as \{ name, class, to, from \}, with a name of its own\.$/,
    ],
    [
      [User, User],
      /^Expected every class of `types` once, got User at \[0\] and again at \[1\]\. Leave one of them out\.$/,
    ],
    [
      [User, { name: 'user', class: User, to, from }],
      /^Expected every class of `types` once, got user at \[0\] and again at \[1\]/,
    ],
    [[Unnamed], /^Expected `types\[0\]` to be a class with a name/],
    [[{ class: User, to, from }], /^Expected `types\[0\]\.name` to be a non-empty string/],
    [[{ name: '', class: User, to, from }], /^Expected `types\[0\]\.name` to be a non-empty string/],
    [[{ name: 'User', to, from }], /^Expected `types\[0\]\.class` to be a class, got `undefined`\.$/],
    [
      [{ name: 'User', class: User, from }],
      /^Expected `types\[0\]\.to` to be a function that makes something storable from an instance, got `undefined`\. To store the fields as they are, list the class alone\.$/,
    ],
    [
      [{ name: 'User', class: User, to }],
      /^Expected `types\[0\]\.from` to be a function that makes the instance from what `to` gave, got `undefined`/,
    ],
    [
      [{ name: 'User', class: User, to, from, form: 1 }],
      /^Unknown option `types\[0\]\.form`\. Known here: class, from, name, to\.$/,
    ],
    [
      [Secret],
      /^Expected `types\[0\]` to be a class whose instances are no more than their fields, got Secret, which has private state \(`#a` in the source of Secret\)\. Say what is stored of it.*\{ name: 'Secret', class: Secret, to: /,
    ],
    [[Known], /got Known, which has private state \(`#a` in the source of Secret\)/],
    [[Index], /got Index, which has a part that is a builtin \(Map\)/],
    [[Headers], /got Headers, which has private state|a part that is a builtin/],
  ])('refuse %p', (types, message) => {
    expect(() => readTypes(types, false)).toThrow(CacheConfigError);
    expect(() => readTypes(types, false)).toThrow(message);
  });
});

describe('the option `types`', () => {
  it('keeps instances of other classes with the memory backend only', () => {
    const redis = { backend: 'redis', redis: { url: 'redis://localhost:6379' }, types: [User] } as const;

    expect(resolveCacheOptions({ types: [User] }).types).toMatchObject({
      keepsOthers: true,
      listed: [{ name: 'User' }],
    });
    expect(resolveCacheOptions(redis).types).toMatchObject({ keepsOthers: false, listed: [{ name: 'User' }] });
    expect(resolveCacheOptions({ adapter: () => undefined as never, types: [User] }).types.keepsOthers).toBe(false);
  });

  it('is refused beside an adapter that cannot know of it', () => {
    const adapter = { begin: () => undefined } as unknown as CacheAdapter;

    expect(() => resolveCacheOptions({ adapter, types: [User] } satisfies CacheOptions)).toThrow(
      /^Expected `types` beside an `adapter` that is a function, got an adapter that is made already.*Write `adapter: \(context\) => \.\.\.`, and give `context\.types` to `createEntryCodec`\.$/,
    );
  });
});
