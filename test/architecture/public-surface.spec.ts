import { execFile } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { promisify } from 'node:util';
import { beforeAll, describe, expect, it, jest } from '@jest/globals';
import ts from 'typescript';

// The compiler and a package manager run in these tests.
jest.setTimeout(60_000);

const run = promisify(execFile);
const root = resolve(import.meta.dirname, '../..');
const dist = join(root, 'dist');

/** Files of an entry under one condition. */
interface Target {
  types: string;
  default: string;
}
interface Manifest {
  version: string;
  main: string;
  types: string;
  typesVersions: Record<string, Record<string, string[]>>;
  exports: Record<string, string | Record<'module-sync' | 'import' | 'require', Target>>;
  peerDependenciesMeta?: Record<string, { optional?: boolean }>;
}
const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as Manifest;
const optionalPeers = new Set([
  ...Object.keys(manifest.peerDependenciesMeta ?? {}),
  ...[
    '@nestjs/config',
    '@nestjs/platform-express',
    '@nestjs/platform-fastify',
    '@nestjs/terminus',
    '@opentelemetry/api',
  ],
  ...['drizzle-orm', 'express', 'fastify', 'ioredis', 'lmdb', 'prom-client', 'typeorm'],
]);
const packageOf = (specifier: string): string => specifier.split('/', specifier.startsWith('@') ? 2 : 1).join('/');

/** Public values. A name leaves this list only with a major version. */
const rootValues = [
  'CacheConfigError',
  'CacheError',
  'CacheInterceptor',
  'CacheInvalidate',
  'CacheKeyError',
  'CacheKitModule',
  'CachePut',
  'CacheRoute',
  'CacheSerializationError',
  'CacheService',
  'CacheTimeoutError',
  'CacheUnavailableError',
  'Cached',
  'CachedMany',
  'InjectCache',
  'InjectCacheNamespace',
  'NamespacedCache',
  'NoCache',
  'cachedKey',
  'compileGlob',
  'createCache',
  'createEntryCodec',
  'decodeEntry',
  'decodeValue',
  'encodeEntry',
  'encodeValue',
  'escapeGlob',
  'getCacheNamespaceToken',
  'getCacheToken',
  'invalidateTables',
  'urlTag',
];

/** Public values of `/testing`. */
const testingValues = [
  'CacheKitTestingModule',
  'describeCacheAdapter',
  'fakeClock',
  'faultyAdapter',
  'memoryAdapter',
  'passThrough',
  'provideTestCache',
  'recordingObserver',
];
const testingTypes = [
  'AdapterUnderTest',
  'CacheKitTestingOptions',
  'ContractOptions',
  'FakeClock',
  'Fault',
  'FaultPlan',
  'FaultyAdapter',
  'FaultyCall',
  'FaultyMethod',
  'OpenAdapter',
  'RecordingObserver',
  'TestCacheOptions',
];

/** Public values of the integrations, and their types. */
const integrations = [
  {
    entry: 'prometheus',
    values: ['CachePrometheusModule', 'cacheKitMetrics'],
    types: ['CacheKitMetrics', 'CachePrometheusOptions', 'MetricsRegistry'],
  },
  {
    entry: 'typeorm',
    values: ['cacheId', 'invalidateTables', 'typeormCache'],
    types: ['CacheIdOptions', 'Subscriber', 'TypeormCache', 'TypeormCacheOptions'],
  },
];

/** Public types without a value. */
const rootTypes = [
  'AdapterUsage',
  'AdminOptions',
  'AnswerShape',
  'Awaitable',
  'Backend',
  'BoardReport',
  'BoardView',
  'CacheAdapter',
  'CacheAdapterContext',
  'CacheAdapterFactory',
  'CacheEntry',
  'CacheErrorCode',
  'CacheEvent',
  'CacheExplanation',
  'CacheInvalidateDecorator',
  'CacheInvalidateOptions',
  'CacheKitAsyncOptions',
  'CacheKitFactoryOptions',
  'CacheKitFeatureOptions',
  'CacheKitOptions',
  'CacheKitOptionsFactory',
  'CacheOperations',
  'CacheOptions',
  'CachePutDecorator',
  'CachePutOptions',
  'CacheRouteOptions',
  'CacheStats',
  'CachedDecorator',
  'CachedManyDecorator',
  'CachedManyOptions',
  'CachedOptions',
  'ClassOf',
  'Clock',
  'ClusterStats',
  'CoherenceMode',
  'CoherenceUsage',
  'CompressionAlgorithm',
  'CompressionOptions',
  'Duration',
  'EncryptionKey',
  'EncryptionOptions',
  'EntryCodec',
  'EntryDraft',
  'EntryHeader',
  'EntryPage',
  'Envelope',
  'EnvelopeId',
  'Factory',
  'FailedWrite',
  'FileOptions',
  'Finding',
  'GetOrSetOptions',
  'HttpCacheOptions',
  'HybridRedisOptions',
  'InvalidateOptions',
  'InvalidatePatternOptions',
  'InvalidateTagsOptions',
  'InvalidationSubject',
  'InvalidationTarget',
  'LeftWrites',
  'ListOptions',
  'LoadContext',
  'LoadGrant',
  'LoadOptions',
  'LoadOutcome',
  'LoadRequest',
  'LoadTicket',
  'ManyFactory',
  'MemoryOptions',
  'MethodTarget',
  'NamespaceDefaults',
  'NamespaceOption',
  'OpenEnvelope',
  'PendingWrite',
  'PendingWrites',
  'ProcessBoard',
  'ProcessStats',
  'RedisAddress',
  'RedisClient',
  'RedisOptions',
  'ScanPage',
  'ScanQuery',
  'SetOptions',
  'StandardSchema',
  'StoredEntry',
  'TierEntry',
  'TierUsage',
  'Timer',
  'Ttl',
  'ValueClass',
  'ValueType',
  'ValueTypes',
  'ValueValidator',
  'WarmOptions',
  'WarmProgress',
  'WarmReport',
  'WriteBehindContext',
  'WriteBehindHost',
  'WriteBehindOptions',
  'WriteBehindQueue',
  'WriteCodec',
  'WriteThroughOptions',
  'WrittenValue',
];

/** Prints the names of an entry, the comparison of `require` and `import`, and the names of its CommonJS form. */
const COMPARE = `
  import 'reflect-metadata';
  import { createRequire } from 'node:module';
  const require = createRequire(process.cwd() + '/package.json');
  const imported = await import(process.env.ENTRY);
  const required = require(process.env.ENTRY);
  const names = Object.keys(imported).sort();
  console.log(
    JSON.stringify({
      names,
      required: names.map((name) => required[name] === imported[name]),
      ofCommonJs: Object.keys(require(process.env.CJS)).sort(),
    }),
  );
`;

/** Imports an entry in a separate process. Returns its names and every specifier that the kit's files imported. */
async function importEntry(file: string): Promise<{ names: string[]; imported: string[] }> {
  // The console of the hooks' thread is lost when the process ends, so they write to the file descriptor.
  const hooks = `import { writeSync } from 'node:fs';
  export async function resolve(specifier, context, next) {
    const isOfTheKit = context.parentURL?.includes('/dist/') && !context.parentURL.includes('/node_modules/');
    if (isOfTheKit) writeSync(1, 'import ' + specifier + '\\n');
    return next(specifier, context);
  }`;
  const script = `import 'reflect-metadata';
    import { register } from 'node:module';
    register('data:text/javascript,' + encodeURIComponent(${JSON.stringify(hooks)}));
    const entry = await import(${JSON.stringify(file)});
    for (const name of Object.keys(entry)) console.log('name ' + name);`;
  const { stdout } = await run(process.execPath, ['--input-type=module', '--eval', script], { cwd: root });
  const lines = stdout.split('\n').map((line) => line.split(' ', 2));
  const saying = (what: string): string[] => lines.filter(([word]) => word === what).map(([, text]) => text ?? '');
  return { names: saying('name'), imported: saying('import') };
}

/** Finds every package that the declarations of an entry mention, and the file that mentions it. */
function packagesInDeclarations(entry: string, seen = new Set<string>()): { file: string; name: string }[] {
  if (seen.has(entry)) return [];
  seen.add(entry);
  const { importedFiles, typeReferenceDirectives } = ts.preProcessFile(readFileSync(entry, 'utf8'), true, true);
  return [...importedFiles, ...typeReferenceDirectives].flatMap(({ fileName }) =>
    fileName.startsWith('.')
      ? packagesInDeclarations(resolve(dirname(entry), fileName.replace(/\.js$/, '.d.ts')), seen)
      : [{ file: relative(root, entry), name: packageOf(fileName) }],
  );
}

/** Finds the exported names without a value at run time. A class can be exported as a type only. */
function declaredTypes(file: string, values: readonly string[]): string[] {
  const program = ts.createProgram([file], { module: ts.ModuleKind.NodeNext, noLib: true, types: [] });
  const checker = program.getTypeChecker();
  const source = program.getSourceFile(file);
  const symbol = source && checker.getSymbolAtLocation(source);
  if (!symbol) throw new Error(`Expected ${file} to be a module.`);
  const names = checker.getExportsOfModule(symbol).map(({ name }) => name);
  return names.filter((name) => !values.includes(name)).sort();
}

describe('the built package', () => {
  let rootEntry: Awaited<ReturnType<typeof importEntry>>;

  beforeAll(async () => {
    if (!existsSync(join(dist, 'index.js'))) throw new Error('dist/ is missing: run `npm run build` before this test.');
    rootEntry = await importEntry(join(dist, 'index.js'));
  });

  const entries = Object.entries(manifest.exports).flatMap(([entry, target]) =>
    typeof target === 'string' ? [] : [{ entry, target }],
  );
  const inOrder = (target: object): string => JSON.stringify(target);

  it.each(entries)('offers $entry as an ES module, to `require` as well, and in CommonJS', ({ target }) => {
    const cjs = (path: string): string => path.replace('./dist/', './dist/cjs/');
    const esm = { types: target.import.types, default: target.import.default };

    // Node uses the first matching condition, so the order matters.
    expect(inOrder(target)).toBe(
      inOrder({ 'module-sync': esm, import: esm, require: { types: cjs(esm.types), default: cjs(esm.default) } }),
    );
    expect(
      [target.import.types, target.import.default, target.require.types, target.require.default].filter(
        (path) => !existsSync(join(root, path)),
      ),
    ).toEqual([]);
  });

  it('names each entry for tools that do not know `exports`', () => {
    const declared = Object.fromEntries(
      entries.map(({ entry, target }) => [entry.replace(/^\.\/?/, ''), target.require]),
    );
    const { '': index, ...others } = declared;

    expect([manifest.main, manifest.types]).toEqual([index?.default, index?.types]);
    expect(manifest.typesVersions).toEqual({
      '*': Object.fromEntries(Object.entries(others).map(([name, { types }]) => [name, [types]])),
    });
  });

  it.each(entries)(
    'gives the same names, and in Node the very same objects, to `import` and to `require` of $entry',
    async ({ entry, target }) => {
      const { stdout } = await run(process.execPath, ['--input-type=module', '--eval', COMPARE], {
        cwd: root,
        env: { ...process.env, ENTRY: entry.replace('.', 'nestjs-cache-kit'), CJS: join(root, target.require.default) },
      });

      const { names, required, ofCommonJs } = JSON.parse(stdout) as {
        names: string[];
        required: boolean[];
        ofCommonJs: string[];
      };
      expect(names.length).toBeGreaterThan(0);
      expect(required).toEqual(names.map(() => true));
      expect(ofCommonJs).toEqual(names);
    },
  );

  it.each(entries)('has one set of declarations for $entry', ({ target }) => {
    expect(readFileSync(join(root, target.import.types), 'utf8')).toMatch(/^export \* from '\.{1,2}\/cjs\/\S+';\n$/);
  });

  it('contains no source maps without their sources', () => {
    const files = readdirSync(dist, { recursive: true, encoding: 'utf8' });

    expect(files.filter((file) => file.endsWith('.map'))).toEqual([]);
    expect(
      files.filter(
        (file) => file.endsWith('.js') && readFileSync(join(dist, file), 'utf8').includes('sourceMappingURL'),
      ),
    ).toEqual([]);
  });

  it('loads no optional peer with the CommonJS form of its root entry', async () => {
    const script = `
      require('reflect-metadata');
      require('./dist/cjs/index.js');
      for (const file of Object.keys(require.cache)) console.log(file);`;
    const { stdout } = await run(process.execPath, ['--eval', script], { cwd: root });
    const loaded = stdout.split('\n').map((file) => packageOf(relative(join(root, 'node_modules'), file)));

    expect(loaded).toContain('rxjs');
    expect(loaded.filter((name) => optionalPeers.has(name))).toEqual([]);
  });

  it('loads no optional peer with its root entry', () => {
    const { imported } = rootEntry;

    expect(imported).toContain('@nestjs/common');
    expect(imported.filter((specifier) => optionalPeers.has(packageOf(specifier)))).toEqual([]);
  });

  it('mentions no optional peer in the declarations of its root entry', () => {
    const mentioned = packagesInDeclarations(join(dist, 'index.d.ts'));

    expect(mentioned.map(({ name }) => name)).toContain('@nestjs/common');
    expect(mentioned.filter(({ name }) => optionalPeers.has(name))).toEqual([]);
  });

  it('exports these values', () => {
    expect(rootEntry.names.sort()).toEqual(rootValues);
  });

  it('exports these types', () => {
    expect(declaredTypes(join(dist, 'index.d.ts'), rootValues)).toEqual(rootTypes);
  });

  it('exports these values and types for tests', async () => {
    expect((await importEntry(join(dist, 'testing/index.js'))).names.sort()).toEqual(testingValues);
    expect(declaredTypes(join(dist, 'testing/index.d.ts'), testingValues)).toEqual(testingTypes);
  });

  it.each(integrations)('exports these values and types for $entry', async ({ entry, values, types }) => {
    expect((await importEntry(join(dist, `${entry}.js`))).names.sort()).toEqual(values);
    expect(declaredTypes(join(dist, `${entry}.d.ts`), values)).toEqual(types);
  });

  it('passes publint', async () => {
    const linted = run(process.execPath, [join(root, 'node_modules/publint/src/cli.js'), '--strict'], { cwd: root });

    await expect(linted).resolves.toMatchObject({ stdout: expect.stringContaining('All good!') });
  });
});
