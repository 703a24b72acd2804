import { expect, test } from 'vitest'
import { type Data, KEY, startApp, temporaryFolder } from './support/app.ts'
import { startProcess } from './support/process.ts'
import { serve } from './support/serve.ts'
import { scriptUpstream } from './support/upstream.ts'

const TRACE_ID = '0af7651916cd43dd8448eb211c80319c'
const SPAN_ID = 'b7ad6b7169203331'

test('an operation and its upstream calls form one trace', async () => {
  const upstream = await scriptUpstream()
  upstream.assets.set('Asset-1', { status: 'Active' })
  upstream.intercept = ({ path }) =>
    path.endsWith('2') ? { status: 403, body: { detail: 'banned' } } : undefined
  const collector = await startCollector()
  const app = await startApp({
    UPSTREAM_URL: upstream.url,
    OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
  })

  await post(
    app.url,
    'query Read { a: asset(id: "Asset-1") { id } b: asset(id: "Asset-2") { id } }',
    {
      'x-request-id': 'mine-1',
    },
  )
  await app.stop()

  const [operation, ...others] = collector.operations()
  expect(others).toEqual([])
  expect(operation).toMatchObject({
    name: 'query Read',
    kind: SERVER,
    attributes: {
      'graphql.operation.type': 'query',
      'graphql.operation.name': 'Read',
      'zerograph.request_id': 'mine-1',
      'zerograph.transport': 'http',
      'zerograph.upstream_calls': 2,
      'error.type': 'FORBIDDEN',
    },
    status: { code: ERROR },
  })
  expect(operation?.parentSpanId).toBeUndefined()
  const calls = collector.calls()
  const outcomes = calls.map(({ attributes, status }) => [
    attributes['http.response.status_code'],
    attributes['error.type'],
    status.code,
  ])
  expect(outcomes.sort()).toEqual([
    [200, undefined, UNSET],
    [403, 'FORBIDDEN', ERROR],
  ])
  for (const call of calls) {
    expect(call).toMatchObject({
      name: 'GET /v1/assets',
      kind: CLIENT,
      traceId: operation?.traceId,
      parentSpanId: operation?.spanId,
      attributes: {
        'http.request.method': 'GET',
        'url.template': '/v1/assets',
        'zerograph.attempt': 1,
      },
    })
    const took = BigInt(call.endTimeUnixNano) - BigInt(call.startTimeUnixNano)
    expect(Number(took)).toBeGreaterThan(0)
    expect(Number(took)).toBeLessThan(5e9)
  }
  expect(collector.resource()).toMatchObject({ 'service.name': 'zerograph' })
})

test('each attempt has its own span', async () => {
  const upstream = await scriptUpstream()
  upstream.assets.set('Asset-1', { status: 'Active' })
  let refusals = 1
  upstream.intercept = () => (refusals-- > 0 ? { status: 503, body: 'no' } : undefined)
  const collector = await startCollector()
  const app = await startApp({
    UPSTREAM_URL: upstream.url,
    OTEL_EXPORTER_OTLP_ENDPOINT: `${collector.url}/`,
  })

  await app.query('{ asset(id: "Asset-1") { id } }')
  await app.stop()

  expect(
    collector
      .calls()
      .map(({ attributes }) => [
        attributes['zerograph.attempt'],
        attributes['http.response.status_code'],
      ]),
  ).toEqual([
    [1, 503],
    [2, 200],
  ])
  expect(collector.operations()).toEqual([
    expect.objectContaining({ name: 'query', status: { code: UNSET } }),
  ])
})

test('the span of a shared read belongs to the operation that started it', async () => {
  const upstream = await scriptUpstream()
  const gate = Promise.withResolvers<undefined>()
  upstream.intercept = () => gate.promise
  const collector = await startCollector()
  const app = await startApp({
    UPSTREAM_URL: upstream.url,
    OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
  })
  const asked = upstream.nextCall('GET /v1/assets/Asset-1')

  const first = app.query('query First { asset(id: "Asset-1") { id } }')
  await asked
  const other = upstream.nextCall('GET /v1/assets/Asset-2')
  const second = app.query(
    'query Second { a: asset(id: "Asset-1") { id } b: asset(id: "Asset-2") { id } }',
  )
  await other
  gate.resolve(undefined)
  await Promise.all([first, second])
  await app.stop()

  const parents = collector.calls().map(({ parentSpanId }) => parentSpanId)
  const spanOf = (name: string) => collector.operations().find((span) => span.name === name)?.spanId
  expect(parents.sort()).toEqual([spanOf('query First'), spanOf('query Second')].sort())
})

test('a subscription has one span until it ends, and polls are not part of it', async () => {
  const upstream = await scriptUpstream()
  upstream.assets.set('Asset-1', { status: 'Processing' })
  const collector = await startCollector()
  const app = await startApp({
    UPSTREAM_URL: upstream.url,
    OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
  })
  const subscriber = app.subscribe(
    'subscription Follow { assetStatusChanged(ids: ["Asset-1"]) { current asset { group { groupId } } } }',
  )

  await subscriber.next()
  upstream.assets.set('Asset-1', { status: 'Active' })
  await subscriber.rest()
  await app.stop()

  const [operation, ...others] = collector.operations()
  expect(others).toEqual([])
  expect(operation).toMatchObject({
    name: 'subscription Follow',
    attributes: { 'zerograph.transport': 'websocket' },
  })
  expect(collector.calls().map(({ name, parentSpanId }) => [name, parentSpanId])).toEqual([
    ['GET /v1/assets', operation?.spanId],
    ['GET /v1/asset-groups', operation?.spanId],
    ['GET /v1/asset-groups', operation?.spanId],
  ])
})

test.for([
  [`00-${TRACE_ID}-${SPAN_ID}-01`, true],
  [`42-${TRACE_ID}-${SPAN_ID}-01-more`, true],
  [`00-${TRACE_ID}-${SPAN_ID}-01-more`, false],
  [`ff-${TRACE_ID}-${SPAN_ID}-01`, false],
  [`00-${'0'.repeat(32)}-${SPAN_ID}-01`, false],
  [`00-${TRACE_ID}-${'0'.repeat(16)}-01`, false],
  [`00-${TRACE_ID.toUpperCase()}-${SPAN_ID}-01`, false],
  ['nonsense', false],
] as const)('traceparent %s is accepted: %s', async ([traceparent, taken]) => {
  const collector = await startCollector()
  const app = await startApp({
    UPSTREAM_URL: 'http://127.0.0.1:1',
    OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
  })

  await post(app.url, '{ __typename }', { traceparent })
  await app.stop()

  const [operation] = collector.operations()
  expect(operation?.traceId).toMatch(/^[0-9a-f]{32}$/)
  expect([operation?.traceId === TRACE_ID, operation?.parentSpanId === SPAN_ID]).toEqual([
    taken,
    taken,
  ])
})

test('an operation of an unsampled trace is not recorded', async () => {
  const collector = await startCollector()
  const app = await startApp({
    UPSTREAM_URL: 'http://127.0.0.1:1',
    OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
  })

  await post(app.url, 'query Unseen { __typename }', {
    traceparent: `00-${TRACE_ID}-${SPAN_ID}-00`,
  })
  await post(app.url, 'query Seen { __typename }', {})
  await app.stop()

  expect(collector.operations().map(({ name }) => name)).toEqual(['query Seen'])
})

test('exported traces contain no key, document, variable or URL', async () => {
  const upstream = await scriptUpstream()
  upstream.assets.set('Asset-marked', { status: 'Active' })
  upstream.intercept = ({ path }) => (path.endsWith('-2') ? 'reset' : undefined)
  const collector = await startCollector()
  const app = await startApp({
    UPSTREAM_URL: upstream.url,
    OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
  })
  const query =
    'query Read($id: ID!, $other: ID!) { asset(id: $id) { id } other: asset(id: $other) { id } }'

  await app.query(query, { id: 'Asset-marked', other: 'Asset-marked-2' }, 'sk-marked')
  await app.query('{ asset(id: "Asset-marked") { marked } }', {}, 'sk-marked')
  await app.stop()

  expect(collector.calls().length).toBeGreaterThan(1)
  expect(collector.received.join()).not.toMatch(/marked|sk-|Bearer|http:/)
})

test.for<[string, () => Promise<string>]>([
  ['refuses connections', async () => 'http://127.0.0.1:1'],
  ['never answers', () => serve(() => {})],
])(
  'a collector that %s does not change the response and does not block the shutdown',
  async ([, start]) => {
    const service = await startProcess({
      UPSTREAM_URL: 'http://127.0.0.1:1',
      DATA_DIR: temporaryFolder(),
      OTEL_EXPORTER_OTLP_ENDPOINT: await start(),
    })

    const response = await post(service.url, '{ __typename }', {})
    const answer = await response.json()
    const stoppingAt = performance.now()
    const end = await service.kill('SIGTERM')

    expect(answer).toEqual({ data: { __typename: 'Query' } })
    expect(end).toEqual({ code: 0, signal: null })
    expect(performance.now() - stoppingAt).toBeLessThan(6_000)
    expect(service.log).toContainEqual(expect.objectContaining({ msg: 'traces cannot be sent' }))
  },
)

test('the OpenTelemetry SDK and exporters are not loaded without an endpoint', async () => {
  const service = await startProcess({
    UPSTREAM_URL: 'http://127.0.0.1:1',
    DATA_DIR: temporaryFolder(),
    NODE_OPTIONS: `--import ${LOG_LOADED}`,
  })

  const loaded = service.log.map((entry) => String(entry.loaded))

  expect(loaded).toContainEqual(expect.stringContaining('/prom-client/'))
  expect(loaded.filter((url) => /opentelemetry.(sdk|exporter|otlp|resources)/.test(url))).toEqual(
    [],
  )
})

/** A module that makes a process log every module it loads. */
const LOG_LOADED = `data:text/javascript,${encodeURIComponent(`
  import { writeSync } from 'node:fs'
  import { registerHooks } from 'node:module'
  registerHooks({
    load(url, context, next) {
      writeSync(1, JSON.stringify({ loaded: url }) + '\\n')
      return next(url, context)
    },
  })
`)}`

const [UNSET, ERROR] = [0, 2]
/** OTLP numbers span kinds from 1. */
const [SERVER, CLIENT] = [2, 3]

interface Span {
  traceId: string
  spanId: string
  parentSpanId?: string
  name: string
  kind: number
  startTimeUnixNano: string
  endTimeUnixNano: string
  status: { code: number }
  attributes: Data
}

/** A collector that receives OTLP over HTTP as JSON. */
async function startCollector() {
  const received: string[] = []
  const url = await serve(async (request, response) => {
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk)
    if (request.url === '/v1/traces') received.push(Buffer.concat(chunks).toString())
    response.writeHead(200, { 'content-type': 'application/json' }).end('{}')
  })
  const resourceSpans = () => received.flatMap((body) => JSON.parse(body).resourceSpans as Data[])
  const spans = (): Span[] =>
    resourceSpans()
      .flatMap(({ scopeSpans }) => scopeSpans)
      .flatMap(({ spans }) => spans)
      .map((span) => ({ ...span, attributes: plain(span.attributes) }))
  return {
    url,
    /** The raw request bodies. */
    received,
    resource: () => plain(resourceSpans()[0]?.resource.attributes),
    operations: () => spans().filter(({ kind }) => kind === SERVER),
    calls: () => spans().filter(({ kind }) => kind === CLIENT),
  }
}

function plain(attributes: { key: string; value: Data }[]): Data {
  return Object.fromEntries(attributes.map(({ key, value }) => [key, Object.values(value)[0]]))
}

function post(url: string, query: string, headers: Record<string, string>): Promise<Response> {
  return fetch(`${url}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${KEY}`, ...headers },
    body: JSON.stringify({ query }),
  })
}
