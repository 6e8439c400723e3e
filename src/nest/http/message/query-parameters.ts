/** Which query parameters count. Exactly one of the two. */
export interface QueryOptions {
  /** Only these. */
  allow?: string[];
  /** All but these. */
  ignore?: string[];
}

/** The query of a request as a key sees it. */
export interface KeyedQuery {
  /** What is kept, in one order for all orders that mean the same. */
  readonly text: string;
  /** The names that were dropped, decoded; the handler must not see them. */
  readonly dropped: readonly string[];
}

/** Parsers stop at a number of parameters, 1000 as a rule; near it the order decides what is seen. */
const MAX_SORTED = 100;

interface Parameter {
  readonly text: string;
  readonly name: string;
}

/**
 * Sorts the parameters by name and drops those that do not count.
 *
 * Handlers see the query through a parser that is not known here, so that two queries become one only where every
 * parser reads them alike: values and the spelling of names stay as they are, and parameters that some parser may fold
 * into one, such as `a`, `a[]`, `a[0]`, `a.b` and `%61`, keep their order. Only names without a meaning of their own
 * are dropped, for the same reason: `page[]=2` is not the `page` of an allow list, and stays in the key.
 */
export function keyedQuery(query: string, options: QueryOptions | undefined): KeyedQuery {
  const texts = query.split('&').filter((text) => text !== '');
  if (texts.length < 2 && options === undefined) return { text: texts.join('&'), dropped: [] };
  const parameters = texts.map((text) => ({ text, name: decodedName(text) }));
  const isDropped = ({ name }: { name: string | undefined }): boolean =>
    name !== undefined && !/[[\].]/.test(name) && !counts(name, options);
  const kept = parameters.filter((parameter) => !isDropped(parameter));
  const isSortable =
    kept.length <= MAX_SORTED && kept.every((parameter): parameter is Parameter => parameter.name !== undefined);
  const ordered = isSortable ? [...kept].sort(byRoot) : kept;
  const dropped = parameters.filter(isDropped).map(({ name }) => name as string);
  return { text: ordered.map(({ text }) => text).join('&'), dropped: [...new Set(dropped)] };
}

function counts(name: string, { allow, ignore }: QueryOptions = {}): boolean {
  return allow === undefined ? !(ignore?.includes(name) ?? false) : allow.includes(name);
}

function byRoot(one: Parameter, other: Parameter): number {
  const a = rootOf(one.name);
  const b = rootOf(other.name);
  return a < b ? -1 : a > b ? 1 : 0;
}

/** What all names that a parser may fold into one have in common. */
function rootOf(name: string): string {
  return name.replace(/^\[+/, '').split(/[[\].]/, 1)[0] ?? '';
}

/** `undefined` when it is not well encoded: parsers differ in what they make of it. */
function decodedName(text: string): string | undefined {
  const name = text.split('=', 1)[0] ?? '';
  try {
    return decodeURIComponent(name.replaceAll('+', ' '));
  } catch {
    return undefined;
  }
}
