import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { beforeAll, describe, expect, it, jest } from '@jest/globals';
import ts from 'typescript';
import { complaintsAbout, createProgram, examplesIn } from './examples.js';

const root = resolve(import.meta.dirname, '../..');
// The compiler reads some megabytes of declarations.
jest.setTimeout(60_000);

const pagesIn = (directory: string): string[] =>
  readdirSync(join(root, directory))
    .filter((name) => name.endsWith('.md'))
    .map((name) => join(directory, name));
const pages = [...pagesIn('.'), ...pagesIn('docs')];
/** Compiler options of an application made by `nest new` of Nest 11 or 12. */
const GENERATED_SCRIPTS = ['build', 'start:dev', 'test:e2e'];
const read = (path: string): string => readFileSync(join(root, path), 'utf8');
const withoutCode = (text: string): string => text.replace(/^```.*?^```/gms, '');
/** Pages about the repository, which are not in the package. */
const ownPages = (JSON.parse(read('package.json')) as { files: string[] }).files
  .flatMap((path) => (path.startsWith('!docs/') ? [path.slice(1)] : []))
  .concat(pagesIn('.'));

beforeAll(() => {
  if (!existsSync(join(root, 'dist/index.d.ts')))
    throw new Error('dist/ is missing: run `npm run build` before this test.');
});

describe('the examples', () => {
  const packages = ['nestjs-cache-kit', 'nestjs-cache-kit/config', 'nestjs-cache-kit/testing', '@nestjs/common'];
  const check = (page: string, text: string): string[] =>
    complaintsAbout(examplesIn(page, text), root, packages, join(import.meta.dirname, 'prelude.ts'));

  it('compile against the built kit', () => {
    const examples = pages.flatMap((page) => examplesIn(page, read(page)));

    expect(examples.length).toBeGreaterThan(0);
    expect(complaintsAbout(examples, root, packages, join(import.meta.dirname, 'prelude.ts'))).toEqual([]);
  });

  it('are reported with page and line when they are wrong', () => {
    const page =
      'Text.\n\n```ts\nclass Shop {}\n```\n\n```ts\nnew Shop();\nawait cache.gett(1);\n```\n' +
      '```ts no-check\nnonsense\n```\n';

    expect(check('page.md', page)).toEqual([
      expect.stringMatching(/^page\.md:9: Property 'gett' does not exist on type 'CacheService'/),
    ]);
  });
});

describe('the reference', () => {
  let program: ts.Program;
  beforeAll(() => {
    program = createProgram([join(root, 'dist/index.d.ts')]);
  });

  function declaredType(name: string): ts.Type {
    const checker = program.getTypeChecker();
    const source = program.getSourceFile(join(root, 'dist/index.d.ts'))!;
    const symbol = checker
      .getExportsOfModule(checker.getSymbolAtLocation(source)!)
      .find((exported) => exported.name === name);
    if (!symbol) throw new Error(`Expected the root entry to export ${name}.`);
    return checker.getDeclaredTypeOfSymbol(
      symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol,
    );
  }

  /** Lists the names of the options; those of a group as `group.name`. */
  function optionsOf(type: ts.Type, group = ''): string[] {
    const checker = program.getTypeChecker();
    return type.getProperties().flatMap((property) => {
      const path = `${group}${property.name}`;
      const inner = checker.getNonNullableType(checker.getTypeOfSymbol(property));
      const groups = (inner.isUnion() ? inner.types : [inner]).filter((part) => isGroup(part));
      return [path, ...groups.flatMap((part) => optionsOf(part, `${path}.`))];
    });
  }

  /** True for an options object of the kit: not a class, a function, or a type of another package. */
  function isGroup(type: ts.Type): boolean {
    if ((type.flags & ts.TypeFlags.Object) === 0 || type.getCallSignatures().length > 0) return false;
    const isOfTheKit = type.symbol.declarations?.every(
      (declaration) => !declaration.getSourceFile().fileName.includes('node_modules'),
    );
    return (
      isOfTheKit === true && type.getProperties().every((property) => (property.flags & ts.SymbolFlags.Method) === 0)
    );
  }

  it('explains every error code, and only existing ones', () => {
    const codes = declaredType('CacheErrorCode') as ts.UnionType;
    const declared = codes.types.map((type) => (type as ts.StringLiteralType).value);

    const documented = new Set(read('docs/errors.md').match(/\bCACHE_[A-Z_]+\b/g));

    expect([...documented].sort()).toEqual(declared.sort());
  });

  it('explains every option of the module, those of `http` in docs/http.md', () => {
    const options = read('docs/options.md');
    const http = read('docs/http.md');

    const missing = optionsOf(declaredType('CacheKitOptions')).filter(
      (path) =>
        !options.includes(`\`${path}\``) &&
        !(path.startsWith('http.') && http.includes(`\`${path.slice('http.'.length)}\``)),
    );

    expect(missing).toEqual([]);
  });
});

describe.each(pages)('%s', (page) => {
  const text = read(page);

  it('links to existing pages and headings', () => {
    const links = [...withoutCode(text).matchAll(/\]\((?![a-z]+:)([^)#\s]*)(?:#([^)\s]*))?\)/g)];
    const broken = links.filter(([, path = '', anchor]) => {
      const target = path === '' ? page : join(dirname(page), path);
      return (
        !existsSync(join(root, target)) ||
        (anchor !== undefined && target.endsWith('.md') && !anchorsOf(read(target)).includes(anchor))
      );
    });

    expect(broken.map(([link]) => link)).toEqual([]);
  });

  it('names only scripts that exist', () => {
    const { scripts = {} } = JSON.parse(read('package.json')) as { scripts?: Record<string, string> };

    const named = [...text.matchAll(/\bnpm run ([\w:-]+)/g)].map(([, name = '']) => name);

    const known = page.startsWith('docs/five-minutes') ? GENERATED_SCRIPTS : Object.keys(scripts);
    expect(named.filter((name) => !known.includes(name))).toEqual([]);
  });
});

it('docs/testing.md has a place for every folder of src', () => {
  const text = read('docs/testing.md');
  const folders = filesBelow('src').flatMap((path) => (path.endsWith('.ts') ? [dirname(path)] : []));

  const missing = folders.filter((folder) => !placesOf(folder).some((place) => text.includes(`\`${place}/\``)));

  expect([...new Set(missing)]).toEqual([]);
});

/** Lists a folder and its parent folders below `src/`. */
function placesOf(folder: string): string[] {
  const parts = folder.split('/');
  return parts.length === 1 ? [folder] : parts.slice(1).map((_, i) => parts.slice(0, i + 2).join('/'));
}

describe('the pages about the repository', () => {
  const files = ['bench', 'docs', 'findings', 'sample-app', 'scripts', 'src', 'test']
    .flatMap((folder) => filesBelow(folder))
    .concat(filesIn('.'));

  it.each(ownPages)('name only files and folders that exist: %s', (page) => {
    expect(pathsIn(withoutCode(read(page))).filter((path) => !isKnown(path, files))).toEqual([]);
  });

  it.each(titlesIn(read('SECURITY.md')))('name only tests that exist: $path, "$title"', ({ path, title }) => {
    const specs = files.filter((file) => isKnown(path, [file]));

    expect(specs).toHaveLength(1);
    expect(read(specs[0]!)).toContain(title);
  });

  it('name a test for every threat', () => {
    const rows = read('SECURITY.md')
      .split('\n')
      .filter((line) => line.startsWith('| ') && !line.startsWith('| attempt '));

    expect(rows.length).toBeGreaterThan(0);
    expect(rows.filter((row) => titlesIn(row).length === 0)).toEqual([]);
  });

  it('name a test by its path and parts of titles', () => {
    expect(titlesIn('| a | b | `x.spec.ts`: "one", "two", `y.spec.ts`: "three" |')).toEqual([
      { path: 'x.spec.ts', title: 'one' },
      { path: 'x.spec.ts', title: 'two' },
      { path: 'y.spec.ts', title: 'three' },
    ]);
  });

  it('are checked by the end of a path, from a slash on', () => {
    const some = ['src/core/vocabulary/duration.ts'];

    expect(
      pathsIn('See `duration.ts`, `src/core/` and `npm run jest`; `CacheService.load` is none, `test/*.ts` neither.'),
    ).toEqual(['duration.ts', 'src/core/']);
    expect(
      ['duration.ts', 'vocabulary/duration.ts', 'core/', 'src/core/'].filter((path) => !isKnown(path, some)),
    ).toEqual([]);
    expect(
      ['ration.ts', 'core/vocabulary/glob.ts', 'cor/', 'duration.ts/'].filter((path) => isKnown(path, some)),
    ).toEqual([]);
  });
});

/** Finds the tests that a page names, by file and part of a title. */
function titlesIn(text: string): { path: string; title: string }[] {
  const files = [...text.matchAll(/`([\w./-]+\.ts)`: ("[^"]+"(?:, "[^"]+")*)/g)];
  return files.flatMap(([, path = '', titles = '']) =>
    [...titles.matchAll(/"([^"]+)"/g)].map(([, title = '']) => ({ path, title })),
  );
}

/** Finds the paths of files and folders in the inline code of a page. */
function pathsIn(text: string): string[] {
  const code = [...text.matchAll(/`([^`\n]+)`/g)].map(([, span = '']) => span);
  return code.filter((span) => /^[\w.-]+(\/[\w.-]+)*(\.(ts|mjs|cjs|js|json|sh|md)|\/)$/.test(span));
}

/**
 * True when a file or folder ends with `path`. Only the end counts, because files move more often than they are
 * renamed.
 */
function isKnown(path: string, files: readonly string[]): boolean {
  return files.some((file) => (path.endsWith('/') ? `/${file}`.includes(`/${path}`) : `/${file}`.endsWith(`/${path}`)));
}

function filesIn(folder: string): string[] {
  return readdirSync(join(root, folder), { withFileTypes: true }).flatMap((entry) =>
    entry.isFile() ? [join(folder, entry.name)] : [],
  );
}

function filesBelow(folder: string): string[] {
  const folders = readdirSync(join(root, folder), { withFileTypes: true }).filter(
    (entry) => entry.isDirectory() && !['node_modules', 'dist', '.tmp'].includes(entry.name),
  );
  return [...filesIn(folder), ...folders.flatMap(({ name }) => filesBelow(join(folder, name)))];
}

/** Lists the anchors of a page's headings, as GitHub generates them. */
function anchorsOf(text: string): string[] {
  const headings = [...withoutCode(text).matchAll(/^#+\s+(.*)$/gm)].map(([, heading = '']) => heading);
  return headings.map((heading) =>
    heading
      .replace(/\[([^\]]*)\]\([^)]*\)/g, '$1')
      .toLowerCase()
      .replace(/[^\p{L}\p{N}\s_-]/gu, '')
      .replace(/ /g, '-'),
  );
}
