import type { DataSource, EntityMetadata } from 'typeorm';

type Embedded = EntityMetadata['embeddeds'][number];

/** Lists the classes whose instances TypeORM makes: those of entities and views, and of what is embedded in them. */
export function entityClassesOf({ entityMetadatas }: DataSource): unknown[] {
  const classes = entityMetadatas.flatMap(({ target, embeddeds }) => [target, ...embeddeds.flatMap(classesIn)]);
  return [...new Set(classes)].filter((target) => typeof target === 'function');
}

function classesIn({ type, embeddeds }: Embedded): unknown[] {
  return [type, ...embeddeds.flatMap(classesIn)];
}
