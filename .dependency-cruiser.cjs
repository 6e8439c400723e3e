// The dependency rules of the project. Each is proved by test/architecture/dependency-rules.spec.ts with a planted
// violation: a rule without one fails that test.

// The files behind `exports` in package.json.
const entries = '(index|bullmq|cli|config|drizzle|file|mikro-orm|prisma|prometheus|redis|typeorm|testing/index)';
const entrySource = `^src/${entries}\\.ts$`;
const entryOutput = `^dist/${entries}\\.(js|d\\.ts)$`;

const spec = '\\.(spec|fixture)\\.ts$';
const compositionRoot = '^src/(cache-kit\\.module|store\\.options|create-cache|bullmq|file|redis)\\.ts$';
/** The sources of the dashboard, which scripts/inline-page.mjs makes page.generated.ts of. */
const page = '^src/nest/admin/page/';
const npm = (name) => `(^|node_modules/)${name}(/|$)`;

/** Packages inside the command line, see scripts/build.mjs. */
const bundled = ['commander', 'cli-table3', 'cli-progress'].map(npm);

const floorsOf = require('./test/architecture/rooms.cjs');

/** One rule for each room: it knows the rooms below it, and neither its neighbours nor what is above. */
const rooms = Object.entries(floorsOf).flatMap(([folder, floors]) =>
  floors.flatMap((floor, height) =>
    floor.map((room) => ({
      name: `${folder}/${room}-looks-down`,
      comment: 'A room that knows what is above it cannot be read, or changed, without that.',
      from: { path: `^src/${folder}/${room}/`, pathNot: spec },
      to: {
        path: [
          `^src/${folder}/[^/]+$`,
          ...floors
            .slice(0, height + 1)
            .flat()
            .map((other) => `^src/${folder}/${other}/`),
        ],
        pathNot: `^src/${folder}/${room}/`,
      },
    })),
  ),
);

/** @type {import('dependency-cruiser').IForbiddenRuleType[]} */
const forbidden = [
  ...rooms,
  {
    name: 'no-cycles',
    comment: 'Two files that need each other are one idea cut in two; type imports count.',
    from: {},
    to: { circular: true },
  },
  {
    name: 'no-orphans',
    comment: 'What no public entry leads to is dead, or belongs under test/.',
    from: { path: entrySource },
    to: { path: '^src/', pathNot: [spec, entrySource, '\\.d\\.ts$', page], reachable: false },
  },
  {
    name: 'page-has-no-orphans',
    comment: 'What the script of the page does not lead to is dead.',
    from: { path: '^src/nest/admin/page/view/main\\.ts$' },
    to: { path: page, pathNot: [spec, '/main\\.ts$'], reachable: false },
  },
  {
    name: 'page-imports-only-itself',
    comment: 'It runs in browsers: neither Node, nor Nest, nor the kit is there.',
    from: { path: page, pathNot: spec },
    to: { pathNot: page },
  },
  {
    name: 'page-model-knows-no-view',
    comment: 'The pure parts of the page are tested without a browser.',
    from: { path: '^src/nest/admin/page/model/', pathNot: spec },
    to: { path: '^src/nest/admin/page/view/' },
  },
  {
    name: 'page-is-inlined',
    comment: 'The kit sends page.generated.ts; the sources of the page are not in the package.',
    from: { path: '^src/', pathNot: [spec, page] },
    to: { path: page },
  },
  {
    name: 'core-imports-only-core',
    comment: 'The kit stands without Nest and without a backend: core, rxjs and Node built-ins.',
    from: { path: '^src/core/', pathNot: spec },
    to: { pathNot: ['^src/core/', npm('rxjs')], dependencyTypesNot: ['core'] },
  },
  {
    name: 'adapter-imports-core-and-itself',
    comment: 'An adapter is replaceable: it knows its port, never Nest, never a sibling.',
    from: { path: '^src/adapters/([^/]+)', pathNot: spec },
    to: {
      pathNot: ['^src/core/', '^src/adapters/$1(/|$)', '^src/testing/', npm('bullmq'), npm('ioredis'), npm('lmdb')],
      dependencyTypesNot: ['core'],
    },
  },
  {
    name: 'ioredis-only-in-redis-adapter',
    comment: 'ioredis is an optional peer: only who asks for Redis may load it.',
    from: { path: '^src/', pathNot: [spec, '^src/core/', '^src/adapters/(bullmq|redis)/'] },
    to: { path: npm('ioredis') },
  },
  {
    name: 'bullmq-only-in-bullmq-adapter',
    comment: 'bullmq is an optional peer: only durable write-behind may load it.',
    from: { path: '^src/', pathNot: [spec, '^src/core/', '^src/adapters/bullmq/'] },
    to: { path: npm('bullmq') },
  },
  {
    name: 'lmdb-only-in-file-adapter',
    comment: 'lmdb is an optional peer: only the file backend may load it.',
    from: { path: '^src/', pathNot: [spec, '^src/core/', '^src/adapters/file/'] },
    to: { path: npm('lmdb') },
  },
  {
    name: 'nest-config-only-in-config-entry',
    comment: '@nestjs/config is an optional peer, loaded by `nestjs-cache-kit/config` alone.',
    from: { path: '^src/', pathNot: [spec, '^src/(core|adapters)/', '^src/config\\.ts$'] },
    to: { path: npm('@nestjs/config') },
  },
  {
    name: 'integration-imports-core-and-itself',
    comment: 'An integration works with any cache: it knows the core, its own library, and what all ORMs share.',
    from: { path: '^src/integrations/([^/]+)', pathNot: [spec, '^src/integrations/queries/'] },
    to: {
      path: '^src/',
      pathNot: ['^src/core/', '^src/integrations/$1(/|$)', '^src/integrations/queries/'],
    },
  },
  {
    name: 'queries-know-no-orm',
    comment: 'What all ORMs share knows none of them.',
    from: { path: '^src/integrations/queries/', pathNot: spec },
    to: { pathNot: ['^src/core/', '^src/integrations/queries/'], dependencyTypesNot: ['core'] },
  },
  {
    name: 'only-entries-import-integrations',
    comment: 'Each integration is an entry of its own: nobody else loads its library.',
    from: {
      path: '^src/',
      pathNot: [spec, '^src/integrations/', '^src/(drizzle|typeorm|mikro-orm|prisma|prometheus)\\.ts$'],
    },
    to: { path: '^src/integrations/', pathNot: '^src/integrations/queries/' },
  },
  {
    name: 'drizzle-only-in-its-integration',
    comment: 'drizzle-orm is an optional peer, loaded by `nestjs-cache-kit/drizzle` alone.',
    from: { path: '^src/', pathNot: [spec, '^src/(core|adapters)/', '^src/integrations/(drizzle|queries)/'] },
    to: { path: npm('drizzle-orm') },
  },
  {
    name: 'mikro-orm-only-in-its-integration',
    comment: '@mikro-orm/core is an optional peer, loaded by `nestjs-cache-kit/mikro-orm` alone.',
    from: { path: '^src/', pathNot: [spec, '^src/(core|adapters)/', '^src/integrations/(mikro-orm|queries)/'] },
    to: { path: npm('@mikro-orm/core') },
  },
  {
    name: 'prisma-only-in-its-integration',
    comment: '@prisma/client is an optional peer, and even `nestjs-cache-kit/prisma` needs nothing but its types.',
    from: { path: '^src/', pathNot: [spec, '^src/(core|adapters)/', '^src/integrations/(prisma|queries)/'] },
    to: { path: npm('@prisma/client') },
  },
  {
    name: 'prom-client-only-in-its-integration',
    comment: 'prom-client is an optional peer, loaded by `nestjs-cache-kit/prometheus` alone.',
    from: { path: '^src/', pathNot: [spec, '^src/(core|adapters)/', '^src/integrations/(prometheus|queries)/'] },
    to: { path: npm('prom-client') },
  },
  {
    name: 'typeorm-only-in-its-integration',
    comment: 'typeorm is an optional peer, loaded by `nestjs-cache-kit/typeorm` alone.',
    from: { path: '^src/', pathNot: [spec, '^src/(core|adapters)/', '^src/integrations/(typeorm|queries)/'] },
    to: { path: npm('typeorm') },
  },
  {
    name: 'command-line-uses-public-names',
    comment: 'The command line is one more user of a cache: it has no way into it of its own.',
    from: { path: '^src/cli[./]', pathNot: spec },
    to: {
      path: '^src/',
      pathNot: ['^src/cli/', '^src/index\\.ts$', '^src/core/vocabulary/show\\.ts$', '^src/nest/admin/entry-view\\.ts$'],
    },
  },
  {
    name: 'bundled-packages-only-in-command-line',
    comment: 'The build bundles these packages into the command line alone; elsewhere nobody would have them.',
    from: { path: '^src/', pathNot: [spec, '^src/(core|adapters)/', '^src/cli/'] },
    to: { path: bundled },
  },
  {
    name: 'nobody-imports-command-line',
    comment: 'The command line is a program, not a part of the kit.',
    from: { path: '^src/', pathNot: [spec, '^src/(core|adapters|integrations)/', '^src/cli[./]'] },
    to: { path: '^src/cli[./]' },
  },
  {
    name: 'only-composition-root-imports-adapters',
    comment: 'Which backend runs is decided in one place, from the options.',
    from: { path: '^src/', pathNot: [spec, '^src/(core|adapters)/', compositionRoot] },
    to: { path: '^src/adapters/' },
  },
  {
    name: 'nest-features-stay-apart',
    comment: 'Decorators, routes and the stats controller meet in the module, not in each other.',
    from: { path: '^src/nest/(http|decorators|admin)/', pathNot: spec },
    to: { path: '^src/nest/(http|decorators|admin)/', pathNot: '^src/nest/$1/' },
  },
  {
    name: 'production-never-imports-testing',
    comment: 'What is shipped for tests, and the tests themselves, stay out of running applications.',
    from: { path: '^src/', pathNot: [spec, '^src/testing/'] },
    to: { path: ['^src/testing/', '^(test|bench|sample-app)/', spec] },
  },
  {
    name: 'declared-dependencies-only',
    comment: 'A package that users do not get with the kit, or were not asked to install, breaks at their start-up.',
    from: { path: '^src/', pathNot: [spec, '^src/(core|adapters)/'] },
    to: {
      pathNot: [npm('ioredis'), npm('lmdb'), ...bundled],
      dependencyTypes: ['npm-dev', 'npm-no-pkg', 'npm-unknown'],
      dependencyTypesNot: ['npm', 'npm-peer'],
    },
  },
  {
    name: 'sample-app-sees-only-public-entries',
    comment: 'The shop shows what users can do: it imports the kit by its package name.',
    from: { path: '^sample-app/' },
    to: { path: '^(src|dist|test|bench)/', pathNot: entryOutput },
  },
];

/** @type {import('dependency-cruiser').IConfiguration} */
module.exports = {
  forbidden: forbidden.map((rule) => ({ severity: 'error', ...rule })),
  options: {
    tsPreCompilationDeps: true,
    doNotFollow: { path: '(^|/)(node_modules|dist)/' },
    exclude: { path: '^test/packed/fixture/' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'types', 'default'],
      extensions: ['.ts', '.js', '.mjs', '.cjs', '.d.ts', '.json'],
    },
  },
};
