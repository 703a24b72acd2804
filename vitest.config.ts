import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    testTimeout: 20_000,
    coverage: { include: ['src/**'], reporter: ['text-summary'] },
  },
  // Without these conditions vitest loads a second copy of graphql beside the one Yoga uses.
  ssr: {
    resolve: { conditions: ['module-sync', 'node'], externalConditions: ['module-sync', 'node'] },
  },
})
