/** Lint: the import arrows of ARCHITECTURE.md as rules, and what the compiler does not see. */
import { globSync } from 'node:fs'
import { basename } from 'node:path'
import tseslint from 'typescript-eslint'

/** Areas of the engine, lower ones first: an area may import those before it, never those after. */
const areas = [
  'protocol',
  'client',
  'host',
  'plan',
  'cgroups',
  'namespaces',
  'images',
  'registry',
  'layers',
  'network',
  'volumes',
  'containers',
  'server',
  'cli',
]

const unknown = globSync('helper/*/')
  .map((path) => basename(path))
  .filter((area) => !areas.includes(area))
if (unknown.length > 0) throw new Error(`helper/${unknown.join(', helper/')} is no area of eslint.config.ts`)

function forbid(patterns) {
  return { 'no-restricted-imports': ['error', { patterns }] }
}

const layering = areas.map((area, at) => ({
  files: [`helper/${area}/**/*.ts`],
  rules: forbid([
    { group: ['**/extension/**'], message: 'The helper knows nothing of the editor.' },
    {
      group: areas.slice(at + 1).flatMap((above) => [`../${above}/*`, `../${above}/**`]),
      message: `helper/${area} may import only areas below it.`,
    },
  ]),
}))

export default tseslint.config(
  {
    ignores: [
      'dist/',
      'native/build/',
      'node_modules/',
      'test/output/',
      'eslint.config.js',
      'test/support/reporter.cjs',
    ],
  },
  ...tseslint.configs.strictTypeChecked,
  {
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      'max-lines': ['error', 400],
      'no-console': 'error',
      eqeqeq: ['error', 'always', { null: 'ignore' }],
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/switch-exhaustiveness-check': ['error', { considerDefaultExhaustiveForUnions: true }],
      '@typescript-eslint/restrict-template-expressions': [
        'error',
        { allowNumber: true, allowBoolean: true, allowNullish: true },
      ],
      '@typescript-eslint/no-non-null-assertion': 'off',
      '@typescript-eslint/no-confusing-void-expression': 'off',
      '@typescript-eslint/no-unnecessary-condition': 'off',
      '@typescript-eslint/no-misused-promises': ['error', { checksVoidReturn: { inheritedMethods: false } }],
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_' }],
      '@typescript-eslint/prefer-promise-reject-errors': 'off',
      '@typescript-eslint/only-throw-error': 'off',
      '@typescript-eslint/unbound-method': 'off',
      '@typescript-eslint/no-invalid-void-type': 'off',
      // An interface's promise may be kept at once.
      '@typescript-eslint/require-await': 'off',
    },
  },
  ...layering,
  {
    files: ['helper/cli/**/*.ts'],
    rules: forbid([
      { group: ['**/extension/**'], message: 'The command line knows nothing of the editor.' },
      {
        group: [
          '../containers/*',
          '../images/*',
          '../cgroups/*',
          '../namespaces/*',
          '../layers/*',
          '../network/*',
          '../volumes/*',
          '../registry/*',
          '../server/*',
          '../plan/*',
        ],
        message: 'The command line is a client: protocol and client alone.',
      },
    ]),
  },
  {
    files: ['extension/**/*.ts'],
    rules: forbid([
      {
        group: ['**/helper/*', '!**/helper/protocol', '!**/helper/client'],
        message: 'The extension knows the helper by its protocol and client alone.',
      },
    ]),
  },
  {
    files: ['extension/webview/**/*.ts'],
    rules: forbid([
      {
        group: ['vscode', '../connection/*', '../commands/*', '../views/*'],
        message: 'A page runs in a browser: it gets messages.',
      },
      { group: ['**/helper/**/*Schemas.ts'], message: 'A page carries no schemas.' },
    ]),
  },
  {
    files: ['test/**/*.ts'],
    rules: {
      'no-console': 'off',
      '@typescript-eslint/no-floating-promises': 'off',
      '@typescript-eslint/no-unsafe-assignment': 'off',
      '@typescript-eslint/no-unsafe-member-access': 'off',
      '@typescript-eslint/no-unsafe-argument': 'off',
      '@typescript-eslint/no-unsafe-return': 'off',
      '@typescript-eslint/no-unsafe-call': 'off',
      '@typescript-eslint/use-unknown-in-catch-callback-variable': 'off',
    },
  },
)
