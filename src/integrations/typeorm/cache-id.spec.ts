import { describe, expect, it } from '@jest/globals';
import { cacheId, readId } from './cache-id.js';

const options = { tables: ['legacy'], tags: ['reports'] };

describe('the id of a cached query', () => {
  it('gives back what it was made of, also when TypeORM has derived another from it', () => {
    const id = cacheId('report', options);

    for (const given of [id, `${id}-count`, `${id}-pagination`, `${id}-count-count`])
      expect(readId(given)).toEqual({ given, ids: ['report'], ...options });
  });

  it('may be any text', () => {
    for (const id of ['a-count', '"]', 'cache-kit:[]', 'é\n'])
      expect(readId(cacheId(id, { tags: ['t'] }))).toMatchObject({ ids: [id], tables: [], tags: ['t'] });
  });

  it.each<[string | undefined, string[]]>([
    [undefined, []],
    ['', []],
    ['a', ['a']],
    ['a-count', ['a-count', 'a']],
    ['a-count-pagination', ['a-count-pagination', 'a-count', 'a']],
    ['cache-kit:nonsense', ['cache-kit:nonsense']],
  ])('of %s is also removed by its base', (given, ids) => {
    expect(readId(given)).toEqual({ given: given ?? '', ids, tables: [], tags: [] });
  });
});
