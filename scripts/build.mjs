/*
 * Builds dist/ in two formats from one source:
 *   dist/      ES modules, and for each entry a declaration that only re-exports
 *   dist/cjs/  CommonJS, and the only set of declarations: with two sets, each class with a private member would be
 *              two types
 * Declarations that no entry leads to are removed: nobody can import them, and they are the larger part.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';

const root = new URL('../', import.meta.url);
const tsc = fileURLToPath(new URL('node_modules/typescript/bin/tsc', root));

async function compile(project) {
  const compiler = spawn(process.execPath, [tsc, '-p', project], { cwd: root, stdio: 'inherit' });
  const [code] = await once(compiler, 'exit');
  if (code !== 0) throw new Error(`${project} did not compile.`);
}

/** Returns `testing/index` for the entry whose ES module is dist/testing/index.js. */
function entries() {
  const manifest = JSON.parse(readFileSync(new URL('package.json', root), 'utf8'));
  return Object.values(manifest.exports)
    .filter((target) => typeof target === 'object')
    .map((target) => /^\.\/dist\/(.+)\.js$/.exec(target.import.default)[1]);
}

/** Returns `declaration` and all declarations that it leads to. */
function reachedFrom(declaration, reached = new Set()) {
  if (reached.has(declaration.href)) return reached;
  reached.add(declaration.href);
  const { importedFiles } = ts.preProcessFile(readFileSync(declaration, 'utf8'));
  for (const { fileName } of importedFiles) {
    if (fileName.startsWith('.')) reachedFrom(new URL(fileName.replace(/\.js$/, '.d.ts'), declaration), reached);
  }
  return reached;
}

function removeUnreachable(folder) {
  const reached = new Set(entries().flatMap((entry) => [...reachedFrom(new URL(`${entry}.d.ts`, folder))]));
  for (const file of readdirSync(folder, { recursive: true })) {
    const url = new URL(file, folder);
    if (file.endsWith('.d.ts') && !reached.has(url.href)) rmSync(url);
  }
}

rmSync(new URL('dist', root), { recursive: true, force: true });
await Promise.all(['tsconfig.build.json', 'tsconfig.cjs.json', 'tsconfig.declarations.json'].map(compile));
removeUnreachable(new URL('dist/cjs/', root));
writeFileSync(new URL('dist/cjs/package.json', root), '{ "type": "commonjs" }\n');
for (const entry of entries()) {
  const cjs = `${'../'.repeat(entry.split('/').length - 1) || './'}cjs/${entry}.js`;
  writeFileSync(new URL(`dist/${entry}.d.ts`, root), `export * from '${cjs}';\n`);
}
