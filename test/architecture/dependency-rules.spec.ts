import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { afterEach, describe, expect, it, jest } from '@jest/globals';
import { cruise, type ICruiseResult, type IForbiddenRuleType } from 'dependency-cruiser';

jest.setTimeout(30_000);

const root = resolve(import.meta.dirname, '../..');
const config = createRequire(import.meta.url)('../../.dependency-cruiser.cjs') as {
  forbidden: (IForbiddenRuleType & { name: string })[];
  options: object & { enhancedResolveOptions: object };
};

/** Contents by file. */
type Tree = Record<string, string>;

/** A small copy of the kit that follows every rule: the same folders, with one file in each. */
const cleanTree: Tree = {
  'src/index.ts': "export * from './cache-kit.module.js';",
  'src/cache-kit.module.ts': [
    "import './adapters/memory/memory.adapter.js';",
    "import './adapters/redis/redis.adapter.js';",
    "import './adapters/file/file.adapter.js';",
    "import './adapters/bullmq/bullmq-queue.js';",
    "import './nest/http/cache.interceptor.js';",
    "import './nest/decorators/cached.decorator.js';",
    "import './nest/admin/cache-admin.controller.js';",
    "import '@nestjs/common';",
  ].join('\n'),
  'src/config.ts': "import '@nestjs/config';",
  'src/cli.ts': "import './cli/program.js';",
  'src/cli/program.ts': "import 'commander';\nimport '../index.js';",
  'src/core/cache.service.ts': "import 'node:crypto';\nimport 'rxjs';\nimport type { Clock } from './clock.js';",
  'src/core/clock.ts': 'export interface Clock { nowMs(): number }',
  'src/adapters/memory/memory.adapter.ts': "import '../../core/clock.js';\nimport './ring.js';",
  'src/adapters/memory/ring.ts': 'export const ring = 1;',
  'src/adapters/memory/ring.spec.ts':
    "import '@jest/globals';\nimport '../redis/redis.adapter.js';\nimport '../../testing/index.js';",
  'src/adapters/redis/redis.adapter.ts': "import 'ioredis';\nimport '../../core/clock.js';",
  'src/adapters/bullmq/bullmq-queue.ts': "import 'bullmq';\nimport 'ioredis';\nimport '../../core/clock.js';",
  'src/adapters/file/file.adapter.ts': "import 'lmdb';\nimport '../../core/clock.js';",
  'src/nest/http/cache.interceptor.ts': "import '@nestjs/common';\nimport '../../core/cache.service.js';",
  'src/nest/decorators/cached.decorator.ts': "import '../../core/cache.service.js';",
  'src/nest/admin/cache-admin.controller.ts': "import '../../core/cache.service.js';",
  'src/nest/admin/page/view/main.ts': "import '../model/format.js';",
  'src/nest/admin/page/model/format.ts': 'export const whole = 1;',
  'src/drizzle.ts': "export * from './integrations/drizzle/drizzle-cache.js';",
  'src/typeorm.ts': "export * from './integrations/typeorm/typeorm-cache.js';",
  'src/integrations/drizzle/drizzle-cache.ts': "import '../queries/query-cache.js';",
  'src/integrations/typeorm/typeorm-cache.ts': "import '../queries/query-cache.js';",
  'src/integrations/queries/query-cache.ts': "import '../../core/cache.service.js';",
  'src/testing/index.ts': "import '../core/clock.js';",
  'test/e2e/app.ts': "import '../../src/index.js';",
  'sample-app/src/main.ts': "import 'nestjs-cache-kit';",
  'dist/index.js': 'export {};',
  'dist/core/clock.js': 'export {};',
  'package.json': JSON.stringify({
    name: 'nestjs-cache-kit',
    type: 'module',
    exports: { '.': './dist/index.js' },
    peerDependencies: { '@nestjs/common': '*', '@nestjs/config': '*', bullmq: '*', ioredis: '*', lmdb: '*', rxjs: '*' },
    devDependencies: { '@jest/globals': '*', '@nestjs/common': '*', commander: '*' },
  }),
};
const packages = [
  '@nestjs/common',
  '@nestjs/config',
  '@jest/globals',
  'bullmq',
  'commander',
  'ioredis',
  'lmdb',
  'rxjs',
];

const floorsOf = createRequire(import.meta.url)('./rooms.cjs') as Record<string, string[][]>;

/** For each room: imports of a file above all rooms, of a neighbour, and of each room on a floor above. */
const roomViolations = Object.fromEntries(
  Object.entries(floorsOf).flatMap(([folder, floors]) =>
    floors.flatMap((floor, height) =>
      floor.map(
        (room) =>
          [`${folder}/${room}-looks-down`, violationsOf(folder, room, floors.slice(0, height + 1).flat())] as const,
      ),
    ),
  ),
);

function violationsOf(folder: string, room: string, above: string[]): Tree[] {
  const others = above.filter((other) => other !== room).map((other) => `${other}/plan`);
  return ['plan', ...others].map((path) => ({
    'src/cache-kit.module.ts': `import './${folder}/${room}/work.js';`,
    [`src/${folder}/${room}/work.ts`]: `import '../${path}.js';`,
    [`src/${folder}/${path}.ts`]: 'export {};',
  }));
}

/** Files that break a rule when they are added to the clean tree; several for a rule that forbids several things. */
const violations: Record<string, Tree[]> = {
  ...roomViolations,
  'no-cycles': [
    { 'src/core/clock.ts': "import './cache.service.js';" },
    { 'src/core/clock.ts': "import type { CacheService } from './cache.service.js';" },
    { 'src/core/clock.ts': "export type Service = import('./cache.service.js').CacheService;" },
  ],
  'no-orphans': [
    { 'src/core/forgotten.ts': 'export const forgotten = 1;' },
    { 'src/core/forgotten.ts': "import './clock.js';", 'src/core/forgotten.spec.ts': "import './forgotten.js';" },
  ],
  'page-has-no-orphans': [{ 'src/nest/admin/page/model/forgotten.ts': 'export const forgotten = 1;' }],
  'page-imports-only-itself': [
    { 'src/nest/admin/page/view/main.ts': "import 'node:crypto';" },
    { 'src/nest/admin/page/model/format.ts': "import type { Clock } from '../../../../core/clock.js';" },
  ],
  'page-model-knows-no-view': [
    {
      'src/nest/admin/page/view/main.ts': "import '../model/plot.js';\nimport './dom.js';",
      'src/nest/admin/page/model/plot.ts': "import '../view/dom.js';",
      'src/nest/admin/page/view/dom.ts': 'export const dom = 1;',
    },
  ],
  'page-is-inlined': [{ 'src/nest/admin/cache-admin.controller.ts': "import './page/model/format.js';" }],
  'core-imports-only-core': [
    { 'src/core/clock.ts': "import '@nestjs/common';" },
    { 'src/core/clock.ts': "import '@nestjs/config';" },
    { 'src/core/clock.ts': "import '@jest/globals';" },
    { 'src/core/clock.ts': "import type { Redis } from 'ioredis';" },
    { 'src/core/clock.ts': "import type { Ring } from '../adapters/memory/ring.js';" },
    {
      'src/core/clock.ts': "import type { RedisOptions } from '../adapters/redis/options/redis-options.js';",
      'src/adapters/redis/options/redis-options.ts': 'export interface RedisOptions { url: string }',
    },
  ],
  'adapter-imports-core-and-itself': [
    { 'src/adapters/memory/ring.ts': "import '@nestjs/common';" },
    { 'src/adapters/redis/redis.adapter.ts': "import '../memory/ring.js';" },
    {
      'src/adapters/memory/ring.ts': "import type { Policy } from '../../nest/http/policy.js';",
      'src/nest/http/policy.ts': '',
    },
  ],
  'ioredis-only-in-redis-adapter': [
    { 'src/adapters/memory/ring.ts': "import type { Redis } from 'ioredis';" },
    { 'src/nest/http/cache.interceptor.ts': "await import('ioredis');" },
  ],
  'bullmq-only-in-bullmq-adapter': [
    { 'src/adapters/redis/redis.adapter.ts': "import type { Job } from 'bullmq';" },
    { 'src/cache-kit.module.ts': "await import('bullmq');" },
  ],
  'lmdb-only-in-file-adapter': [
    { 'src/adapters/redis/redis.adapter.ts': "import type { Database } from 'lmdb';" },
    { 'src/cache-kit.module.ts': "await import('lmdb');" },
  ],
  'nest-config-only-in-config-entry': [
    { 'src/cache-kit.module.ts': "import type { ConfigType } from '@nestjs/config';" },
  ],
  'drizzle-only-in-its-integration': [
    { 'src/cache-kit.module.ts': "import 'drizzle-orm';" },
    { 'src/integrations/typeorm/typeorm-cache.ts': "import type { Cache } from 'drizzle-orm/cache/core';" },
  ],
  'typeorm-only-in-its-integration': [
    { 'src/cache-kit.module.ts': "import 'typeorm';" },
    { 'src/integrations/drizzle/drizzle-cache.ts': "import type { DataSource } from 'typeorm';" },
  ],
  'mikro-orm-only-in-its-integration': [
    { 'src/cache-kit.module.ts': "import '@mikro-orm/core';" },
    { 'src/integrations/drizzle/drizzle-cache.ts': "import type { EntityManager } from '@mikro-orm/core';" },
  ],
  'prisma-only-in-its-integration': [
    { 'src/cache-kit.module.ts': "import type { PrismaPromise } from '@prisma/client/runtime/client';" },
    { 'src/integrations/drizzle/drizzle-cache.ts': "await import('@prisma/client');" },
  ],
  'prom-client-only-in-its-integration': [
    { 'src/cache-kit.module.ts': "import type { Registry } from 'prom-client';" },
    { 'src/integrations/drizzle/drizzle-cache.ts': "await import('prom-client');" },
  ],
  'integration-imports-core-and-itself': [
    { 'src/integrations/drizzle/drizzle-cache.ts': "import '../../nest/http/cache.interceptor.js';" },
    { 'src/integrations/drizzle/drizzle-cache.ts': "import '../typeorm/typeorm-cache.js';" },
  ],
  'queries-know-no-orm': [
    {
      'src/integrations/drizzle/drizzle-cache.ts': "import '../queries/table-tags.js';",
      'src/integrations/queries/table-tags.ts': "import '../typeorm/typeorm-cache.js';",
    },
    { 'src/integrations/queries/query-cache.ts': "import 'rxjs';" },
  ],
  'only-entries-import-integrations': [
    { 'src/cache-kit.module.ts': "import './integrations/drizzle/drizzle-cache.js';" },
  ],
  'command-line-uses-public-names': [
    { 'src/cli/program.ts': "import '../core/cache.service.js';" },
    { 'src/cli.ts': "import './core/clock.js';" },
  ],
  'bundled-packages-only-in-command-line': [{ 'src/cache-kit.module.ts': "import 'commander';" }],
  'nobody-imports-command-line': [
    { 'src/config.ts': "import './cli/secrets.js';", 'src/cli/secrets.ts': 'export {};' },
  ],
  'only-composition-root-imports-adapters': [
    { 'src/nest/http/cache.interceptor.ts': "import '../../adapters/memory/ring.js';" },
    { 'src/index.ts': "export type { Ring } from './adapters/memory/ring.js';" },
  ],
  'nest-features-stay-apart': [
    { 'src/nest/http/cache.interceptor.ts': "import '../decorators/cached.decorator.js';" },
    { 'src/nest/admin/cache-admin.controller.ts': "import '../http/cache.interceptor.js';" },
    { 'src/nest/decorators/cached.decorator.ts': "import type { Stats } from '../admin/cache-admin.controller.js';" },
  ],
  'production-never-imports-testing': [
    { 'src/cache-kit.module.ts': "import './testing/index.js';" },
    { 'src/adapters/memory/ring.ts': "import '../../testing/index.js';" },
    { 'src/cache-kit.module.ts': "import '../test/e2e/fixture.js';", 'test/e2e/fixture.ts': '' },
    { 'src/nest/http/cache.interceptor.ts': "import './bodies.fixture.js';", 'src/nest/http/bodies.fixture.ts': '' },
  ],
  'declared-dependencies-only': [
    { 'src/cache-kit.module.ts': "import '@jest/globals';" },
    { 'src/testing/index.ts': "import 'never-declared';", 'node_modules/never-declared/index.js': '' },
  ],
  'sample-app-sees-only-public-entries': [
    { 'sample-app/src/main.ts': "import '../../src/index.js';" },
    { 'sample-app/src/main.ts': "import '../../dist/core/clock.js';" },
  ],
};
const planted = Object.entries(violations).flatMap(([rule, trees]) => trees.map((tree) => ({ rule, tree })));

const made: string[] = [];

function plant(extra: Tree): string {
  const directory = mkdtempSync(join(tmpdir(), 'cache-kit-rules-'));
  made.push(directory);
  const stubs = packages.map((name) => [`node_modules/${name}/index.js`, ''] as const);
  const files: Tree = { ...cleanTree, ...Object.fromEntries(stubs) };
  for (const [path, line] of Object.entries(extra)) files[path] = `${files[path] ?? ''}\n${line}`;
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(directory, path)), { recursive: true });
    writeFileSync(join(directory, path), text);
  }
  symlinkSync(directory, join(directory, 'node_modules/nestjs-cache-kit'));
  return directory;
}

async function brokenRules(baseDir: string, folders: string[]): Promise<string[]> {
  const { enhancedResolveOptions, ...options } = config.options;
  const ruleSet = { forbidden: config.forbidden };
  const answer = await cruise(folders, { ...options, ruleSet, validate: true, baseDir }, enhancedResolveOptions);
  const { violations: found } = (answer.output as ICruiseResult).summary;
  return found.map(({ rule, from, to }) => `${rule.name}: ${from} -> ${to}`);
}

const ruleOf = (broken: string): string => broken.slice(0, broken.indexOf(':'));

describe('the dependency rules', () => {
  afterEach(() => {
    for (const directory of made.splice(0)) rmSync(directory, { recursive: true });
  });

  it('hold in the project', async () => {
    expect(await brokenRules(root, ['src', 'sample-app/src'])).toEqual([]);
  });

  it('hold in the clean tree in which violations are planted', async () => {
    expect(await brokenRules(plant({}), ['src', 'sample-app'])).toEqual([]);
  });

  it('each have a planted violation', () => {
    expect(Object.keys(violations).sort()).toEqual(config.forbidden.map((rule) => rule.name).sort());
  });

  it('are errors, all of them', () => {
    expect(config.forbidden.filter((rule) => rule.severity !== 'error')).toEqual([]);
  });

  it.each(planted)('$rule catches $tree', async ({ rule, tree }) => {
    const broken = await brokenRules(plant(tree), ['src', 'sample-app']);

    expect([...new Set(broken.map(ruleOf))]).toEqual([rule]);
  });
});
