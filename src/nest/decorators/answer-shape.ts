import { kindOf } from '../../core/values/value-kinds.js';

/** Shape of a result for many ids: a Map by id, an object by `String(id)`, or an array in the order of the ids. */
export type AnswerShape = 'map' | 'record' | 'array';

/** Returns the shape of a result; `undefined` where it has none of the three. */
export function shapeOf(answer: unknown): AnswerShape | undefined {
  if (typeof answer !== 'object' || answer === null) return undefined;
  if (Array.isArray(answer)) return 'array';
  if (answer instanceof Map) return 'map';
  const kind = kindOf(answer);
  return kind === 'object' || kind === 'null-object' ? 'record' : undefined;
}

/** Returns the value of each id in a result of any shape; `undefined` for an id without a value. */
export function gather(answer: unknown, ids: readonly unknown[]): unknown[] {
  if (Array.isArray(answer)) return answer;
  if (answer instanceof Map) return ids.map((id) => answer.get(id) as unknown);
  const record = answer as Record<string, unknown>;
  return ids.map((id) => (Object.hasOwn(record, String(id)) ? record[String(id)] : undefined));
}

/** Returns the values of `ids` in that shape. An id without a value is absent; in an array it is `undefined`. */
export function inShape(shape: AnswerShape, ids: readonly unknown[], values: readonly unknown[]): unknown {
  if (shape === 'array') return values;
  const entries = ids.map((id, i) => [id, values[i]] as const).filter(([, value]) => value !== undefined);
  return shape === 'map' ? new Map(entries) : Object.fromEntries(entries.map(([id, value]) => [String(id), value]));
}
