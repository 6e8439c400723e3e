import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { MAX_KEY_BYTES } from '../../../core/vocabulary/cache-key.js';
import { CacheKeyError } from '../../../core/vocabulary/cache.errors.js';
import type { CacheRequest } from '../exchange/exchange.js';
import { type KeyRules, routeKey } from './route-key.js';

const rules: KeyRules = {
  identity: 'Shop.Products.list',
  distinction: undefined,
  key: undefined,
  varyBy: [],
  query: undefined,
};

const named = (...names: string[]): KeyRules['varyBy'] => names.map((name) => ({ name, normalize: undefined }));

function asked(parts: Partial<CacheRequest>): CacheRequest {
  return {
    method: 'GET',
    originalUrl: '/',
    headers: {},
    params: {},
    query: {},
    host: 'shop.test',
    protocol: 'http',
    ...parts,
  };
}

describe('routeKey', () => {
  it('#38: reads like a request line', () => {
    const request = asked({ originalUrl: '/api/products?b=2&a=1', headers: { accept: 'text/html,  */*' } });

    const { key } = routeKey({ ...rules, varyBy: named('accept', 'x-missing') }, request, 'user:abc');

    expect(key).toBe(
      'GET http://shop.test Shop.Products.list /api/products?a=1&b=2 accept=text%2Fhtml%2C*%2F*&x-missing user:abc',
    );
  });

  it.each([
    [{ host: 'SHOP.test' }, {}],
    [{ host: 'shop.test:80' }, {}],
    [{ protocol: 'https', host: 'shop.test:443' }, { protocol: 'https' }],
    [{ host: 'localhost:3000' }, { host: 'LocalHost:4000' }],
    [{ host: 'a.localhost:3000' }, { host: 'a.localhost' }],
    [{ host: '127.0.0.1:49152' }, { host: '127.0.0.1:49153' }],
    [{ host: '[::1]:3000' }, { host: '[::1]' }],
    [{ originalUrl: '/?' }, {}],
    [{ method: 'HEAD' }, {}],
  ])('#41, #42: makes one key of %j and %j', (one, other) => {
    expect(routeKey(rules, asked(one), '').key).toBe(routeKey(rules, asked(other), '').key);
  });

  it.each([
    [{ host: 'shop.test:8080' }, {}],
    [{ host: 'localhost:3000' }, { host: '127.0.0.1:3000' }],
    [{ host: 'notlocalhost:3000' }, { host: 'notlocalhost:4000' }],
    [{ host: 'localhost.shop.test:3000' }, { host: 'localhost.shop.test:4000' }],
    [{ host: '127.0.0.1.shop.test:3000' }, { host: '127.0.0.1.shop.test:4000' }],
    [{ protocol: 'https' }, {}],
    [{ originalUrl: '/a' }, { originalUrl: '/A' }],
    [{ originalUrl: '/a' }, { originalUrl: '/a/' }],
    [{ originalUrl: '/a%2Fb' }, { originalUrl: '/a/b' }],
    [{ originalUrl: '/?a' }, { originalUrl: '/?a=' }],
  ])('#41, #42, #45: tells %j and %j apart', (one, other) => {
    expect(routeKey(rules, asked(one), '').key).not.toBe(routeKey(rules, asked(other), '').key);
  });

  it('#40: lets no request imitate the key of another', () => {
    const text = fc.string({ unit: fc.constantFrom('a', '/', ' ', '=', '&', '-', '?', ':', '%', '\n', 'é') });
    const input = fc.record({
      path: text.map((rest) => `/${rest.replaceAll(' ', '')}`),
      vary: fc.option(text, { nil: undefined }),
      custom: fc.option(
        text.filter((key) => key !== ''),
        { nil: undefined },
      ),
      scope: fc.constantFrom('', 'user:a', 'scope:a'),
    });
    type Input = typeof input extends fc.Arbitrary<infer T> ? T : never;
    const keyOf = ({ path, vary, custom, scope }: Input): string =>
      routeKey(
        { ...rules, key: custom, varyBy: named('x') },
        asked({ originalUrl: path, headers: vary === undefined ? {} : { x: vary } }),
        scope,
      ).key;
    // What a key is about: a custom key takes the place of the path, and spaces in a list mean nothing.
    const meaningOf = ({ path, vary, custom, scope }: Input): string => {
      const [pathname, ...query] = path.split('?');
      const kept = query.join('?').split('&').filter(Boolean);
      return JSON.stringify([
        custom === undefined ? [pathname, kept.length === 0 ? '' : kept] : { custom },
        vary === undefined ? null : vary.trim().replace(/\s*,\s*/g, ','),
        scope,
      ]);
    };

    fc.assert(
      fc.property(input, input, (one, other) => {
        fc.pre(meaningOf(one) !== meaningOf(other) && !one.path.includes('?') && !other.path.includes('?'));

        expect(keyOf(one)).not.toBe(keyOf(other));
      }),
    );
  });

  it('#40: shortens what is over the limit, without mixing it up', () => {
    const long = (end: string): string => routeKey(rules, asked({ originalUrl: `/${'é'.repeat(2000)}${end}` }), '').key;

    expect(Buffer.byteLength(long('1'))).toBeLessThanOrEqual(MAX_KEY_BYTES);
    expect(long('1')).not.toBe(long('2'));
    expect(long('1').startsWith('GET http://shop.test Shop.Products.list /é')).toBe(true);
  });

  it.each([[''], [undefined], [1], ['\ud800']])('refuses the key %p of a route', (key) => {
    expect(() => routeKey({ ...rules, key: () => key as string }, asked({}), '')).toThrow(CacheKeyError);
  });

  it('refuses a promise in the place of a header, which would be one text for all of them', () => {
    const varyBy = [{ name: 'x', normalize: (async () => 'a') as never }];

    expect(() => routeKey({ ...rules, varyBy }, asked({}), '')).toThrow(/it answered with a promise/);
  });

  it('#43: gives the URL without the parameters that are dropped', () => {
    expect(routeKey({ ...rules, query: { ignore: ['x'] } }, asked({ originalUrl: '/p?x=1&y=2' }), '')).toMatchObject({
      url: '/p?y=2',
      dropped: ['x'],
    });
  });
});
