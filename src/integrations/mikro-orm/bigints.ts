import { type EntityMetadata, type EntityProperty, ReferenceKind } from '@mikro-orm/core';

/**
 * Makes bigint properties bigint again. MikroORM writes them as text into the data of a result, and reads the text back
 * as it is.
 */
export function withBigInts(data: unknown, meta: EntityMetadata): unknown {
  if (Array.isArray(data)) return data.map((item) => withBigInts(item, meta));
  if (typeof data !== 'object' || data === null) return data;
  return restored(data, meta.properties);
}

function valueOf(value: unknown, prop: EntityProperty): unknown {
  const { targetMeta } = prop;
  if (targetMeta === undefined)
    return prop.kind !== ReferenceKind.EMBEDDED ? asBigInt(value, prop) : ofEmbedded(value, prop);
  if (Array.isArray(value)) return value.map((item) => valueOf(item, prop));
  if (typeof value === 'object') return withBigInts(value, targetMeta);
  const key = targetMeta.compositePK ? undefined : targetMeta.getPrimaryProp();
  return key === undefined ? value : valueOf(value, key);
}

function restored(data: object, properties: Readonly<Record<string, EntityProperty>>): Record<string, unknown> {
  const copy: Record<string, unknown> = { ...data };
  for (const [name, prop] of Object.entries(properties))
    if (copy[name] !== undefined && copy[name] !== null) copy[name] = valueOf(copy[name], prop);
  return copy;
}

function ofEmbedded(value: unknown, prop: EntityProperty): unknown {
  if (Array.isArray(value)) return value.map((item) => ofEmbedded(item, prop));
  if (typeof value !== 'object' || value === null) return value;
  return restored(value, prop.embeddedProps);
}

function asBigInt(value: unknown, prop: EntityProperty): unknown {
  return prop.runtimeType === 'bigint' && typeof value === 'string' && /^-?\d+$/.test(value) ? BigInt(value) : value;
}
