/*
 * Builds dist/ in two formats from one source:
 *   dist/      ES modules, and for each entry a declaration that only re-exports
 *   dist/cjs/  CommonJS, and the only set of declarations: with two sets, each class with a private member would be
 *              two types
 * Declarations that no entry leads to are removed: nobody can import them, and they are the larger part.
 * dist/cli.js and dist/cli-*.js are the command line, with the packages that only it needs; the kit stays outside.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
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

/** Leaves the kit's own modules outside the bundle: they are files of dist/ already. */
const kitOutside = {
  name: 'kit-outside',
  setup: ({ onResolve }) =>
    onResolve({ filter: /^\.\.?\// }, ({ path, resolveDir }) => {
      const file = fileURLToPath(new URL(path, `file://${resolveDir}/`));
      const source = relative(fileURLToPath(new URL('src', root)), file).replaceAll('\\', '/');
      if (source.startsWith('..') || /^cli[./]/.test(source)) return undefined;
      return { path: `./${source}`, external: true };
    }),
};

/** Bundles the command line, and writes the licences of the packages inside beside it. */
async function bundleCommandLine() {
  const { metafile } = await build({
    absWorkingDir: fileURLToPath(root),
    entryPoints: ['src/cli.ts'],
    outdir: 'dist',
    // A command loads the kit only if it needs it. In one folder, all files name the kit's modules in the same way.
    splitting: true,
    chunkNames: 'cli-[name]-[hash]',
    bundle: true,
    format: 'esm',
    platform: 'node',
    target: 'node20',
    minifySyntax: true,
    minifyWhitespace: true,
    external: ['@nestjs/*', 'ioredis', '@colors/colors'],
    // The packages inside are CommonJS and require built-ins of Node.
    banner: {
      js: "import { createRequire as requireFrom } from 'node:module';const require = requireFrom(import.meta.url);",
    },
    plugins: [kitOutside],
    metafile: true,
  });
  chmodSync(new URL('dist/cli.js', root), 0o755);
  const folders = Object.keys(metafile.inputs).flatMap(
    (path) => /^.*node_modules\/(@[^/]+\/)?[^/]+\//.exec(path)?.[0] ?? [],
  );
  const notices = [...new Set(folders)].sort().map((folder) => {
    const licence = readdirSync(new URL(folder, root)).find((name) => /^licen[cs]e/i.test(name));
    if (licence === undefined) throw new Error(`${folder} has no licence to ship.`);
    const { name } = JSON.parse(readFileSync(new URL(`${folder}package.json`, root), 'utf8'));
    return `${name}\n\n${readFileSync(new URL(folder + licence, root), 'utf8').trim()}\n`;
  });
  writeFileSync(new URL('dist/cli.licenses.txt', root), notices.join('\n---\n\n'));
}

rmSync(new URL('dist', root), { recursive: true, force: true });
await Promise.all(['tsconfig.build.json', 'tsconfig.cjs.json', 'tsconfig.declarations.json'].map(compile));
removeUnreachable(new URL('dist/cjs/', root));
writeFileSync(new URL('dist/cjs/package.json', root), '{ "type": "commonjs" }\n');
for (const entry of entries()) {
  const cjs = `${'../'.repeat(entry.split('/').length - 1) || './'}cjs/${entry}.js`;
  writeFileSync(new URL(`dist/${entry}.d.ts`, root), `export * from '${cjs}';\n`);
}
await bundleCommandLine();
