import { describe, expect, it } from '@jest/globals';
import { addressesOf, globOf, Urls } from './urls.js';

describe('the URLs of the page', () => {
  it.each(['/admin/cache', '/admin/cache/', '/admin/cache//'])('are below its path %s', (pathname) => {
    expect(new Urls(pathname).to('stats')).toBe('/admin/cache/stats');
  });

  it('name any key', () => {
    const urls = new Urls('/api/v1/admin/cache');

    expect(urls.ofKey('explain', { key: 'a/b?c#é', namespace: 'x&y' })).toBe(
      '/api/v1/admin/cache/explain?key=a%2Fb%3Fc%23%C3%A9&namespace=x%26y',
    );
    expect(urls.to('entries', { namespace: undefined, limit: '5' })).toBe('/api/v1/admin/cache/entries?limit=5');
  });
});

it('the search box takes a part of a key, or a glob', () => {
  expect(['', 'user', 'user:*', 'a[b]'].map(globOf)).toEqual([undefined, '*user*', 'user:*', 'a[b]']);
});

it('a hot key might be in each namespace that it begins with, or in none', () => {
  expect(addressesOf('a:b:c', ['a', 'b', 'a:b'])).toEqual([
    { namespace: 'a', key: 'b:c' },
    { namespace: 'a:b', key: 'c' },
    { key: 'a:b:c' },
  ]);
});
