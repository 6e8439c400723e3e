/**
 * A plain Map behind async functions: the cost of a lookup in the language itself.
 * @returns {import('./subject.js').Subject}
 */
export function open() {
  const values = new Map();
  return {
    get: async (key) => values.get(key),
    getOrSet: async (key, load) => values.get(key) ?? values.set(key, await load()).get(key),
    set: async (key, value) => void values.set(key, value),
  };
}
