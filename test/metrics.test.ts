import { expect, onTestFinished, test } from 'vitest'
import type { MetricsSources } from '../src/telemetry/metric-gauges.ts'
import { createMetrics } from '../src/telemetry/metrics.ts'
import type { Operation } from '../src/telemetry/operation.ts'
import { startApp, until } from './support/app.ts'
import { scriptUpstream } from './support/upstream.ts'

const SUBSCRIPTION = 'subscription { assetStatusChanged(ids: ["Asset-1"]) { current } }'

test('operations are counted by name, type and outcome, and timed', async () => {
  const upstream = await scriptUpstream()
  upstream.assets.set('Asset-1', { status: 'Active' })
  const app = await startApp({ UPSTREAM_URL: upstream.url })

  await app.query('query Read { asset(id: "Asset-1") { id } }')
  await app.query('query Read { asset(id: "Asset-1") { id } }', {}, null)
  await app.query('{ nothing }')
  await app.query('{ asset(')
  await app.subscribe(SUBSCRIPTION).rest()

  const value = await scrape(app.url)
  const total = (name: string, type: string, outcome: string) =>
    value('zerograph_operations_total', { name, type, outcome })
  expect(total('Read', 'query', 'ok')).toBe(1)
  expect(total('Read', 'query', 'UNAUTHENTICATED')).toBe(1)
  expect(total('anonymous', 'query', 'GRAPHQL_VALIDATION_FAILED')).toBe(1)
  expect(total('anonymous', 'unknown', 'GRAPHQL_PARSE_FAILED')).toBe(1)
  expect(total('anonymous', 'subscription', 'ok')).toBe(1)
  const read = { name: 'Read', type: 'query' }
  expect(value('zerograph_operation_duration_seconds_count', read)).toBe(2)
  const subscription = { name: 'anonymous', type: 'subscription' }
  expect(value('zerograph_operation_duration_seconds_count', subscription)).toBe(1)
})

test('operation names after the first hundred, and names that are too long, are counted as other', async () => {
  const metrics = start()

  for (let index = 0; index < 150; index += 1) metrics.observe(named(`Name${index}`)).ended(ended)
  metrics.observe(named('Name7')).ended(ended)
  metrics.observe(named('n'.repeat(65))).ended(ended)

  const value = read(await metrics.text())
  const total = (name: string) =>
    value('zerograph_operations_total', { name, type: 'query', outcome: 'ok' })
  expect(total('Name7')).toBe(2)
  expect(total('Name99')).toBe(1)
  expect(total('Name100')).toBeUndefined()
  expect(total('other')).toBe(51)
})

test('an unknown error code is counted as OTHER', async () => {
  const metrics = start()

  metrics.observe(named('Name')).ended({ ...ended, errors: ['sk-secret', 'NOT_FOUND'] })

  const labels = { name: 'Name', type: 'query', outcome: 'OTHER' }
  expect(read(await metrics.text())('zerograph_operations_total', labels)).toBe(1)
})

test('upstream requests are counted by route, status and code, and retries are counted separately', async () => {
  const upstream = await scriptUpstream()
  upstream.assets.set('Asset-1', { status: 'Active' })
  let refusals = 1
  upstream.intercept = () => (refusals-- > 0 ? { status: 503, body: 'no' } : undefined)
  const app = await startApp({ UPSTREAM_URL: upstream.url })

  await app.query('{ asset(id: "Asset-1") { id } }')
  await app.query('{ asset(id: "Asset-2") { id } }')

  const value = await scrape(app.url)
  const calls = (status: string, code: string) =>
    value('zerograph_upstream_call_duration_seconds_count', {
      method: 'GET',
      route: '/v1/assets',
      status,
      code,
    })
  expect(calls('5xx', 'UPSTREAM_UNAVAILABLE')).toBe(1)
  expect(calls('2xx', 'ok')).toBe(1)
  expect(calls('2xx', 'NOT_FOUND')).toBe(1)
  expect(value('zerograph_upstream_retries_total', { route: '/v1/assets' })).toBe(1)
})

test('poll lag is measured, and poll jobs, subscribers and sockets are counted on each scrape', async () => {
  const upstream = await scriptUpstream()
  upstream.assets.set('Asset-1', { status: 'Processing' })
  const app = await startApp({ UPSTREAM_URL: upstream.url })
  const subscriber = app.subscribe(SUBSCRIPTION)
  await subscriber.next()
  await upstream.nextCall('GET /v1/assets/Asset-1')

  const during = await scrape(app.url)
  upstream.assets.set('Asset-1', { status: 'Active' })
  await subscriber.rest()
  await subscriber.client.dispose()
  await until(async () => (await scrape(app.url))('zerograph_sockets') === 0)
  const after = await scrape(app.url)

  const gauges = ['zerograph_poll_jobs', 'zerograph_subscribers', 'zerograph_sockets']
  expect(gauges.map((name) => during(name))).toEqual([1, 1, 1])
  expect(gauges.map((name) => after(name))).toEqual([0, 0, 0])
  const polls = Number(after('zerograph_poll_lag_seconds_count', { kind: 'asset' }))
  // The first call came from the subscription.
  expect(polls).toBe(upstream.calls.length - 1)
  expect(after('zerograph_poll_lag_seconds_sum', { kind: 'asset' })).toBeLessThan(polls * 0.5)
})

test('ledger calls are timed by name', async () => {
  const upstream = await scriptUpstream()
  const app = await startApp({ UPSTREAM_URL: upstream.url })

  await app.query('mutation { createAssetGroup(input: { name: "G" }) { __typename } }')

  const value = await scrape(app.url)
  const calls = (call: string) => value('zerograph_ledger_call_duration_seconds_count', { call })
  expect(calls('register')).toBe(1)
  expect(calls('idempotencyRecords.begin')).toBe(1)
  expect(calls('pollJobs.claim')).toBeGreaterThan(0)
  const sum = value('zerograph_ledger_call_duration_seconds_sum', { call: 'register' })
  expect(sum).toBeGreaterThan(0)
  expect(sum).toBeLessThan(5)
})

test('each route group has its own circuit breaker, which is in one state', async () => {
  const upstream = await scriptUpstream()
  const app = await startApp({ UPSTREAM_URL: upstream.url })
  const before = await scrape(app.url)
  upstream.intercept = () => ({ status: 503, body: 'no' })

  const state = (value: Value, group: string) =>
    ['CLOSED', 'HALF_OPEN', 'OPEN'].map((state) =>
      value('zerograph_upstream_breaker_state', { group, state }),
    )
  await until(async () => {
    await app.query('{ asset(id: "Asset-1") { id } }')
    return state(await scrape(app.url), '/v1/assets')[0] === 0
  })

  const after = await scrape(app.url)
  expect(state(before, '/v1/assets')).toEqual([1, 0, 0])
  expect(state(after, '/v1/assets')).toEqual([0, 0, 1])
  expect(state(after, '/v1/video/tasks')).toEqual([1, 0, 0])
})

test('the memory and the event loop delay of the process are reported', async () => {
  const metrics = start()
  await new Promise((resolve) => setTimeout(resolve, 50))
  const blockedUntil = performance.now() + 200
  while (performance.now() < blockedUntil);
  await new Promise((resolve) => setTimeout(resolve, 50))

  const value = read(await metrics.text())

  expect(value('process_resident_memory_bytes')).toBeGreaterThan(1e7)
  expect(value('nodejs_heap_size_used_bytes')).toBeGreaterThan(1e6)
  const late = (quantile: string) => value('zerograph_event_loop_delay_seconds', { quantile })
  expect(late('1')).toBeGreaterThan(0.1)
  expect(late('1')).toBeLessThan(5)
  expect(late('0.5')).toBeLessThan(0.1)
})

test.for<[string, MetricsSources['pollJobs']]>([
  ['fails', () => Promise.reject(new Error('away'))],
  ['hangs', () => new Promise(() => {})],
])('metrics lack only the number of poll jobs when the database %s', async ([, pollJobs]) => {
  let asked = 0
  const metrics = start({
    pollJobs() {
      asked += 1
      return pollJobs()
    },
  })

  const texts = await Promise.all([metrics.text(), metrics.text()])

  for (const text of texts) {
    expect(read(text)('zerograph_poll_jobs')).toBeUndefined()
    expect(read(text)('zerograph_sockets')).toBe(3)
  }
  expect(asked).toBe(1)
})

test('no label contains a key, a tenant, an id or a URL', async () => {
  const upstream = await scriptUpstream()
  upstream.assets.set('Asset-marked', { status: 'Processing' })
  const app = await startApp({ UPSTREAM_URL: upstream.url })
  const subscriber = app.subscribe(
    'subscription { assetStatusChanged(ids: ["Asset-marked"]) { current } }',
    {},
    'sk-marked',
  )
  await subscriber.next()
  await app.query(
    'mutation Make($url: URL!) { createAsset(input: { groupId: "group-1", url: $url, type: IMAGE }) { __typename } }',
    { url: 'https://marked.example.com/a.png' },
    'sk-marked',
  )
  await upstream.nextCall('GET /v1/assets/Asset-marked')

  const text = await (await fetch(`${app.url}/metrics`)).text()

  const labels = [...text.matchAll(/\{.*\}/g)].join()
  expect(labels).toContain('name="Make"')
  expect(labels).not.toMatch(/marked|sk-|https?:|[0-9a-f]{12}/)
})

test('two services in one process are counted separately, in Prometheus format', async () => {
  const one = await startApp({ UPSTREAM_URL: 'http://127.0.0.1:1' })
  const other = await startApp({ UPSTREAM_URL: 'http://127.0.0.1:1' })

  await one.query('query Mine { __typename }')

  const labels = { name: 'Mine', type: 'query', outcome: 'ok' }
  expect((await scrape(one.url))('zerograph_operations_total', labels)).toBe(1)
  expect((await scrape(other.url))('zerograph_operations_total', labels)).toBeUndefined()
  const { headers } = await fetch(`${one.url}/metrics`)
  expect(headers.get('content-type')).toContain('text/plain; version=0.0.4')
})

const ended = { durationMs: 1, upstreamCalls: 0, events: 0, errors: [] }

function named(name: string): Operation {
  const [requestId, transport] = ['r1', 'http' as const]
  return { requestId, transport, name, type: 'query', tenant: null, traceparent: null }
}

function start(sources: Partial<MetricsSources> = {}) {
  const metrics = createMetrics({
    pollJobs: async () => 1,
    subscribers: () => 2,
    sockets: () => 3,
    breakers: () => [],
    ...sources,
  })
  onTestFinished(metrics.stop)
  return metrics
}

/** The value of a sample, or undefined when there is none with exactly these labels. */
type Value = (name: string, labels?: Record<string, string>) => number | undefined

async function scrape(url: string): Promise<Value> {
  const response = await fetch(`${url}/metrics`)
  return read(await response.text())
}

function read(text: string): Value {
  const samples = new Map<string, number>()
  for (const line of text.split('\n')) {
    const [, name, labels, value] = /^(\w+)(?:\{(.*)\})? (\S+)$/.exec(line) ?? []
    if (name === undefined) continue
    samples.set(`${name} ${(labels ?? '').split(',').sort()}`, Number(value))
  }
  return (name, labels = {}) => {
    const sorted = Object.entries(labels).map(([label, value]) => `${label}="${value}"`)
    return samples.get(`${name} ${sorted.sort()}`)
  }
}
