import { basename, join } from 'node:path';
import ts from 'typescript';

/** A fenced block of TypeScript in a page. */
export interface Example {
  readonly page: string;
  /** Line of the page with the first line of code, counted from 1. */
  readonly line: number;
  readonly code: string;
  /** File name in the project of a reader, if the fence has one: `ts src/app.service.ts`. Others can import it. */
  readonly file: string | undefined;
}

const FENCE = /^```(\w+)([^\n]*)\n(.*?)^```/gms;

/** Finds the blocks of a page that must compile: every `ts` block without `no-check`. */
export function examplesIn(page: string, text: string): Example[] {
  return [...text.matchAll(FENCE)]
    .filter(([, language = '', info = '']) => /^(ts|typescript)$/.test(language) && !info.includes('no-check'))
    .map((match) => ({
      page,
      line: text.slice(0, match.index).split('\n').length + 1,
      code: match[3] ?? '',
      file: /\bsrc\/(\S+)\.ts\b/.exec(match[2] ?? '')?.[1],
    }));
}

/**
 * Compiles each example as a separate module, and returns the compiler's errors by page and line.
 *
 * Readers do not want the same imports above every example, so a name that an example neither imports nor declares
 * comes from an earlier example of the page, or else from one of `packages`.
 */
export function complaintsAbout(
  examples: readonly Example[],
  root: string,
  packages: readonly string[],
  prelude: string,
): string[] {
  const fileOf = (example: Example): string =>
    join(root, `${basename(example.page, '.md')}.${example.line}.example.ts`);
  const known = namesExportedBy(packages, root);
  const pages = new Map<string, Map<string, string>>();
  const files = new Map<string, { example: Example; text: string }>();
  for (const example of examples) {
    const names = pages.get(example.page) ?? new Map<string, string>(known);
    pages.set(example.page, names);
    const code = example.code.replace(/(?<=from ')\.\/([\w.-]+?)(?:\.js)?(?=')/g, (path, file) => {
      const imported = examples.find((other) => other.page === example.page && other.file === file);
      return imported === undefined ? path : `./${basename(fileOf(imported)).replace(/\.ts$/, '.js')}`;
    });
    files.set(fileOf(example), { example, text: asModule(code, names) });
    for (const name of declaredIn(example.code))
      names.set(name, `./${basename(fileOf(example)).replace(/\.ts$/, '.js')}`);
  }

  const program = createProgram([...files.keys(), prelude], (name) => files.get(name)?.text);
  return [...files].flatMap(([file, { example }]) =>
    ts.getPreEmitDiagnostics(program, program.getSourceFile(file)).map((diagnostic) => {
      const line = program.getSourceFile(file)?.getLineAndCharacterOfPosition(diagnostic.start ?? 0).line ?? 0;
      return `${example.page}:${example.line + line}: ${ts.flattenDiagnosticMessageText(diagnostic.messageText, '\n')}`;
    }),
  );
}

/** Parsed sources, shared by all programs of a run: parsing the declarations of packages takes most of the time. */
const parsed = new Map<string, ts.SourceFile | undefined>();

export function createProgram(
  files: readonly string[],
  virtual: (name: string) => string | undefined = () => undefined,
): ts.Program {
  const options: ts.CompilerOptions = {
    target: ts.ScriptTarget.ES2023,
    module: ts.ModuleKind.NodeNext,
    strict: true,
    experimentalDecorators: true,
    emitDecoratorMetadata: true,
    skipLibCheck: true,
    noEmit: true,
    types: ['node'],
  };
  const host = ts.createCompilerHost(options);
  const { fileExists, readFile, getSourceFile } = host;
  host.fileExists = (name) => virtual(name) !== undefined || fileExists(name);
  host.readFile = (name) => virtual(name) ?? readFile(name);
  host.getSourceFile = (name, target, ...rest) => {
    const text = virtual(name);
    if (text !== undefined) return ts.createSourceFile(name, text, target);
    if (!parsed.has(name)) parsed.set(name, getSourceFile(name, target, ...rest));
    return parsed.get(name);
  };
  return ts.createProgram(files, options, host);
}

/** For each name, the first package that exports it. */
function namesExportedBy(packages: readonly string[], root: string): Map<string, string> {
  const file = join(root, 'names.example.ts');
  const program = createProgram([file], (name) =>
    name === file ? packages.map((from) => `import '${from}';`).join('\n') : undefined,
  );
  const checker = program.getTypeChecker();
  const names = new Map<string, string>();
  for (const statement of program.getSourceFile(file)?.statements ?? []) {
    if (!ts.isImportDeclaration(statement) || !ts.isStringLiteral(statement.moduleSpecifier)) continue;
    const symbol = checker.getSymbolAtLocation(statement.moduleSpecifier);
    if (!symbol)
      throw new Error(
        `Nothing is found for '${statement.moduleSpecifier.text}': run \`npm run build\` before this test.`,
      );
    for (const { name } of checker.getExportsOfModule(symbol)) {
      if (!names.has(name)) names.set(name, statement.moduleSpecifier.text);
    }
  }
  return names;
}

/** Adds missing imports to the first line of the code, so that line numbers do not change. */
function asModule(code: string, names: ReadonlyMap<string, string>): string {
  const own = declaredIn(code);
  const imports = [...identifiersIn(code)]
    .filter((name) => !own.includes(name) && names.has(name))
    .map((name) => `import { ${name} } from '${names.get(name) ?? ''}';`);
  const exported = declaredIn(code, 'unexported');
  return `${imports.join(' ')} ${code}\nexport { ${exported.join(', ')} };`;
}

const parse = (code: string): ts.SourceFile => ts.createSourceFile('example.ts', code, ts.ScriptTarget.ES2023);

function identifiersIn(code: string): Set<string> {
  const found = new Set<string>();
  const visit = (node: ts.Node): void => {
    if (ts.isIdentifier(node)) found.add(node.text);
    ts.forEachChild(node, visit);
  };
  visit(parse(code));
  return found;
}

/** Lists the names that the code declares at top level; with `all` also exported and imported names. */
function declaredIn(code: string, which: 'all' | 'unexported' = 'all'): string[] {
  return parse(code).statements.flatMap((statement) => {
    if (ts.isImportDeclaration(statement)) return which === 'all' ? importedBy(statement) : [];
    const isExported =
      ts.canHaveModifiers(statement) &&
      ts.getModifiers(statement)?.some(({ kind }) => kind === ts.SyntaxKind.ExportKeyword);
    if (isExported && which === 'unexported') return [];
    if (ts.isVariableStatement(statement))
      return statement.declarationList.declarations.flatMap(({ name }) => namesOf(name));
    const isNamed =
      ts.isClassDeclaration(statement) || ts.isFunctionDeclaration(statement) || ts.isInterfaceDeclaration(statement);
    if (isNamed || ts.isTypeAliasDeclaration(statement) || ts.isEnumDeclaration(statement))
      return statement.name ? [statement.name.text] : [];
    return [];
  });
}

function importedBy({ importClause }: ts.ImportDeclaration): string[] {
  const bindings = importClause?.namedBindings;
  const named =
    bindings &&
    (ts.isNamespaceImport(bindings) ? [bindings.name.text] : bindings.elements.map(({ name }) => name.text));
  return [...(importClause?.name ? [importClause.name.text] : []), ...(named ?? [])];
}

function namesOf(name: ts.BindingName): string[] {
  if (ts.isIdentifier(name)) return [name.text];
  return name.elements.flatMap((element) => (ts.isBindingElement(element) ? namesOf(element.name) : []));
}
