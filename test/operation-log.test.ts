import { parse } from 'graphql'
import { createSchema, createYoga } from 'graphql-yoga'
import { expect, test } from 'vitest'
import type { Progress } from '../src/telemetry/operation.ts'
import { createOperations } from '../src/telemetry/operation-observer.ts'
import { type Data, KEY, startApp, type TestApp, until } from './support/app.ts'
import { scriptUpstream } from './support/upstream.ts'

const TENANT = expect.stringMatching(/^[0-9a-f]{12}$/)

test('an operation is one line that tells what it was, whose it was and what it took', async () => {
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

test('every attempt is an upstream call, and each code stands there once', async () => {
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

test('a read that got no connection in time was no call', async () => {
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

test('a shared read counts for the operation that began it, also when callers choose the same request id', async () => {
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

test('a subscription is a line when it began and one when it ended, with the events delivered', async () => {
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
      // The asset when it began, and its group for each event: what is polled in between is nobody's.
      upstreamCalls: 3,
      events: 2,
      errors: [],
    }),
  ])
  expect(upstream.calls.length).toBeGreaterThan(3)
})

test('a subscriber that leaves ends its line', async () => {
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

test('a subscription that cannot begin is one line', async () => {
  const upstream = await scriptUpstream()
  const app = await startApp({ UPSTREAM_URL: upstream.url })

  await app.subscribe('subscription { assetStatusChanged(ids: ["Asset-1"]) { current } }').rest()

  expect(lines(app)).toEqual([
    expect.objectContaining({ msg: 'operation', type: 'subscription', errors: ['NOT_FOUND'] }),
  ])
})

test('a caller that leaves is told from one that was answered', async () => {
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
] as const)('%s is a line too, over HTTP and WebSocket', async ([query, code, name]) => {
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

test('what exceeds a bound is a line, and a very long name is cut', async () => {
  const app = await startApp({ UPSTREAM_URL: 'http://127.0.0.1:1', MAX_ALIASES: '1' })

  await app.query(`query ${'n'.repeat(1_000)} { a: __typename b: __typename c: __typename }`)

  expect(lines(app)).toEqual([
    expect.objectContaining({ name: `${'n'.repeat(64)}…`, errors: [expect.any(String)] }),
  ])
})

test('without a credential there is no tenant', async () => {
  const app = await startApp({ UPSTREAM_URL: 'http://127.0.0.1:1' })

  await app.query('{ asset(id: "Asset-1") { id } }', {}, null)

  expect(lines(app)).toEqual([
    expect.objectContaining({ tenant: null, upstreamCalls: 0, errors: ['UNAUTHENTICATED'] }),
  ])
})

test('a stream that fails in its middle has ended, with a code', async () => {
  const progress = await follow(async (results) => {
    await results.next()
    await expect(results.next()).rejects.toThrow()
  })

  expect(progress).toEqual([expect.objectContaining({ events: 1, errors: ['INTERNAL'] })])
})

test('a stream that is left while nothing is asked of it has ended', async () => {
  const progress = await follow(async (results) => {
    await results.next()
    await results.return?.()
  })

  expect(progress).toEqual([expect.objectContaining({ events: 1, errors: [] })])
})

/** How a subscription ended, each time, to a source that gives one event and then throws. */
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
