import { expect, test } from 'vitest'
import { type Data, startApp, type TestApp, until } from './support/app.ts'
import { type ScriptedUpstream, scriptUpstream } from './support/upstream.ts'

const CREATE = `mutation ($resources: [VideoResourceInput!]) { createVideoTask(input: {
  prompt: "A cat", waitForAssets: true, resources: $resources
}) {
  __typename ... on VideoTask { id taskId status prompt } ... on Error { code message retryable }
} }`
const SUBSCRIBE = `subscription ($id: ID!) { videoTaskStatusChanged(ids: [$id]) {
  previous current videoTask { id taskId failureReason }
} }`

async function accept(app: TestApp, ...assetIds: string[]): Promise<Data> {
  const resources = assetIds.map((assetId) => ({ role: 'REFERENCE', assetId }))
  return (await app.query(CREATE, { resources })).data?.createVideoTask
}

async function withAssets(...statuses: string[]): Promise<ScriptedUpstream> {
  const upstream = await scriptUpstream()
  statuses.forEach((status, index) => {
    upstream.assets.set(`Asset-${index + 1}`, { status })
  })
  return upstream
}

test('a waiting task is accepted at once, sent once when all assets are ACTIVE, and streamed to its end', async () => {
  const upstream = await withAssets('Processing', 'Processing')
  const app = await startApp({ UPSTREAM_URL: upstream.url })

  const accepted = await accept(app, 'Asset-1', 'Asset-2')
  const subscriber = app.subscribe(SUBSCRIBE, { id: accepted.id })
  const events = [await subscriber.next()]
  upstream.assets.set('Asset-1', { status: 'Active' })
  await until(async () => {
    const { data } = await app.query('{ assets(status: ACTIVE) { totalCount } }')
    return data?.assets.totalCount === 1
  })
  const sentEarly = upstream.callsTo('POST').length
  upstream.assets.set('Asset-2', { status: 'Active' })
  events.push(await subscriber.next())
  const taskId = events[1]?.data?.videoTaskStatusChanged.videoTask.taskId
  upstream.tasks.set(taskId, { status: 'running' })
  events.push(await subscriber.next())
  upstream.tasks.set(taskId, { status: 'succeeded', video: { url: 'https://example.com/v.mp4' } })
  events.push(...(await subscriber.rest()))

  expect(accepted).toMatchObject({ taskId: null, status: 'WAITING_FOR_ASSETS', prompt: 'A cat' })
  expect(accepted.id).toMatch(/^VideoTask:zg-/)
  expect(sentEarly).toBe(0)
  expect(events.map(({ data }) => data?.videoTaskStatusChanged.current)).toEqual([
    'WAITING_FOR_ASSETS',
    'QUEUED',
    'RUNNING',
    'SUCCEEDED',
  ])
  expect(events.map(({ data }) => data?.videoTaskStatusChanged.videoTask.id)).toEqual(
    Array(4).fill(accepted.id),
  )
  expect(upstream.callsTo('POST')).toHaveLength(1)
  expect(upstream.callsTo('POST')[0]?.body).toMatchObject({
    resources: [{ asset_id: 'Asset-1' }, { asset_id: 'Asset-2' }],
  })
})

test('a waiting task is sent as soon as a read finds its last asset ACTIVE', async () => {
  const upstream = await withAssets('Processing')
  const slow = { ASSET_POLL_MIN_MS: '60000', ASSET_POLL_MAX_MS: '60000' }
  const app = await startApp({ UPSTREAM_URL: upstream.url, ...slow })
  await accept(app, 'Asset-1')

  upstream.assets.set('Asset-1', { status: 'Active' })
  const sent = upstream.nextCall('POST')
  await app.query('{ asset(id: "Asset-1") { status } }')

  expect((await sent).path).toBe('/v1/video/tasks')
})

test('a sent task is found by its own id and by the id of 0-0', async () => {
  const upstream = await withAssets('Active')
  const app = await startApp({ UPSTREAM_URL: upstream.url })
  const { id } = await accept(app, 'Asset-1')
  await until(async () => {
    const { data } = await app.query('query ($id: ID!) { videoTask(id: $id) { taskId } }', { id })
    return data?.videoTask.taskId !== null
  })
  const listed = await app.query('{ videoTasks { nodes { taskId } } }')
  const { taskId } = listed.data?.videoTasks.nodes[0] ?? {}

  const { data } = await app.query(
    `query ($id: ID!, $taskId: ID!, $global: ID!) {
      own: videoTask(id: $id) { id taskId prompt }
      bare: videoTask(id: $taskId) { id taskId prompt }
      node(id: $global) { id }
      videoTasks { totalCount }
    }`,
    { id, taskId, global: `VideoTask:${taskId}` },
  )

  expect(data?.own).toEqual({ id, taskId, prompt: 'A cat' })
  expect(data?.bare).toEqual(data?.own)
  expect(data?.node).toEqual({ id })
  expect(data?.videoTasks.totalCount).toBe(1)
})

test('a waiting task fails with the name of its failed asset, and nothing is sent', async () => {
  const upstream = await withAssets('Processing')
  const app = await startApp({ UPSTREAM_URL: upstream.url })
  const { id } = await accept(app, 'Asset-1')

  upstream.assets.set('Asset-1', { status: 'Failed', error: { Code: 'DownloadFailed' } })
  const events = await app.subscribe(SUBSCRIBE, { id }).rest()

  const last = events.at(-1)?.data?.videoTaskStatusChanged
  expect(last.current).toBe('FAILED')
  expect(last.videoTask.failureReason).toMatch(/Asset-1 failed: DownloadFailed.*Nothing was sent/)
  expect(upstream.callsTo('POST')).toEqual([])
})

test('a waiting task fails at its deadline with the name of the asset, and nothing is sent', async () => {
  const upstream = await withAssets('Processing')
  const app = await startApp({ UPSTREAM_URL: upstream.url, WATCH_DEADLINE_MINUTES: '0.005' })
  const { id } = await accept(app, 'Asset-1')

  const events = await app.subscribe(SUBSCRIBE, { id }).rest()

  const last = events.at(-1)?.data?.videoTaskStatusChanged
  expect(last.current).toBe('FAILED')
  expect(last.videoTask.failureReason).toMatch(/Asset-1 was still PROCESSING.*Nothing was sent/)
  expect(upstream.callsTo('POST')).toEqual([])
})

test('a create with a failed or unknown asset is refused at once', async () => {
  const upstream = await withAssets('Failed')
  const app = await startApp({ UPSTREAM_URL: upstream.url })

  expect(await accept(app, 'Asset-1')).toMatchObject({ code: 'ASSETS_NOT_READY', retryable: false })
  expect(await accept(app, 'Asset-9')).toMatchObject({ code: 'NOT_FOUND' })
})

test('unregistered assets are read once each and in parallel', async () => {
  const upstream = await withAssets('Processing', 'Processing', 'Active')
  const reads: string[] = []
  const all = Promise.withResolvers<undefined>()
  upstream.intercept = ({ path }) => {
    reads.push(path)
    if (reads.length === 3) all.resolve(undefined)
    return all.promise
  }
  const slow = { ASSET_POLL_MIN_MS: '60000', ASSET_POLL_MAX_MS: '60000' }
  const app = await startApp({ UPSTREAM_URL: upstream.url, ...slow })

  const accepted = await accept(app, 'Asset-1', 'Asset-2', 'Asset-3', 'Asset-1')
  const listed = await app.query('{ assets { nodes { assetId status } } }')

  expect(accepted).toMatchObject({ status: 'WAITING_FOR_ASSETS' })
  expect(reads.sort()).toEqual([1, 2, 3].map((number) => `/v1/assets/Asset-${number}`))
  expect(listed.data?.assets.nodes).toHaveLength(3)
  expect(listed.data?.assets.nodes).toEqual(
    expect.arrayContaining([
      { assetId: 'Asset-1', status: 'PROCESSING' },
      { assetId: 'Asset-2', status: 'PROCESSING' },
      { assetId: 'Asset-3', status: 'ACTIVE' },
    ]),
  )
})

test('a waiting task continues to wait after a restart', async () => {
  const upstream = await withAssets('Processing')
  const app = await startApp({ UPSTREAM_URL: upstream.url })
  const { id } = await accept(app, 'Asset-1')

  await app.stop()
  const again = await startApp({ UPSTREAM_URL: upstream.url, DATA_DIR: app.dataDir })
  const subscriber = again.subscribe(SUBSCRIBE, { id })
  const waiting = await subscriber.next()
  upstream.assets.set('Asset-1', { status: 'Active' })
  const queued = await subscriber.next()

  const states = [waiting, queued].map(({ data }) => data?.videoTaskStatusChanged.current)
  expect(states).toEqual(['WAITING_FOR_ASSETS', 'QUEUED'])
  expect(upstream.callsTo('POST')).toHaveLength(1)
})

test.for([
  ['a refusal', { status: 402, body: { detail: 'insufficient balance' } }, /balance/],
  ['a reset', 'reset', /not known whether/],
] as const)('%s during the send fails the task with the reason', async ([, answer, reason]) => {
  const upstream = await withAssets('Active')
  upstream.intercept = ({ method }) => (method === 'POST' ? answer : undefined)
  const app = await startApp({ UPSTREAM_URL: upstream.url })
  const { id } = await accept(app, 'Asset-1')

  const events = await app.subscribe(SUBSCRIBE, { id }).rest()

  const last = events.at(-1)?.data?.videoTaskStatusChanged
  expect(last.current).toBe('FAILED')
  expect(last.videoTask.failureReason).toMatch(reason)
  expect(upstream.callsTo('POST')).toHaveLength(1)
})

test('two creates with one idempotency key accept one waiting task', async () => {
  const upstream = await withAssets('Processing')
  const app = await startApp({ UPSTREAM_URL: upstream.url })
  const create = () =>
    app.query(`mutation { createVideoTask(input: {
      prompt: "A cat", waitForAssets: true, idempotencyKey: "k"
      resources: [{ role: REFERENCE, assetId: "Asset-1" }]
    }) { ... on VideoTask { id } } }`)

  const [first, second] = [await create(), await create()]

  expect(second).toEqual({ ...first, extensions: { replayed: true } })
  expect((await app.query('{ videoTasks { totalCount } }')).data?.videoTasks.totalCount).toBe(1)
})

test('ten concurrent creates with one idempotency key accept one waiting task', async () => {
  const upstream = await withAssets('Processing')
  const app = await startApp({ UPSTREAM_URL: upstream.url })
  const create = () =>
    app.query(`mutation { createVideoTask(input: {
      prompt: "A cat", waitForAssets: true, idempotencyKey: "k"
      resources: [{ role: REFERENCE, assetId: "Asset-1" }]
    }) { ... on VideoTask { id } } }`)

  const results = await Promise.all(Array.from({ length: 10 }, create))

  const ids = results.map(({ data }) => data?.createVideoTask.id)
  expect(new Set(ids).size).toBe(1)
  expect(results.filter(({ extensions }) => extensions?.replayed === true)).toHaveLength(9)
  expect((await app.query('{ videoTasks { totalCount } }')).data?.videoTasks.totalCount).toBe(1)
})

test('a repeat returns the accepted task, although its asset has failed or is gone since then', async () => {
  const upstream = await withAssets('Processing')
  const app = await startApp({ UPSTREAM_URL: upstream.url })
  const create = async () =>
    (
      await app.query(`mutation { createVideoTask(input: {
        prompt: "A cat", waitForAssets: true, idempotencyKey: "k"
        resources: [{ role: REFERENCE, assetId: "Asset-1" }]
      }) { __typename ... on VideoTask { id } } }`)
    ).data?.createVideoTask

  const first = await create()
  upstream.assets.set('Asset-1', { status: 'Failed' })
  const afterFailure = await create()
  upstream.assets.delete('Asset-1')

  expect(afterFailure).toEqual(first)
  expect(await create()).toEqual(first)
})
