import { parse } from 'graphql'
import { createSchema, createYoga } from 'graphql-yoga'
import { expect, test } from 'vitest'
import type { Progress } from '../src/telemetry/operation.ts'
import { createOperations } from '../src/telemetry/operation-observer.ts'
import { type Data, KEY, startApp, type TestApp, until } from './support/app.ts'
import { scriptUpstream } from './support/upstream.ts'

const TENANT = expect.stringMatching(/^[0-9a-f]{12}$/)

test('an operation writes one log line with its type, name, tenant, duration and upstream calls', async () => {
  const upstream = await scriptUpstream()
  upstream.assets.set('Asset-1', { status: 'Active' })
  upstream.assets.set('Asset-2', { status: 'Active' })
  const app = await startApp({ UPSTREAM_URL: upstream.url })

  await app.query('query Two { a: asset(id: "Asset-1") { id } b: asset(id: "Asset-2") { id } }')

  expect(lines(app)).toEqual([
    expect.objectContaining({
      msg: 'operation',
      requestId: expect.stringMatching(/^[0-9a-f-]{36}$/),
      tenant: TENANT,
      type: 'query',
      name: 'Two',
      transport: 'http',
      durationMs: expect.any(Number),
      upstreamCalls: 2,
      errors: [],
    }),
  ])
})

test('every attempt counts as an upstream call, and each error code is logged once', async () => {
  const upstream = await scriptUpstream()
  upstream.intercept = () => ({ status: 503, body: 'no' })
  const app = await startApp({ UPSTREAM_URL: upstream.url })

  await app.query('{ a: asset(id: "Asset-1") { id } b: asset(id: "Asset-2") { id } }')

  expect(upstream.calls.length).toBeGreaterThan(1)
  expect(lines(app)).toEqual([
    expect.objectContaining({
      name: null,
      upstreamCalls: upstream.calls.length,
      errors: ['UPSTREAM_UNAVAILABLE'],
    }),
  ])
})

test('a read that timed out in the queue does not count as an upstream call', async () => {
  const upstream = await scriptUpstream()
  const gate = Promise.withResolvers<undefined>()
  upstream.intercept = () => gate.promise
  const app = await startApp({
    UPSTREAM_URL: upstream.url,
    UPSTREAM_MAX_CONCURRENCY: '2',
    UPSTREAM_GET_TIMEOUT_MS: '300',
  })

  await app.query('{ a: asset(id: "1") { id } b: asset(id: "2") { id } c: asset(id: "3") { id } }')
  gate.resolve(undefined)

  expect(upstream.calls).toHaveLength(2)
  expect(lines(app)).toEqual([expect.objectContaining({ upstreamCalls: 2 })])
  const metrics = await (await fetch(`${app.url}/metrics`)).text()
  expect(metrics).toMatch(
    /^zerograph_upstream_call_duration_seconds_count\{.*code="QUEUE_TIMEOUT".*\} 1$/m,
  )
})

test('a shared read counts for the operation that started it, even when request ids are equal', async () => {
  const upstream = await scriptUpstream()
  const gate = Promise.withResolvers<undefined>()
  upstream.intercept = () => gate.promise
  const app = await startApp({ UPSTREAM_URL: upstream.url })
  const asked = upstream.nextCall('GET /v1/assets/Asset-1')

  const first = post(app, 'query First { asset(id: "Asset-1") { id } }', { 'x-request-id': 'same' })
  await asked
  const other = upstream.nextCall('GET /v1/assets/Asset-2')
  const second = post(
    app,
    'query Second { a: asset(id: "Asset-1") { id } b: asset(id: "Asset-2") { id } c: asset(id: "Asset-3") { id } }',
    { 'x-request-id': 'same' },
  )
  await other
  gate.resolve(undefined)
  await Promise.all([first, second])

  const calls = lines(app).map(({ name, requestId, upstreamCalls }) => [
    name,
    requestId,
    upstreamCalls,
  ])
  expect(calls.sort()).toEqual([
    ['First', 'same', 1],
    ['Second', 'same', 2],
  ])
})

test('a subscription writes a line when it begins and one with its event count when it ends', async () => {
  const upstream = await scriptUpstream()
  upstream.assets.set('Asset-1', { status: 'Processing' })
  const app = await startApp({ UPSTREAM_URL: upstream.url })
  const subscriber = app.subscribe(
    'subscription Follow { assetStatusChanged(ids: ["Asset-1"]) { current asset { group { groupId } } } }',
  )

  await subscriber.next()
  upstream.assets.set('Asset-1', { status: 'Active' })
  await subscriber.rest()

  await until(() => lines(app).length === 2)
  const common = { tenant: TENANT, type: 'subscription', name: 'Follow', transport: 'websocket' }
  expect(lines(app)).toEqual([
    expect.objectContaining({ ...common, msg: 'subscription began', upstreamCalls: 1, errors: [] }),
    expect.objectContaining({
      ...common,
      msg: 'subscription ended',
      // One read of the asset at the start, and one of its group per event. Polls belong to no operation.
      upstreamCalls: 3,
      events: 2,
      errors: [],
    }),
  ])
  expect(upstream.calls.length).toBeGreaterThan(3)
})

test('a subscription is logged as ended when the subscriber leaves', async () => {
  const upstream = await scriptUpstream()
  upstream.assets.set('Asset-1', { status: 'Processing' })
  const app = await startApp({ UPSTREAM_URL: upstream.url })
  const subscriber = app.subscribe(
    'subscription { assetStatusChanged(ids: ["Asset-1"]) { current } }',
  )
  await subscriber.next()

  subscriber.leave()

  await until(() => lines(app).length === 2)
  expect(lines(app)[1]).toMatchObject({ msg: 'subscription ended', events: 1, errors: [] })
})

test('a subscription that cannot begin writes one log line', async () => {
  const upstream = await scriptUpstream()
  const app = await startApp({ UPSTREAM_URL: upstream.url })

  await app.subscribe('subscription { assetStatusChanged(ids: ["Asset-1"]) { current } }').rest()

  expect(lines(app)).toEqual([
    expect.objectContaining({ msg: 'operation', type: 'subscription', errors: ['NOT_FOUND'] }),
  ])
})

test('an operation whose client disconnects is logged as ABORTED', async () => {
  const upstream = await scriptUpstream()
  upstream.intercept = () => new Promise(() => {})
  const app = await startApp({ UPSTREAM_URL: upstream.url })
  const asked = upstream.nextCall('GET')
  const leaving = new AbortController()
  const answer = post(app, '{ asset(id: "Asset-1") { id } }', {}, leaving.signal).catch(() => {})

  await asked
  leaving.abort()
  await answer

  await until(() => lines(app).length === 1)
  expect(lines(app)[0]).toMatchObject({ msg: 'operation', errors: ['ABORTED'] })
})

test.for([
  ['{ asset(', 'GRAPHQL_PARSE_FAILED', null],
  ['query Wrong { nothing }', 'GRAPHQL_VALIDATION_FAILED', 'Wrong'],
  ['query Var($id: ID!) { asset(id: $id) { id } }', 'BAD_USER_INPUT', 'Var'],
] as const)('%s is logged over HTTP and WebSocket', async ([query, code, name]) => {
  const app = await startApp({ UPSTREAM_URL: 'http://127.0.0.1:1' })

  await app.query(query)
  await app
    .subscribe(query)
    .rest()
    .catch(() => {})

  expect(lines(app)).toEqual(
    ['http', 'websocket'].map((transport) =>
      expect.objectContaining({ msg: 'operation', transport, name, errors: [code] }),
    ),
  )
})

test('an operation over a limit is logged, and a very long name is truncated', async () => {
  const app = await startApp({ UPSTREAM_URL: 'http://127.0.0.1:1', MAX_ALIASES: '1' })

  await app.query(`query ${'n'.repeat(1_000)} { a: __typename b: __typename c: __typename }`)

  expect(lines(app)).toEqual([
    expect.objectContaining({ name: `${'n'.repeat(64)}…`, errors: [expect.any(String)] }),
  ])
})

test('an operation without credentials is logged without a tenant', async () => {
  const app = await startApp({ UPSTREAM_URL: 'http://127.0.0.1:1' })

  await app.query('{ asset(id: "Asset-1") { id } }', {}, null)

  expect(lines(app)).toEqual([
    expect.objectContaining({ tenant: null, upstreamCalls: 0, errors: ['UNAUTHENTICATED'] }),
  ])
})

test('a stream that fails after an event is reported as ended with an error code', async () => {
  const progress = await follow(async (results) => {
    await results.next()
    await expect(results.next()).rejects.toThrow()
  })

  expect(progress).toEqual([expect.objectContaining({ events: 1, errors: ['INTERNAL'] })])
})

test('a stream that its consumer stops between events is reported as ended', async () => {
  const progress = await follow(async (results) => {
    await results.next()
    await results.return?.()
  })

  expect(progress).toEqual([expect.objectContaining({ events: 1, errors: [] })])
})

/** Every reported end of a subscription whose source yields one event and then throws. */
async function follow(use: (results: AsyncIterator<unknown>) => Promise<void>) {
  const ends: Progress[] = []
  const operations = createOperations([() => ({ ended: (progress) => ends.push(progress) })])
  const schema = createSchema({
    typeDefs: 'type Query { one: Int } type Subscription { one: Int }',
    resolvers: {
      Subscription: {
        one: {
          async *subscribe() {
            yield { one: 1 }
            throw new Error('broken')
          },
        },
      },
    },
  })
  const yoga = createYoga({ schema, plugins: [operations.plugin], logging: false })
  const { subscribe, contextFactory } = yoga.getEnveloped({ requestId: 'r1' } as never)
  const document = parse('subscription { one }')
  const results = await subscribe({ schema, document, contextValue: await contextFactory() })
  await use(results[Symbol.asyncIterator]())
  return ends
}

function lines({ log }: TestApp): Data[] {
  return log.filter(({ msg }) => msg === 'operation' || String(msg).startsWith('subscription '))
}

function post(
  { url }: TestApp,
  query: string,
  headers: Record<string, string>,
  signal: AbortSignal | null = null,
): Promise<Response> {
  return fetch(`${url}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${KEY}`, ...headers },
    body: JSON.stringify({ query }),
    signal,
  })
}
