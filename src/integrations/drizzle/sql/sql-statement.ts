import { type SqlDialect, type SqlToken, tokensOf } from './sql-tokens.js';
import {
  BEFORE_WRITTEN_NAME,
  CHANGES,
  ENDS_OF_FROM,
  FUNCTIONS_WITH_FROM,
  isOwnFunction,
  OWN_WORDS,
  PURE_SOURCES,
  QUERY_WORDS,
  type SqlChange,
  WRITES,
} from './sql-words.js';

/*
 * The facts of a statement that decide about caching, read from its words. It is no parser: it knows the places where
 * SQL names a table, and in doubt it finds a table too many, or gives up. A name too many costs a run of the query; a
 * table too few would cost a stale result.
 */

export interface SqlStatement {
  /** The names after FROM, JOIN and the like, with a schema where they have one: tables, views, and names of WITH. */
  readonly reads: readonly string[];
  /** The names that WITH gives to queries of the statement. */
  readonly named: ReadonlySet<string>;
  /** The tables that it writes. */
  readonly writes: readonly string[];
  readonly changes: ReadonlySet<SqlChange>;
  /** The reason why its result must not be given to another caller. It completes "it ...". */
  readonly hindrance: string | undefined;
  /** The part that may read tables which its words do not name. It completes "it reads ...". */
  readonly obscurity: string | undefined;
}

export function readStatement(sql: string, dialect: SqlDialect): SqlStatement {
  const tokens = tokensOf(sql, dialect);
  if (tokens !== undefined) return new StatementReader(tokens, dialect).read();
  const hindrance = 'has a quote or a comment without an end';
  return { reads: [], named: new Set(), writes: [], changes: new Set(), hindrance, obscurity: undefined };
}

/** What stands between two brackets, or outside of all. */
interface Scope {
  /** True between FROM and the end of its list. */
  isFrom: boolean;
  /** True for the arguments of a function that may hold FROM. */
  readonly isCall: boolean;
}

class StatementReader {
  readonly #tokens: readonly SqlToken[];
  readonly #dialect: SqlDialect;
  readonly #reads = new Set<string>();
  readonly #writes = new Set<string>();
  readonly #changes = new Set<SqlChange>();
  readonly #scopes: Scope[] = [{ isFrom: false, isCall: false }];
  #hindrance: string | undefined;
  #obscurity: string | undefined;
  #at = 0;

  constructor(tokens: readonly SqlToken[], dialect: SqlDialect) {
    this.#tokens = tokens;
    this.#dialect = dialect;
  }

  read(): SqlStatement {
    const first = this.#tokens.find(({ text }) => text !== '(');
    if (first?.kind !== 'word' || !QUERY_WORDS.has(first.text)) this.#hinder('is no query');
    while (this.#at < this.#tokens.length) this.#step();
    // MySQL writes several tables by one UPDATE or DELETE, and names them by their aliases.
    const isMulti = this.#dialect === 'mysql' && (first?.text === 'update' || first?.text === 'delete');
    return {
      reads: [...this.#reads],
      named: namesOfWith(this.#tokens),
      writes: [...new Set([...this.#writes, ...(isMulti ? this.#reads : [])])],
      changes: this.#changes,
      hindrance: this.#hindrance,
      obscurity: this.#obscurity,
    };
  }

  #step(): void {
    const token = this.#token();
    if (token?.kind === 'word') this.#word(token.text);
    else if (token?.kind === 'sign') this.#sign(token.text);
    else this.#value(token);
  }

  #sign(sign: string): void {
    const scope = this.#scope;
    if (sign === '(') this.#open({ isFrom: false, isCall: FUNCTIONS_WITH_FROM.has(this.#wordAt(-1)) });
    else this.#at++;
    if (sign === ')' && this.#scopes.length > 1) this.#scopes.pop();
    if (sign === ',' && scope.isFrom) this.#source();
    if (sign === ';' && this.#token() !== undefined) this.#hinder('is more than one statement');
  }

  #value(token: SqlToken | undefined): void {
    if (this.#dialect === 'mysql' && token?.kind === 'value' && token.text.startsWith('@'))
      this.#hinder(`uses the variable \`${token.text}\` of its session`);
    this.#at++;
  }

  #word(word: string): void {
    const isName = this.#signAt(-1) === '.' || this.#wordAt(-1) === 'as';
    const exceptions = isName ? undefined : WRITES.get(word);
    this.#own(word);
    if (exceptions?.has(this.#wordAt(-1)) === false && this.#signAt(1) !== '(') this.#write(word);
    else {
      if (!isName) this.#clause(word);
      this.#at++;
      if (!isName && this.#namesSource(word)) this.#source();
    }
  }

  /** Notes what the word of a clause says about those around it. */
  #clause(word: string): void {
    const next = this.#wordAt(1);
    const isLock = word === 'for' && ['update', 'share', 'no', 'key'].includes(next);
    if (isLock || (word === 'lock' && next === 'in')) this.#hinder('locks rows');
    if (word === 'cascade' && this.#changes.size > 0) this.#changes.add('truncate');
    if (word === 'update' && this.#writes.size > 0) this.#changes.add('update');
    if (ENDS_OF_FROM.has(word)) this.#scope.isFrom = false;
  }

  /** True for a word before the name of a table that is read. */
  #namesSource(word: string): boolean {
    if (word === 'from') return !this.#scope.isCall && !this.#isComparison();
    if (word === 'in') return this.#dialect === 'sqlite' && this.#token()?.kind !== 'value' && this.#signAt(0) === '';
    return word === 'join' || word === 'straight_join' || word === 'table';
  }

  /** True after IS DISTINCT FROM. */
  #isComparison(): boolean {
    return this.#wordAt(-2) === 'distinct' && ['is', 'not'].includes(this.#wordAt(-3));
  }

  /** Reads the name of a table, or what stands in its place. */
  #source(): void {
    this.#scope.isFrom = true;
    while (['lateral', 'only'].includes(this.#wordAt(0))) this.#at++;
    if (this.#signAt(0) === '(') {
      this.#open({ isFrom: true, isCall: false });
      if (!QUERY_WORDS.has(this.#wordAt(0))) this.#source();
      return;
    }
    const name = this.#name();
    if (name === undefined) this.#obscurity ??= 'something without a name';
    else if (this.#signAt(0) === '(') this.#sourceFunction(name);
    else this.#reads.add(name);
  }

  #sourceFunction(name: string): void {
    if (isOwnFunction(name)) this.#hinder(isOwn(name));
    if (!PURE_SOURCES.has(name)) this.#obscurity ??= `the function \`${name}\``;
  }

  #write(word: string): void {
    const change = CHANGES.get(word);
    if (change !== undefined) this.#changes.add(change);
    this.#hinder('writes');
    do {
      this.#at++;
      for (; BEFORE_WRITTEN_NAME.has(this.#wordAt(0)); this.#at++) {
        if (this.#wordAt(0) === 'replace') this.#changes.add('delete');
      }
      const name = this.#name();
      if (name !== undefined) this.#writes.add(name);
    } while (this.#signAt(0) === ',');
    if (word === 'update' || word === 'delete') this.#scope.isFrom = true;
  }

  /** Reads a name with its schema; `undefined` where there is none. */
  #name(): string | undefined {
    const parts: string[] = [];
    let token = this.#token();
    while (token !== undefined && ['word', 'name', 'text'].includes(token.kind)) {
      parts.push(token.text);
      this.#at++;
      if (this.#signAt(0) !== '.') break;
      this.#at++;
      token = this.#token();
    }
    return parts.length === 0 ? undefined : parts.join('.');
  }

  #own(word: string): void {
    const isCalled = this.#signAt(1) === '(';
    const isQualified = this.#signAt(-1) === '.';
    if (isCalled ? isOwnFunction(word) || (isQualified && this.#wordAt(-2) === 'auth') : this.#isOwnWord(word))
      this.#hinder(isOwn(word));
  }

  #isOwnWord(word: string): boolean {
    if (this.#signAt(-1) === '.') return false;
    return OWN_WORDS.has(word) || (word === 'user' && this.#dialect === 'postgres' && this.#wordAt(-1) !== 'as');
  }

  #open(scope: Scope): void {
    this.#scopes.push(scope);
    this.#at++;
  }

  #hinder(reason: string): void {
    this.#hindrance ??= reason;
  }

  get #scope(): Scope {
    return this.#scopes.at(-1) as Scope;
  }

  /** @param offset from the current token */
  #token(offset = 0): SqlToken | undefined {
    return this.#tokens[this.#at + offset];
  }

  #wordAt(offset: number): string {
    const token = this.#token(offset);
    return token?.kind === 'word' ? token.text : '';
  }

  #signAt(offset: number): string {
    const token = this.#token(offset);
    return token?.kind === 'sign' ? token.text : '';
  }
}

function isOwn(name: string): string {
  return `asks for \`${name}\`, which is not the same for all callers`;
}

/** Finds the names before `AS (` and a query, with or without a list of columns between. */
function namesOfWith(tokens: readonly SqlToken[]): Set<string> {
  const names = new Set<string>();
  for (const [i, token] of tokens.entries()) {
    const name = isWord(token, 'as') && opensQuery(tokens, i + 1) ? tokens[beginOfName(tokens, i - 1)] : undefined;
    if (name?.kind === 'word' || name?.kind === 'name') names.add(name.text);
  }
  return names;
}

function opensQuery(tokens: readonly SqlToken[], from: number): boolean {
  let at = from;
  while (isWord(tokens[at], 'not') || isWord(tokens[at], 'materialized')) at++;
  const first = tokens[at + 1]?.text ?? '';
  return isSign(tokens[at], '(') && (first === '(' || QUERY_WORDS.has(first) || WRITES.has(first));
}

/** Goes back past a list of columns. */
function beginOfName(tokens: readonly SqlToken[], end: number): number {
  let at = end;
  if (!isSign(tokens[at], ')')) return at;
  while (at > 0 && !isSign(tokens[at], '(')) at--;
  return at - 1;
}

function isWord(token: SqlToken | undefined, word: string): boolean {
  return token?.kind === 'word' && token.text === word;
}

function isSign(token: SqlToken | undefined, sign: string): boolean {
  return token?.kind === 'sign' && token.text === sign;
}
