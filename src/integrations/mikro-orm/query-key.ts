/** Schema, table and discriminator of the entity that a query is for. */
export type RootKey = readonly [schema: string | null, table: string, discriminator: unknown];

/** The parts of the text by which MikroORM knows a query. */
export interface QueryKey {
  readonly root: RootKey;
  readonly options: Readonly<Record<string, unknown>>;
  readonly where: unknown;
}

/** Reads the key of `em.find`, `em.findOne` or `em.count`; `undefined` for other keys, and for names. */
export function readQueryKey(name: string): QueryKey | undefined {
  if (!name.startsWith('[[')) return undefined;
  try {
    const [root, method, options, where] = JSON.parse(name) as [RootKey, string, QueryKey['options'], unknown];
    return method.startsWith('em.') ? { root, options, where } : undefined;
  } catch {
    return undefined;
  }
}
