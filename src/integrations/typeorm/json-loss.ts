/*
 * TypeORM keeps results as JSON text. A Date of a column comes back through the type of the column; these do not come
 * back: bytes, bigints, numbers that JSON does not have, and instances or dates inside of other values.
 */

/**
 * Finds the first content of a result that would not come back from JSON, to complete "has ...".
 * @param rawResult the driver's result: rows, or an object with them
 */
export function lostInJson(rawResult: unknown): string | undefined {
  for (const row of rowsOf(rawResult)) {
    if (typeof row !== 'object' || row === null) continue;
    for (const [column, value] of Object.entries(row)) {
      const lost = value instanceof Date ? undefined : lostOf(value);
      if (lost !== undefined) return `${lost} in \`${column}\``;
    }
  }
  return undefined;
}

function rowsOf(rawResult: unknown): readonly unknown[] {
  if (Array.isArray(rawResult)) return rawResult;
  const { rows, recordset } = Object(rawResult) as { rows?: unknown; recordset?: unknown };
  return [rows, recordset].find((list) => Array.isArray(list)) ?? [];
}

function lostOf(value: unknown): string | undefined {
  switch (typeof value) {
    case 'bigint':
      return 'a bigint';
    case 'number':
      return Number.isFinite(value) ? undefined : `the number ${value}`;
    case 'object':
      return value === null ? undefined : lostInObject(value);
    default:
      return undefined;
  }
}

function lostInObject(value: object): string | undefined {
  if (ArrayBuffer.isView(value)) return 'bytes';
  const prototype = Object.getPrototypeOf(value) as object | null;
  if (!Array.isArray(value) && prototype !== null && Object.getPrototypeOf(prototype) !== null)
    return `an instance of ${value.constructor.name}`;
  for (const part of Object.values(value)) {
    const lost = lostOf(part);
    if (lost !== undefined) return lost;
  }
  return undefined;
}
