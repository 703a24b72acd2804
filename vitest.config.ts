import { defineConfig } from 'vitest/config'

/** What depends on the engine of the ledger; it is tested on both. */
const ON_BOTH_ENGINES = [
  'ledger',
  'ledger-list',
  'ledger-list-order',
  'ledger-observation',
  'ledger-poll-job',
  'ledger-upgrade',
  'ledger-claim',
  'ledger-budget',
  'ledger-idempotency-record',
  'ledger-times',
  'ledger-changes',
  'changes',
  'video-task-timeline',
  'tracking*',
  'polling-ended',
  'subscription',
  'list',
  'usage',
  'ready-estimate',
  'entity-failure',
  'create',
  'cancel-video-task',
  'create-video-from-urls',
  'idempotency',
  'waiting-task*',
  'feed-order',
]

/** What takes more than one process at a database, or a database that goes away. */
const ON_POSTGRES_ALONE = [
  'postgres-listener',
  'postgres-locks',
  'multiple-processes',
  'video-from-urls-crash',
  'postgres-outage',
  'create-outage',
  'changes-processes',
]

/** Measures how long a newcomer waits, so it runs alone, after all other tests. */
const QUICK_START = 'test/quick-start.test.ts'

const testFile = (name: string) => `test/${name}.test.ts`

export default defineConfig({
  test: {
    testTimeout: 20_000,
    // Most tests wait for sockets and timers, so three files at once are faster, also on two cores.
    maxWorkers: 3,
    coverage: { include: ['src/**'], reporter: ['text-summary'] },
    projects: [
      {
        extends: true,
        test: {
          name: 'sqlite',
          include: ['test/**/*.test.ts'],
          exclude: [...ON_POSTGRES_ALONE.map(testFile), QUICK_START],
        },
      },
      {
        extends: true,
        test: {
          name: 'postgres',
          include: [...ON_BOTH_ENGINES, ...ON_POSTGRES_ALONE].map(testFile),
          env: { TEST_ENGINE: 'postgres' },
          globalSetup: 'test/support/postgres-server.ts',
        },
      },
      {
        extends: true,
        test: { name: 'quick-start', include: [QUICK_START], sequence: { groupOrder: 1 } },
      },
    ],
  },
  // Vite would load the ES module of graphql, and Node.js the CommonJS module for Yoga: two copies, whose types differ.
  resolve: { alias: [{ find: /^graphql$/, replacement: import.meta.resolve('graphql') }] },
})
