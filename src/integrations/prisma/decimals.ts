/** A `Decimal` of Prisma, from any copy of it. */
interface Decimal {
  toFixed(): string;
}
export type DecimalClass = new (text: string) => Decimal;

/** A result without instances of a class, and the places of those that it had. */
export interface PackedResult {
  readonly value: unknown;
  readonly decimals: readonly (readonly string[])[];
}

/** Returns a copy of a result, with text in place of decimals. @param onClass called with the class of each decimal */
export function pack(result: unknown, onClass: (found: DecimalClass) => void): PackedResult {
  const decimals: string[][] = [];
  const copy = (value: unknown, path: readonly string[]): unknown => {
    if (isDecimal(value)) {
      decimals.push([...path]);
      onClass(value.constructor as DecimalClass);
      return value.toFixed();
    }
    if (isList(value)) return value.map((item, index) => copy(item, [...path, String(index)]));
    if (!isRecord(value)) return value;
    return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, copy(inner, [...path, name])]));
  };
  return { value: copy(result, []), decimals };
}

/** Puts the decimals of a packed result in their places. It changes and returns `packed.value`. */
export function unpack({ value, decimals }: PackedResult, Class: DecimalClass | undefined): unknown {
  if (Class === undefined) return value;
  const root = { value };
  for (const path of decimals) {
    const [last, ...way] = ['value', ...path].reverse() as [string, ...string[]];
    const parent = way.reverse().reduce<unknown>((at, name) => (at as Record<string, unknown>)[name], root);
    const owner = parent as Record<string, unknown>;
    owner[last] = new Class(String(owner[last]));
  }
  return root.value;
}

/** Arguments for a key: decimals by their text, which no other argument looks like. */
export function keyable(value: unknown): unknown {
  if (isDecimal(value)) return new Map([['Decimal', value.toFixed()]]);
  if (isList(value)) return value.map(keyable);
  if (!isRecord(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, keyable(inner)]));
}

function isList(value: unknown): value is unknown[] {
  return Array.isArray(value);
}

function isDecimal(value: unknown): value is Decimal {
  return (
    typeof value === 'object' && value !== null && (value as Record<symbol, unknown>)[Symbol.toStringTag] === 'Decimal'
  );
}

function isRecord(value: unknown): value is Record<string, unknown> {
  if (typeof value !== 'object' || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}
