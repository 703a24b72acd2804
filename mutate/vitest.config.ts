import { defineConfig } from 'vitest/config'
import { ROOMS } from './rooms.ts'

/** The tests that cover the room `MUTATE_ROOM`, on SQLite. */
const tests = ROOMS[process.env.MUTATE_ROOM ?? ''] ?? []

export default defineConfig({
  test: {
    testTimeout: 20_000,
    include: tests.map((name) => `test/${name}.test.ts`),
  },
  ssr: {
    resolve: { conditions: ['module-sync', 'node'], externalConditions: ['module-sync', 'node'] },
  },
})
