/**
 * The layer check: imports go one way. A folder of src/ may import itself and the folders its line
 * names; anything else is an error. The order is the one of docs/architecture.md.
 *
 *   common <- io <- page <- log <- buffer <- recovery <- txn <- space <- btree <- database <- index, cli, scenario
 *   lock stands beside: it may import common and io (for the runtime port), and txn may import it.
 *   inspect is above database: how to look at what is open; the cli uses it, and so does the explorer.
 *   testing is on top: it may import common, io and the public index, and nothing imports it.
 */
const STACK = ['common', 'io', 'page', 'log', 'buffer', 'recovery', 'txn', 'space', 'btree', 'database']
const LOCK_USERS_FROM = STACK.indexOf('txn')

/** Folders that `folder` may import, itself included. */
const allowed = new Map([
  ...STACK.map((folder, level) => [
    folder,
    [...STACK.slice(0, level + 1), ...(level >= LOCK_USERS_FROM ? ['lock'] : [])],
  ]),
  ['lock', ['common', 'io', 'lock']],
  ['inspect', [...STACK, 'lock', 'inspect']],
  ['testing', ['common', 'io', 'testing', 'index.ts']],
])

const oneWay = [...allowed].map(([folder, targets]) => ({
  name: `layer-${folder}`,
  comment: `src/${folder} may import only ${targets.join(', ')}`,
  severity: 'error',
  from: { path: `^src/${folder}/` },
  to: {
    path: '^src/',
    pathNot: targets.map((target) => (target === 'index.ts' ? '^src/index\\.ts$' : `^src/${target}/`)),
  },
}))

module.exports = {
  forbidden: [
    ...oneWay,
    {
      name: 'known-folders',
      comment: 'a new folder under src/ needs its line in test/layers.cjs',
      severity: 'error',
      from: {},
      to: { path: '^src/[^/]+/', pathNot: [...allowed.keys(), 'cli', 'scenario'].map((folder) => `^src/${folder}/`) },
    },
    {
      name: 'nothing-above-imports-cli-or-scenario',
      comment: 'the program, the scenario replay, the kit for tests and the public index are leaves',
      severity: 'error',
      from: { path: '^src/', pathNot: ['^src/cli/', '^src/scenario/', '^src/testing/'] },
      to: { path: ['^src/cli/', '^src/scenario/', '^src/testing/', '^src/index\\.ts$'] },
    },
    {
      name: 'no-circular',
      comment: 'a cycle has no reading order',
      severity: 'error',
      from: {},
      to: { circular: true },
    },
    {
      name: 'node-only-at-the-edge',
      comment: 'the engine reaches the host through the ports of src/io',
      severity: 'error',
      from: { path: ['^src/', '^docs/explorer/src/'], pathNot: ['^src/io/', '^src/cli/', '^src/scenario/main\\.ts$'] },
      to: { dependencyTypes: ['core'] },
    },
    {
      name: 'the-explorer-runs-in-a-browser',
      comment: 'nothing that the explorer reaches, over however many imports, is of Node',
      severity: 'error',
      from: { path: '^docs/explorer/src/session/' },
      to: { reachable: true, path: ['^src/cli/', '^src/io/node-', '^src/io/process-lock', '^src/scenario/main'] },
    },
    {
      name: 'one-run-time-dependency',
      comment:
        'the library depends on crc-32 alone, and only the checksum uses it; the arbitraries stand on fast-check',
      severity: 'error',
      from: {
        path: '^src/',
        pathNot: ['^src/cli/', '^src/common/checksum\\.ts$', '^src/testing/(arbitraries|commands)\\.ts$'],
      },
      to: { path: 'node_modules' },
    },
    {
      name: 'no-unresolvable',
      comment: 'an import that resolves to nothing',
      severity: 'error',
      from: {},
      to: { couldNotResolve: true },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['import', 'types', 'node', 'default'] },
  },
}
