import eslint from '@eslint/js';
import { defineConfig } from 'eslint/config';
import tseslint from 'typescript-eslint';

const typescriptFiles = ['src/**/*.ts', 'test/**/*.ts', 'bench/**/*.ts', 'sample-app/**/*.ts'];
const testFiles = ['**/*.spec.ts', '**/*.fixture.ts', 'test/**/*.ts', 'sample-app/test/**/*.ts', 'src/testing/**/*.ts'];

const noExportStar = {
  selector: 'ExportAllDeclaration',
  message: 'Name what is exported: a star hides what the public surface is.',
};
const noInheritance = {
  selector: 'ClassDeclaration[superClass]:not([superClass.name=/Error$/])',
  message: 'Compose instead: only errors, and what Nest asks for, inherit.',
};
const noPrivateKeyword = ['TSParameterProperty', 'PropertyDefinition', 'MethodDefinition[kind!="constructor"]'].map(
  (member) => ({
    selector: `${member}[accessibility="private"]`,
    message: 'Write `#name`: private state has one form, which holds at run time, too.',
  }),
);
const clocks = ['Date', 'performance'].map((object) => ({
  object,
  property: 'now',
  message: 'Ask the clock of ports/clock.port.ts.',
}));
const nodeGlobals = [...Object.getOwnPropertyNames(globalThis), 'module', 'require'];

export default defineConfig(
  {
    ignores: [
      '**/dist/',
      '**/node_modules/',
      'coverage/',
      '**/.tmp*/',
      'test/packed/fixture/',
      'test/integrations/prisma/real/',
      'src/nest/admin/page.generated.ts',
    ],
  },
  { linterOptions: { reportUnusedDisableDirectives: 'error' } },
  eslint.configs.recommended,
  {
    files: typescriptFiles,
    extends: [tseslint.configs.strictTypeChecked, tseslint.configs.stylisticTypeChecked],
    languageOptions: {
      parserOptions: {
        project: ['./tsconfig.lint.json', './src/nest/admin/page/tsconfig.json'],
        tsconfigRootDir: import.meta.dirname,
      },
    },
    rules: {
      eqeqeq: 'error',
      'no-warning-comments': ['error', { terms: ['todo', 'fixme', 'xxx', 'hack'] }],
      '@typescript-eslint/consistent-type-exports': 'error',
      '@typescript-eslint/consistent-type-imports': [
        'error',
        { fixStyle: 'inline-type-imports', disallowTypeAnnotations: false },
      ],
      '@typescript-eslint/switch-exhaustiveness-check': ['error', { considerDefaultExhaustiveForUnions: true }],
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', ignoreRestSiblings: true }],

      // Nest's modules and the targets of decorators are classes without members.
      '@typescript-eslint/no-extraneous-class': ['error', { allowWithDecorator: true }],
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true, allowBoolean: true }],
      '@typescript-eslint/no-confusing-void-expression': [
        'error',
        { ignoreArrowShorthand: true, ignoreVoidReturningFunctions: true },
      ],
      '@typescript-eslint/no-unnecessary-condition': [
        'error',
        { allowConstantLoopConditions: 'only-allowed-literals' },
      ],
      '@typescript-eslint/no-misused-spread': ['error', { allow: ['string'] }],
      // It asks for `!`, which the strict rules forbid: a cast names the type that is known to be there.
      '@typescript-eslint/non-nullable-type-assertion-style': 'off',
      '@typescript-eslint/dot-notation': ['error', { allowIndexSignaturePropertyAccess: true }],
      // Nest declares its options as classes and takes object literals.
      '@typescript-eslint/no-unsafe-class-instance-assignment': 'off',
      // What a factory throws goes to its callers unchanged, whatever it is.
      '@typescript-eslint/only-throw-error': ['error', { allowThrowingUnknown: true, allowThrowingAny: false }],
      '@typescript-eslint/prefer-promise-reject-errors': [
        'error',
        { allowThrowingUnknown: true, allowThrowingAny: false },
      ],
      // `async` without `await` turns a throw into a rejection, which is what a caller of a promise expects.
      '@typescript-eslint/require-await': 'off',
      // `get<T>(key)` lets the caller name the type of what it stored: T stands only in the answer.
      '@typescript-eslint/no-unnecessary-type-parameters': 'off',
    },
  },
  {
    files: ['src/**/*.ts'],
    rules: {
      'no-console': 'error',
      'no-restricted-syntax': ['error', noExportStar, ...noPrivateKeyword],
      complexity: ['error', 12],
      'max-depth': ['error', 3],
      'max-params': ['error', 5],
      'max-lines': ['error', 400],
      'max-lines-per-function': ['error', 60],
    },
  },
  {
    // The formatter breaks code; comments and texts are broken by hand.
    files: ['**/*.ts', '**/*.js', '**/*.mjs', '**/*.cjs'],
    rules: { 'max-len': ['error', { code: 120, ignoreUrls: true, ignoreRegExpLiterals: true }] },
  },
  {
    // Tables of tests are read by rows, and a title is one sentence.
    files: testFiles,
    rules: {
      'max-len': [
        'error',
        { code: 120, ignoreUrls: true, ignoreRegExpLiterals: true, ignoreStrings: true, ignoreTemplateLiterals: true },
      ],
    },
  },
  {
    files: ['src/**/*.ts'],
    ignores: ['src/core/system-clock.ts', 'src/nest/admin/page/view/**', ...testFiles],
    rules: {
      // Time is a port, or no test could hold it still.
      'no-restricted-globals': ['error', 'setTimeout', 'setInterval', 'setImmediate'],
      'no-restricted-properties': ['error', ...clocks],
    },
  },
  {
    files: ['src/core/**/*.ts', 'src/adapters/**/*.ts'],
    rules: { 'no-restricted-syntax': ['error', noExportStar, noInheritance, ...noPrivateKeyword] },
  },
  {
    files: testFiles,
    rules: {
      // A suite is one long function by nature, and a test hands over what it knows to be there.
      'max-lines-per-function': 'off',
      'max-lines': 'off',
      'no-restricted-syntax': 'off',
      '@typescript-eslint/unbound-method': 'off',
      '@typescript-eslint/no-non-null-assertion': 'off',
      '@typescript-eslint/no-extraneous-class': 'off',
      '@typescript-eslint/no-empty-function': 'off',
      '@typescript-eslint/class-methods-use-this': 'off',
      // Answers over HTTP and deliberately wrong input have no type.
      '@typescript-eslint/no-unsafe-assignment': 'off',
      '@typescript-eslint/no-unsafe-member-access': 'off',
    },
  },
  {
    files: ['**/*.js', '**/*.mjs', '**/*.cjs'],
    // Node's own names; the compiler knows those of TypeScript files.
    languageOptions: { globals: Object.fromEntries(nodeGlobals.map((name) => [name, 'readonly'])) },
  },
);
