import { execFile } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { promisify } from 'node:util';
import { beforeAll, describe, expect, it, jest } from '@jest/globals';
import ts from 'typescript';

// The compiler and a package manager start in here.
jest.setTimeout(60_000);

const run = promisify(execFile);
const root = resolve(import.meta.dirname, '../..');
const dist = join(root, 'dist');

interface Manifest {
  exports: Record<string, string | Record<string, string>>;
  peerDependenciesMeta?: Record<string, { optional?: boolean }>;
}
const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as Manifest;
const optionalPeers = new Set([
  ...Object.keys(manifest.peerDependenciesMeta ?? {}),
  ...['@nestjs/config', '@nestjs/platform-express', '@nestjs/platform-fastify', '@nestjs/terminus', '@opentelemetry/api'],
  ...['drizzle-orm', 'express', 'fastify', 'ioredis', 'prom-client', 'typeorm'],
]);
const packageOf = (specifier: string): string => specifier.split('/', specifier.startsWith('@') ? 2 : 1).join('/');

/** What users may import by value. A name leaves this list only with a major version. */
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
  'createCache',
  'createEntryCodec',
  'decodeEntry',
  'decodeValue',
  'encodeEntry',
  'encodeValue',
  'escapeGlob',
  'getCacheNamespaceToken',
  'getCacheToken',
  'urlTag',
];

/** What users may import as a type only. */
const rootTypes = [
  'AdapterUsage',
  'AdminOptions',
  'AnswerShape',
  'Awaitable',
  'Backend',
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
  'Clock',
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
  'GetOrSetOptions',
  'HttpCacheOptions',
  'HybridRedisOptions',
  'InvalidateOptions',
  'InvalidatePatternOptions',
  'InvalidateTagsOptions',
  'InvalidationSubject',
  'InvalidationTarget',
  'ListOptions',
  'LoadContext',
  'LoadGrant',
  'LoadOptions',
  'LoadOutcome',
  'LoadRequest',
  'LoadTicket',
  'ManyFactory',
  'MemoryOptions',
  'NamespaceDefaults',
  'NamespaceOption',
  'OpenEnvelope',
  'RedisAddress',
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
  'ValueValidator',
  'WarmOptions',
  'WarmProgress',
  'WarmReport',
  'WriteThroughOptions',
];

/** Imports an entry in a process of its own; tells its names and every specifier that the kit's own files imported. */
async function importEntry(file: string): Promise<{ names: string[]; imported: string[] }> {
  // Hooks live in a thread whose console is lost when the process ends: they write to the descriptor.
  const hooks = `import { writeSync } from 'node:fs';
  export async function resolve(specifier, context, next) {
    if (context.parentURL?.includes('/dist/') && !context.parentURL.includes('/node_modules/')) writeSync(1, 'import ' + specifier + '\\n');
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

/** Every package that the declarations of an entry mention, with the file that does. */
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

function declaredTypes(file: string): string[] {
  const program = ts.createProgram([file], { module: ts.ModuleKind.NodeNext, noLib: true, types: [] });
  const checker = program.getTypeChecker();
  const source = program.getSourceFile(file);
  const symbol = source && checker.getSymbolAtLocation(source);
  if (!symbol) throw new Error(`${file} is no module`);
  const declared = checker.getExportsOfModule(symbol).map((name) => {
    const target = name.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(name) : name;
    return { name: name.name, isType: (target.flags & ts.SymbolFlags.Value) === 0 };
  });
  return declared.filter(({ isType }) => isType).map(({ name }) => name);
}

describe('the built package', () => {
  let rootEntry: Awaited<ReturnType<typeof importEntry>>;

  beforeAll(async () => {
    if (!existsSync(join(dist, 'index.js'))) throw new Error('dist/ is missing: run `npm run build` before this test.');
    rootEntry = await importEntry(join(dist, 'index.js'));
  });

  const targets = Object.entries(manifest.exports).flatMap(([entry, target]) =>
    (typeof target === 'string' ? [target] : Object.values(target)).map((path) => ({ entry, path })),
  );
  it.each(targets)('has $path for the entry $entry', ({ path }) => {
    expect(existsSync(join(root, path))).toBe(true);
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
    expect(declaredTypes(join(dist, 'index.d.ts')).sort()).toEqual(rootTypes);
  });

  it('is found in order by publint', async () => {
    const linted = run(process.execPath, [join(root, 'node_modules/publint/src/cli.js'), '--strict'], { cwd: root });

    await expect(linted).resolves.toMatchObject({ stdout: expect.stringContaining('All good!') });
  });
});
