import { expect, test } from 'vitest'
import { growGap, jittered, stretchGap } from '../src/tracking/schedule.ts'
import { startApp, type TestApp, until } from './support/app.ts'
import { type Call, type ScriptedUpstream, scriptUpstream } from './support/upstream.ts'

const pace = { minMs: 2_000, maxMs: 15_000 }

test.for([
  [0, 2_000],
  [2_000, 3_000],
  [12_000, 15_000],
  [15_000, 15_000],
  [60_000, 15_000],
])('after a successful poll an interval of %i ms grows to %i ms', ([gapMs, grown]) => {
  expect(growGap(gapMs ?? 0, pace)).toBe(grown)
})

test.for([
  [0, 2_000],
  [2_000, 4_000],
  [15_000, 30_000],
  [50_000, 60_000],
])('after a failed poll an interval of %i ms grows to %i ms', ([gapMs, stretched]) => {
  expect(stretchGap(gapMs ?? 0, pace)).toBe(stretched)
})

test('jitter shortens the interval by up to a fifth, but not below the minimum', () => {
  expect(jittered(10_000, pace, 0)).toBe(10_000)
  expect(jittered(10_000, pace, 1)).toBe(8_000)
  expect(jittered(2_000, pace, 1)).toBe(2_000)
})

test('a registered entity is polled until it is terminal, even without subscribers', async () => {
  const upstream = await scriptUpstream()
  const app = await startApp({ UPSTREAM_URL: upstream.url })
  await register(app)

  await polls(upstream, 3)
  upstream.assets.set('Asset-1', { status: 'Active' })
  await until(async () => (await stateOf(app)).status === 'ACTIVE')
  const calls = upstream.calls.length
  await register(app)
  await polls(upstream, 3, 'GET /v1/assets/Asset-')

  expect(upstream.callsTo('GET /v1/assets/Asset-1').length).toBeLessThanOrEqual(calls)
  expect(upstream.calls.slice(calls).some(({ path }) => path.endsWith('Asset-1'))).toBe(false)
})

test('polls send the key and the query parameters that 0-0 needs for routing', async () => {
  const upstream = await scriptUpstream()
  const app = await startApp({ UPSTREAM_URL: upstream.url })
  await register(app)
  await app.query('mutation { createVideoTask(input: { prompt: "A cat" }) { __typename } }')

  const [assetPoll, taskPoll] = await Promise.all([
    upstream.nextCall('GET /v1/assets/Asset-1'),
    upstream.nextCall('GET /v1/video/tasks/'),
  ])

  expect(assetPoll.headers.authorization).toBe('Bearer sk-test')
  expect(assetPoll.query).toEqual({ platform: 'JIMENG', model: 'seedance-2-0' })
  expect(taskPoll.query).toEqual({ model: 'seedance-2-0' })
  expect(taskPoll.headers['x-access-key']).toBeUndefined()
})

test('the interval between polls grows from the minimum to the maximum', async () => {
  const upstream = await scriptUpstream()
  const app = await startApp({
    UPSTREAM_URL: upstream.url,
    ASSET_POLL_MIN_MS: '40',
    ASSET_POLL_MAX_MS: '400',
  })
  await register(app)

  await polls(upstream, 8)

  const gaps = gapsBetween(upstream.callsTo('GET /v1/assets/Asset-1'))
  const longest = gaps.at(-1) ?? 0
  expect(Math.min(...gaps)).toBeLessThan(longest / 2)
  expect(Math.min(...gaps)).toBeGreaterThanOrEqual(38)
  // 400 ms minus up to a fifth of jitter.
  expect(longest).toBeGreaterThanOrEqual(318)
})

test('the next poll of an entity waits for Retry-After', async () => {
  const upstream = await scriptUpstream()
  const app = await startApp({ UPSTREAM_URL: upstream.url, UPSTREAM_GET_TIMEOUT_MS: '200' })
  upstream.intercept = ({ method }) =>
    method === 'GET' && upstream.callsTo('GET').length === 1
      ? { status: 429, headers: { 'retry-after': '1' }, body: {} }
      : undefined
  await register(app)

  await polls(upstream, 2)

  const [gap] = gapsBetween(upstream.callsTo('GET /v1/assets/Asset-1'))
  expect(gap).toBeGreaterThanOrEqual(990)
})

test('polling of a non-terminal entity ends at the deadline with a reason and the last status', async () => {
  const upstream = await scriptUpstream()
  const app = await startApp({ UPSTREAM_URL: upstream.url, WATCH_DEADLINE_MINUTES: '0.005' })
  await app.query('mutation { createVideoTask(input: { prompt: "A cat" }) { __typename } }')
  // 0-0 returns this status when it hides an error of the provider (upstream-api 3.5).
  upstream.tasks.set('cgt-1', { status: 'running' })

  const events = await app
    .subscribe(`subscription { videoTaskStatusChanged(ids: ["cgt-1"]) {
      previous current videoTask { status failureReason }
    } }`)
    .rest()
  const calls = upstream.calls.length
  const { data } = await app.query('{ videoTasks { nodes { status failureReason } } }')

  const last = events.at(-1)?.data?.videoTaskStatusChanged
  expect(last).toMatchObject({ previous: 'RUNNING', current: 'RUNNING' })
  expect(last.videoTask).toEqual({
    status: 'RUNNING',
    failureReason: expect.stringMatching(/^Polling ended at .* 0-0 last reported "running"\.$/),
  })
  expect(data?.videoTasks.nodes).toEqual([last.videoTask])
  expect(upstream.calls.length).toBe(calls)
})

test('a subscription resumes polling of an entity whose polling ended', async () => {
  const upstream = await scriptUpstream()
  const app = await startApp({ UPSTREAM_URL: upstream.url, WATCH_DEADLINE_MINUTES: '0.003' })
  await register(app)
  await until(async () => (await stateOf(app)).failureReason !== null)

  const subscriber = app.subscribe(
    'subscription { assetStatusChanged(ids: ["Asset-1"]) { current asset { failureReason } } }',
  )
  const first = await subscriber.next()
  upstream.assets.set('Asset-1', { status: 'Active' })
  const rest = await subscriber.rest()

  const changes = [first, ...rest].map(({ data }) => data?.assetStatusChanged)
  expect(changes).toEqual([
    { current: 'PROCESSING', asset: { failureReason: null } },
    { current: 'ACTIVE', asset: { failureReason: null } },
  ])
})

test('polling of a task is resumed with the model of its create', async () => {
  const upstream = await scriptUpstream()
  const app = await startApp({ UPSTREAM_URL: upstream.url, WATCH_DEADLINE_MINUTES: '0.003' })
  await app.query('mutation { createVideoTask(input: { prompt: "A cat" }) { __typename } }')
  await until(async () => {
    const { data } = await app.query('{ videoTasks { nodes { failureReason } } }')
    return data?.videoTasks.nodes[0].failureReason !== null
  })
  const before = upstream.calls.length

  await app.subscribe('subscription { videoTaskStatusChanged(ids: ["cgt-1"]) { current } }').next()

  expect(upstream.calls[before]?.query).toEqual({ model: 'seedance-2-0' })
})

test("a busy tenant is polled at POLL_MAX_RPS and does not delay another tenant's polls", async () => {
  const upstream = await scriptUpstream()
  const app = await startApp({
    UPSTREAM_URL: upstream.url,
    POLL_MAX_RPS: '10',
    ASSET_POLL_MIN_MS: '20',
    ASSET_POLL_MAX_MS: '20',
  })
  const pollsWith = (key: string) =>
    upstream.callsTo('GET').filter(({ headers }) => headers.authorization === `Bearer ${key}`)
      .length
  const busySince = Date.now()
  await register(app, 40)
  await register(app, 1, 'sk-other')

  const before = pollsWith('sk-test')
  await until(() => pollsWith('sk-test') > before + 30)

  const seconds = (Date.now() - busySince) / 1_000
  // A full bucket at the start, then ten polls per second.
  expect(pollsWith('sk-test')).toBeLessThanOrEqual(10 + seconds * 10 + 10)
  // Behind the queue of the busy tenant, it would have had one poll by now.
  expect(pollsWith('sk-other')).toBeGreaterThan(3)
})

test('a 429 slows only the polls of its own tenant', async () => {
  const upstream = await scriptUpstream()
  const app = await startApp({
    UPSTREAM_URL: upstream.url,
    POLL_MAX_RPS: '8',
    ASSET_POLL_MIN_MS: '20',
    ASSET_POLL_MAX_MS: '20',
    UPSTREAM_GET_TIMEOUT_MS: '20',
  })
  const of =
    (key: string) =>
    ({ headers }: Call) =>
      headers.authorization === `Bearer ${key}`
  upstream.intercept = (call) =>
    call.method === 'GET' && of('sk-limited')(call) ? { status: 429, body: {} } : undefined
  await register(app, 20, 'sk-limited')
  await register(app, 20, 'sk-test')

  await until(() => upstream.callsTo('GET').filter(of('sk-test')).length > 40, 10_000)

  const limited = upstream.callsTo('GET').filter(of('sk-limited')).length
  expect(limited).toBeLessThan(upstream.callsTo('GET').filter(of('sk-test')).length / 2)
})

test('polls use at most half of the concurrent calls, so that a read is not blocked', async () => {
  const upstream = await scriptUpstream()
  upstream.assets.set('Asset-read', { status: 'Active' })
  const app = await startApp({ UPSTREAM_URL: upstream.url, UPSTREAM_MAX_CONCURRENCY: '4' })
  const held = Promise.withResolvers<undefined>()
  let polling = 0
  upstream.intercept = ({ method, path }) => {
    if (method === 'POST' || path.endsWith('Asset-read')) return undefined
    polling += 1
    return held.promise
  }
  await register(app, 12)
  await until(() => polling === 2)

  const { data } = await app.query('{ asset(id: "Asset-read") { status } }')

  expect(data?.asset.status).toBe('ACTIVE')
  expect(polling).toBe(2)
  held.resolve(undefined)
})

test('polling stops with the service and continues after a restart', async () => {
  const upstream = await scriptUpstream()
  const app = await startApp({ UPSTREAM_URL: upstream.url })
  await register(app)
  const gate = Promise.withResolvers<undefined>()
  upstream.intercept = ({ method }) => (method === 'GET' ? gate.promise : undefined)
  await upstream.nextCall('GET /v1/assets/Asset-1')

  await app.stop()
  const calls = upstream.calls.length
  gate.resolve(undefined)
  const again = await startApp({ UPSTREAM_URL: upstream.url, DATA_DIR: app.dataDir })
  upstream.assets.set('Asset-1', { status: 'Active' })

  await until(async () => (await stateOf(again)).status === 'ACTIVE')
  expect(upstream.calls.length).toBeGreaterThan(calls)
})

async function register(app: TestApp, count = 1, key = 'sk-test'): Promise<void> {
  const input = { groupId: 'group-1', url: 'https://example.com/a.png' }
  await app.query(
    'mutation ($inputs: [CreateAssetInput!]!) { createAssets(inputs: $inputs) { __typename } }',
    { inputs: Array(count).fill(input) },
    key,
  )
}

/** The stored status of the first asset. */
async function stateOf(app: TestApp): Promise<{ status: string; failureReason: string | null }> {
  const { data } = await app.query('{ assets(last: 1) { nodes { status failureReason } } }')
  return data?.assets.nodes[0]
}

function polls(upstream: ScriptedUpstream, count: number, prefix = 'GET /v1/assets/Asset-1') {
  const before = upstream.callsTo(prefix).length
  return until(() => upstream.callsTo(prefix).length >= before + count)
}

function gapsBetween(calls: Call[]): number[] {
  return calls.slice(1).map(({ at }, index) => at - (calls[index]?.at ?? at))
}
