import { expect, test } from 'vitest'
import { ConfigError, readConfig } from '../src/config.ts'

test('an empty environment gives the documented defaults', () => {
  expect(readConfig({})).toMatchObject({
    port: 4000,
    host: '127.0.0.1',
    upstreamUrl: undefined,
    sandboxPort: 4010,
    dataDir: '.data',
    corsOrigins: [],
    pace: { asset: { minMs: 2_000, maxMs: 15_000 }, videoTask: { minMs: 5_000, maxMs: 20_000 } },
    watchDeadlineMs: 3_600_000,
    pollMaxRps: 20,
    upstreamMaxConcurrency: 64,
    upstreamGetTimeoutMs: 10_000,
    upstreamPostTimeoutMs: 120_000,
    settledTtlMs: 300_000,
    logLevel: 'info',
  })
})

test('everything that is wrong is named at once, without repeating a value', () => {
  const read = () =>
    readConfig({
      PORT: 'eighty',
      UPSTREAM_URL: 'ftp://example.com',
      SECRET_KEY: 'c2hvcnQgc2VjcmV0',
      CORS_ORIGINS: 'https://app.example.com/path',
      ASSET_POLL_MIN_MS: '0',
    })

  expect(read).toThrow(ConfigError)
  expect(read).toThrow(/PORT: .*\n.*UPSTREAM_URL: .*\n.*SECRET_KEY: .*\n.*CORS_ORIGINS.*\n.*ASSET/)
  expect(read).not.toThrow(/c2hvcnQ|eighty/)
})

test('a first gap longer than the longest is refused', () => {
  const environment = { TASK_POLL_MIN_MS: '30000', TASK_POLL_MAX_MS: '20000' }

  expect(() => readConfig(environment)).toThrow(/TASK_POLL_MIN_MS: Longer than TASK_POLL_MAX_MS/)
})
