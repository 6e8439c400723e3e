import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';

const run = promisify(execFile);

export const work = process.env['PACKED_WORK']!;
const additions = join(import.meta.dirname, 'fixture/application');

export interface Packed {
  filename: string;
  size: number;
  files: { path: string }[];
}
export const packed = (JSON.parse(readFileSync(join(work, 'pack.json'), 'utf8')) as [Packed])[0];

export type Nest = '11' | '12';

/** Creates a directory that shares the packages of the generated application of this Nest version. */
export function emptyHome(nest: Nest, name: string): string {
  const home = join(work, `nest-${nest}-${name}`);
  mkdirSync(home);
  symlinkSync(join(work, `nest-${nest}/node_modules`), join(home, 'node_modules'));
  return home;
}

/**
 * Copies the generated application of this Nest version, imports the kit into its root module, and adds a module with
 * tests. Changes nothing else. @param withLibrary adds the module of a CommonJS library that injects the service
 */
export function generatedApplication(nest: Nest, name: string, { withLibrary = true } = {}): string {
  const home = emptyHome(nest, name);
  const generated = join(work, `nest-${nest}`);
  for (const entry of readdirSync(generated)) {
    if (entry !== 'node_modules') cpSync(join(generated, entry), join(home, entry), { recursive: true });
  }
  const ending = nest === '12' ? '.js' : '';
  const imports = [
    "import { CacheKitModule } from 'nestjs-cache-kit';",
    `import { PricesModule } from './prices${ending}';`,
  ];
  const modules = ['CacheKitModule.forRoot()', 'PricesModule'];
  if (withLibrary) {
    imports.push("import { LibraryModule } from 'cache-kit-library';");
    modules.push('LibraryModule');
  }
  edit(
    join(home, 'src/app.module.ts'),
    (text) => `${imports.join('\n')}\n${text.replace('imports: []', `imports: [${modules.join(', ')}]`)}`,
  );
  cpSync(join(additions, 'prices.ts'), join(home, 'src/prices.ts'));
  cpSync(join(additions, 'prices.spec.ts'), join(home, 'src/prices.spec.ts'));
  if (ending !== '') edit(join(home, 'src/prices.spec.ts'), (text) => text.replace('./prices', `./prices${ending}`));
  cpSync(join(additions, 'prices.e2e-spec.ts'), join(home, 'test/prices.e2e-spec.ts'));
  if (ending !== '')
    edit(join(home, 'test/prices.e2e-spec.ts'), (text) => text.replace('/app.module', `/app.module${ending}`));
  return home;
}

export function edit(file: string, change: (text: string) => string): void {
  const text = readFileSync(file, 'utf8');
  const changed = change(text);
  if (changed === text) throw new Error(`Expected ${file} to contain the text to change.`);
  writeFileSync(file, changed);
}

/** Runs a tool of the application to its end. @returns its output @throws with its output when it fails */
export async function runTool(
  home: string,
  tool: string,
  args: readonly string[] = [],
  env: NodeJS.ProcessEnv = {},
): Promise<string> {
  try {
    const { stdout, stderr } = await run(join(home, 'node_modules/.bin', tool), args, {
      cwd: home,
      env: { ...process.env, ...env },
    });
    return `${stdout}${stderr}`;
  } catch (error) {
    const { stdout, stderr } = error as { stdout: string; stderr: string };
    throw new Error(`${tool} ${args.join(' ')} failed:\n${stdout}\n${stderr}`, { cause: error });
  }
}

export interface Served {
  url: string;
  process: ChildProcess;
}

/** Starts the built application, and waits until it listens on the loopback interface. */
export async function serve(home: string, file: string): Promise<Served> {
  const served = spawn(process.execPath, ['--require', join(import.meta.dirname, 'fixture/loopback.cjs'), file], {
    cwd: home,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let printed = '';
  served.stderr.on('data', (chunk: Buffer) => (printed += chunk.toString()));
  for await (const line of createInterface(served.stdout)) {
    const [, url] = /^listening on (http\S+)/.exec(line) ?? [];
    if (url !== undefined) return { url, process: served };
    printed += `${line}\n`;
  }
  throw new Error(`The application ended before it listened:\n${printed}`);
}

/** Ends the application, and waits for the end of its process. */
export async function end({ process: served }: Served): Promise<void> {
  if (served.exitCode !== null || served.signalCode !== null) return;
  const ended = once(served, 'exit');
  served.kill('SIGKILL');
  await ended;
}

/** Sends the requests of prices.e2e-spec.ts to a running application, and returns its answers. */
export async function answersOf(home: string, file: string): Promise<object> {
  const served = await serve(home, file);
  try {
    const get = async (path: string): Promise<{ xCache: string | null; body: unknown }> => {
      const response = await fetch(`${served.url}${path}`);
      return { xCache: response.headers.get('x-cache'), body: await response.json() };
    };
    const route = [await get('/prices/1'), await get('/prices/1')];
    return { route, service: (await get('/prices/1/known')).body, library: (await get('/library/price:1')).body };
  } finally {
    await end(served);
  }
}

const price = { id: '1', cents: 1_250 };

/** Expected answers: the route is cached, the method ran once, and service and library see the stored value. */
export const ONE_CACHE = {
  route: [
    { xCache: 'MISS', body: price },
    { xCache: 'HIT', body: price },
  ],
  service: { known: price, loads: 1 },
  library: { seen: price },
};
