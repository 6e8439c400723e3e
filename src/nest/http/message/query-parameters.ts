/** The query parameters that are part of the key. Give one of the two. */
export interface QueryOptions {
  /** Names of the parameters that count; all others are ignored. */
  allow?: string[];
  /** Names of the parameters that are ignored; all others count. */
  ignore?: string[];
}

/** The query of a request in the form that keys use. */
export interface KeyedQuery {
  /** The parameters that count, in the same order for all queries with the same meaning. */
  readonly text: string;
  /** Decoded names of the ignored parameters, which the handler must not see. */
  readonly dropped: readonly string[];
}

/** Parameters that are sorted at most. Parsers stop at a limit, often 1000, so near it the order has a meaning. */
const MAX_SORTED = 100;

interface Parameter {
  readonly text: string;
  readonly name: string;
}

/**
 * Sorts the parameters by name and drops those that do not count.
 *
 * The parser of the handler is not known here. So two queries get the same text only if every parser reads them alike.
 * Values and the spelling of names stay. Parameters that a parser may combine, such as `a`, `a[]`, `a[0]`, `a.b` and
 * `%61`, keep their order. Names with brackets or dots are not dropped: `page[]=2` is not the `page` of an allow list,
 * and stays in the key.
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

/** The part that all names have in common which a parser may combine. */
function rootOf(name: string): string {
  return name.replace(/^\[+/, '').split(/[[\].]/, 1)[0] ?? '';
}

/** `undefined` for invalid encoding, which parsers read in different ways. */
function decodedName(text: string): string | undefined {
  const name = text.split('=', 1)[0] ?? '';
  try {
    return decodeURIComponent(name.replaceAll('+', ' '));
  } catch {
    return undefined;
  }
}
