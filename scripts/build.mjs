/*
 * Builds dist/ in two formats from one source:
 *   dist/      ES modules, and for each entry a declaration that only re-exports
 *   dist/cjs/  CommonJS, and the one set of declarations; two sets would make two types of each class with a private member
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const root = new URL('../', import.meta.url);
const tsc = fileURLToPath(new URL('node_modules/typescript/bin/tsc', root));

async function compile(project) {
  const compiler = spawn(process.execPath, [tsc, '-p', project], { cwd: root, stdio: 'inherit' });
  const [code] = await once(compiler, 'exit');
  if (code !== 0) throw new Error(`${project} did not compile.`);
}

/** `testing/index` for the entry whose ES module is dist/testing/index.js. */
function entries() {
  const manifest = JSON.parse(readFileSync(new URL('package.json', root), 'utf8'));
  return Object.values(manifest.exports)
    .filter((target) => typeof target === 'object')
    .map((target) => /^\.\/dist\/(.+)\.js$/.exec(target.import.default)[1]);
}

rmSync(new URL('dist', root), { recursive: true, force: true });
await Promise.all(['tsconfig.build.json', 'tsconfig.cjs.json', 'tsconfig.declarations.json'].map(compile));
writeFileSync(new URL('dist/cjs/package.json', root), '{ "type": "commonjs" }\n');
for (const entry of entries()) {
  const cjs = `${'../'.repeat(entry.split('/').length - 1) || './'}cjs/${entry}.js`;
  writeFileSync(new URL(`dist/${entry}.d.ts`, root), `export * from '${cjs}';\n`);
}
