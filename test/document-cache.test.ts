import { pino } from 'pino'
import { expect, test } from 'vitest'
import { readConfig } from '../src/config.ts'
import { createGraphQLHandler } from '../src/execution/graphql-handler.ts'
import type { Services } from '../src/resolvers/context.ts'
import { createOperations } from '../src/telemetry/operation-observer.ts'
import { temporaryFolder } from './support/app.ts'
import { startProcess } from './support/process.ts'

/** The GraphQL handler without any services. Suits only documents that need none. */
function startHandler() {
  const { yoga } = createGraphQLHandler({
    services: {} as Services,
    authenticate: async () => null,
    log: pino({ level: 'silent' }),
    operations: createOperations([]),
    limits: readConfig({}).limits,
    publicSchema: true,
    persisted: null,
  })
  return {
    async post(query: string): Promise<void> {
      const response = await yoga.fetch('http://localhost/graphql', {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ query }),
      })
      await response.text()
    },
    /** Parses and validates, as a WebSocket operation does. */
    prepare(query: string): void {
      const { schema, parse, validate } = yoga.getEnveloped({} as never)
      validate(schema, parse(query))
    },
    /** Only a cached document gives the same syntax tree twice. */
    isKept(query: string): boolean {
      const { parse } = yoga.getEnveloped({} as never)
      const [first, second] = [parse(query), parse(query)]
      return first === second
    },
  }
}

test('a valid document is cached, over HTTP and over a WebSocket', async () => {
  const { post, prepare, isKept } = startHandler()

  await post('{ __typename }')
  prepare('{ a: __typename }')

  expect(isKept('{ __typename }')).toBe(true)
  expect(isKept('{ a: __typename }')).toBe(true)
  expect(isKept('{ __typename } ')).toBe(false)
})

test('an invalid document is not cached', async () => {
  const { post, isKept } = startHandler()

  await post('{ unknown }')

  expect(isKept('{ unknown }')).toBe(false)
})

test.for([
  ['16 KiB is cached', 'x', 16 * 1024, true],
  ['more than 16 KiB is not cached', 'x', 16 * 1024 + 1, false],
  ['more than 16 KiB in bytes, not in characters, is not cached', 'я', 16 * 1024 + 1, false],
] as const)('a document of %s', async ([, letter, bytes, kept]) => {
  const { post, isKept } = startHandler()
  const start = '{ __typename } #'
  const query = `${start}${letter.repeat((bytes - start.length) / Buffer.byteLength(letter))}`
  const padded = query.padEnd(query.length + bytes - Buffer.byteLength(query), '#')

  await post(padded)

  expect(Buffer.byteLength(padded)).toBe(bytes)
  expect(isKept(padded)).toBe(kept)
})

test('the least recently used document is evicted above 1,000 documents', async () => {
  const { prepare, isKept } = startHandler()
  const query = (index: number) => `{ a${index}: __typename }`

  for (let index = 0; index < 1_000; index += 1) prepare(query(index))
  prepare(query(0))
  prepare(query(1_000))

  expect([0, 1, 2, 1_000].map((index) => isKept(query(index)))).toEqual([true, false, true, true])
})

/** As many tokens as MAX_TOKENS allows. The text is below 16 KiB; parsed, it takes half a megabyte of memory. */
const IDS = '"" '.repeat(1_900)

test('a hundred documents of half a megabyte each are not all cached', async () => {
  const { prepare, isKept } = startHandler()
  const query = (index: number) => `{ nodes(ids: ["${index}" ${IDS}]) { id } }`

  for (let index = 0; index < 100; index += 1) prepare(query(index))

  expect([0, 99].map((index) => isKept(query(index)))).toEqual([false, true])
})

const REQUESTS = 1_500
const CONCURRENCY = 10
/** Padding that makes a document slightly smaller than MAX_BODY_BYTES. */
const PADDING = '#'.repeat(240_000)

test('1,500 different documents without credentials do not exhaust a heap of 384 MB', {
  timeout: 120_000,
}, async () => {
  const service = await startProcess({
    DATA_DIR: temporaryFolder(),
    UPSTREAM_URL: 'http://127.0.0.1:1',
    NODE_OPTIONS: '--max-old-space-size=384',
  })
  let sent = 0
  async function sendOneAfterAnother(): Promise<void> {
    while (sent < REQUESTS) {
      sent += 1
      const padding = sent % 3 === 0 ? PADDING : ''
      const query = `{ nodes(ids: ["${sent}" ${IDS}]) { id } } ${padding}`
      const response = await fetch(`${service.url}/graphql`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ query }),
      })
      expect(await response.json()).toHaveProperty('errors')
    }
  }

  await Promise.all(Array.from({ length: CONCURRENCY }, sendOneAfterAnother))

  expect((await fetch(`${service.url}/health`)).status).toBe(200)
})
