/**
 * Finds one row by a parameter, of 64 that are all cached.
 * @param {import('../subjects/typeorm.js').QuerySubject} orm
 */
export async function prepare(orm) {
  for (const name of NAMES) await orm.find(name);
  return {
    /** @param {number} calls */
    async find(calls) {
      for (let i = 0; i < calls; i++) {
        const found = await orm.find(NAMES[i & 63]);
        if (found.length !== 1) throw new Error('A row that is in the database was not found.');
      }
    },
  };
}

export const NAMES = Array.from({ length: 64 }, (_, i) => `author ${i}`);
