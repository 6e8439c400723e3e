/*
 * The results of the drivers, before Drizzle maps their rows. A result is kept without what only describes it, such as
 * the types of the columns: there are functions and instances of the driver among that, which no cache can keep.
 */

/** The part of a result that can be kept: rows as arrays or plain objects, and counts. */
export function storableResult(result: unknown): unknown {
  if (Array.isArray(result)) return hasFieldPackets(result) ? [rowsOf(result[0])] : rowsOf(result);
  const { rows, results } = (result ?? {}) as { rows?: unknown; results?: unknown };
  const [name, list] = Array.isArray(rows) ? ['rows', rows] : ['results', results];
  if (!Array.isArray(list)) return result;
  const counts = Object.entries(result as object).filter(([, value]) => value !== Object(value));
  return { ...Object.fromEntries(counts), [name]: rowsOf(list) };
}

/** True for the result of mysql2: the rows, and the descriptions of the columns. */
function hasFieldPackets(result: readonly unknown[]): boolean {
  const [rows, fields] = result;
  if (result.length !== 2 || !Array.isArray(rows)) return false;
  return fields === undefined || (Array.isArray(fields) && fields.every(isFieldPacket));
}

function isFieldPacket(field: unknown): boolean {
  return typeof field === 'object' && field !== null && 'columnType' in field;
}

function rowsOf(rows: unknown): unknown[] {
  return Array.from(rows as readonly unknown[], rowOf);
}

function rowOf(row: unknown): unknown {
  if (typeof row !== 'object' || row === null) return row;
  if (Array.isArray(row)) return row.constructor === Array ? row : [...(row as unknown[])];
  const prototype: unknown = Object.getPrototypeOf(row);
  // The rows of libSQL are objects with the columns by index as well, and a length that is not enumerable.
  if (isIndexed(row)) return Array.prototype.slice.call(row);
  return prototype === Object.prototype || prototype === null ? row : { ...row };
}

function isIndexed(row: object): row is ArrayLike<unknown> {
  const length = Object.getOwnPropertyDescriptor(row, 'length');
  return length?.enumerable === false && typeof length.value === 'number';
}
