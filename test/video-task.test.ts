import { expect, test } from 'vitest'
import { type Data, startApp, type TestApp, until } from './support/app.ts'
import { scriptUpstream } from './support/upstream.ts'

/** Long poll intervals, so that only the test causes reads. */
const NO_POLLING = {
  ASSET_POLL_MIN_MS: '60000',
  ASSET_POLL_MAX_MS: '60000',
  TASK_POLL_MIN_MS: '60000',
  TASK_POLL_MAX_MS: '60000',
  TERMINAL_TTL_SECONDS: '0',
}
const SUBSCRIBE = `subscription ($ids: [ID!]!, $model: String) {
  videoTaskStatusChanged(ids: $ids, model: $model) { previous current videoTask { id taskId } }
}`

async function createTask(app: TestApp, input: Data = {}): Promise<Data> {
  const { data } = await app.query(
    `mutation ($input: CreateVideoTaskInput!) { createVideoTask(input: $input) {
      ... on VideoTask { id taskId } ... on Error { code message retryable } ... on InvalidInputError { issues { path message } }
    } }`,
    { input: { prompt: 'A cat', ...input } },
  )
  return data?.createVideoTask
}

async function readTask(app: TestApp, id: string, model?: string): Promise<Data | null> {
  const { data } = await app.query(
    'query ($id: ID!, $model: String) { videoTask(id: $id, model: $model) { id taskId status model prompt } }',
    { id, model },
  )
  return data?.videoTask
}

test('a terminal task that 0-0 no longer knows is still returned', async () => {
  const upstream = await scriptUpstream()
  const app = await startApp({ UPSTREAM_URL: upstream.url, ...NO_POLLING })
  const { id, taskId } = await createTask(app)
  upstream.tasks.set(taskId, { status: 'succeeded', video: { url: 'https://example.com/v.mp4' } })
  await readTask(app, id)

  upstream.tasks.delete(taskId)
  const before = upstream.callsTo('GET').length
  const read = await readTask(app, id)
  const { data } = await app.query('query ($id: ID!) { node(id: $id) { id } }', { id })

  expect(read).toMatchObject({ id, taskId, status: 'SUCCEEDED', prompt: 'A cat' })
  expect(data?.node).toEqual({ id })
  expect(upstream.callsTo('GET')).toHaveLength(before + 2)
})

test('a non-terminal task that 0-0 does not know is null', async () => {
  const upstream = await scriptUpstream()
  const app = await startApp({ UPSTREAM_URL: upstream.url, ...NO_POLLING })
  const { id, taskId } = await createTask(app)

  upstream.tasks.delete(taskId)

  expect(await readTask(app, id)).toBeNull()
})

test('an authentication error of a read is an error and not a missing task', async () => {
  const upstream = await scriptUpstream()
  const app = await startApp({ UPSTREAM_URL: upstream.url, ...NO_POLLING })
  const { id, taskId } = await createTask(app)
  upstream.tasks.set(taskId, { status: 'succeeded' })
  await readTask(app, id)
  upstream.intercept = () => ({ status: 401, body: { detail: 'invalid api key' } })

  const { data, errors } = await app.query('query ($id: ID!) { videoTask(id: $id) { id } }', { id })

  expect(data).toEqual({ videoTask: null })
  expect(errors?.[0]?.extensions?.code).toBe('UNAUTHENTICATED')
})

test('a waiting task is returned without a call to 0-0', async () => {
  const upstream = await scriptUpstream()
  upstream.assets.set('Asset-1', { status: 'Processing' })
  const app = await startApp({ UPSTREAM_URL: upstream.url, ...NO_POLLING })
  const resources = [{ role: 'REFERENCE', assetId: 'Asset-1' }]
  const { id } = await createTask(app, { resources, waitForAssets: true })

  const read = await readTask(app, id)

  expect(read).toMatchObject({ id, taskId: null, status: 'WAITING_FOR_ASSETS', prompt: 'A cat' })
  expect(upstream.callsTo('GET /v1/video')).toEqual([])
})

test('a subscription by task id to a task that waited streams the task under its own id', async () => {
  const upstream = await scriptUpstream()
  upstream.assets.set('Asset-1', { status: 'Active' })
  const app = await startApp({ UPSTREAM_URL: upstream.url })
  const resources = [{ role: 'REFERENCE', assetId: 'Asset-1' }]
  const { id } = await createTask(app, { resources, waitForAssets: true })
  await until(async () => (await readTask(app, id))?.taskId !== null)
  const { taskId } = (await readTask(app, id)) ?? {}

  const subscriber = app.subscribe(SUBSCRIBE, { ids: [taskId] })
  const first = await subscriber.next()
  upstream.tasks.set(taskId, { status: 'succeeded' })
  const rest = await subscriber.rest()

  for (const { data } of [first, ...rest]) {
    expect(data?.videoTaskStatusChanged.videoTask).toEqual({ id, taskId })
  }
  expect(rest.at(-1)?.data?.videoTaskStatusChanged.current).toBe('SUCCEEDED')
  expect((await app.query('{ videoTasks { totalCount } }')).data?.videoTasks.totalCount).toBe(1)
})

test('a task is read with the model of its create, even when another model is given', async () => {
  const upstream = await scriptUpstream()
  const app = await startApp({ UPSTREAM_URL: upstream.url, ...NO_POLLING })
  const { id } = await createTask(app, { model: 'sora-2' })

  await readTask(app, id, 'other')
  await app.subscribe(SUBSCRIBE, { ids: [id], model: 'other' }).next()
  const read = await readTask(app, id)

  const models = upstream.callsTo('GET /v1/video').map(({ query }) => query.model)
  expect(models).toEqual(['sora-2', 'sora-2'])
  expect(read?.model).toBe('sora-2')
})

test('a task registered by a subscription keeps the model of the subscription', async () => {
  const upstream = await scriptUpstream()
  upstream.tasks.set('cgt-1', { status: 'running', model: null })
  const app = await startApp({ UPSTREAM_URL: upstream.url, ...NO_POLLING })

  await app.subscribe(SUBSCRIBE, { ids: ['cgt-1'], model: 'sora-2' }).next()
  const read = await readTask(app, 'cgt-1')

  expect(upstream.callsTo('GET').map(({ query }) => query.model)).toEqual(['sora-2', 'sora-2'])
  expect(read?.model).toBe('sora-2')
})

test('a task without a known model has the model "unknown"', async () => {
  const upstream = await scriptUpstream()
  upstream.tasks.set('cgt-1', { status: 'running', model: null })
  const app = await startApp({ UPSTREAM_URL: upstream.url, ...NO_POLLING })

  const read = await readTask(app, 'cgt-1')

  expect(read?.model).toBe('unknown')
  expect(upstream.callsTo('GET')[0]?.query).toEqual({})
})

test('a registered task is read with the model that 0-0 returned', async () => {
  const upstream = await scriptUpstream()
  upstream.tasks.set('cgt-1', { status: 'running', model: 'sora-2' })
  const app = await startApp({ UPSTREAM_URL: upstream.url, ...NO_POLLING })

  await app.subscribe(SUBSCRIBE, { ids: ['cgt-1'] }).next()
  await readTask(app, 'cgt-1')

  expect(upstream.callsTo('GET').map(({ query }) => query)).toEqual([{}, { model: 'sora-2' }])
})

test('a resource given by URL has no asset, and a resource given by id has no URL', async () => {
  const upstream = await scriptUpstream()
  upstream.assets.set('Asset-1', { status: 'Active' })
  const app = await startApp({ UPSTREAM_URL: upstream.url, ...NO_POLLING })
  const resources = [
    { role: 'REFERENCE', type: 'VIDEO', url: 'https://example.com/a.mp4' },
    { role: 'REFERENCE', assetId: 'Asset-1' },
  ]
  const { id } = await createTask(app, { resources })

  const { data } = await app.query(
    'query ($id: ID!) { videoTask(id: $id) { resources { type role url asset { assetId } } } }',
    { id },
  )

  expect(data?.videoTask.resources).toEqual([
    { type: 'VIDEO', role: 'REFERENCE', url: 'https://example.com/a.mp4', asset: null },
    { type: 'IMAGE', role: 'REFERENCE', url: null, asset: { assetId: 'Asset-1' } },
  ])
})

test('an invalid source of a resource is an issue', async () => {
  const upstream = await scriptUpstream()
  const app = await startApp({ UPSTREAM_URL: upstream.url })
  const url = 'https://example.com/a.png'
  const resources = [
    { role: 'REFERENCE' },
    { role: 'REFERENCE', url, assetId: 'Asset-1' },
    { role: 'REFERENCE', assetId: 'AssetGroup:JIMENG:group-1' },
  ]

  const { issues } = await createTask(app, { resources })

  expect(issues).toEqual([
    { path: ['resources', '0', 'assetId'], message: 'Give an assetId or a url.' },
    { path: ['resources', '1', 'url'], message: 'Give either assetId or url, not both.' },
    {
      path: ['resources', '2', 'assetId'],
      message: expect.stringMatching(/^Not an id of type Asset\. Give "Asset:JIMENG:…"/),
    },
  ])
  expect(upstream.calls).toEqual([])
})

test('the error for an unknown asset names its id and platform', async () => {
  const upstream = await scriptUpstream()
  const app = await startApp({ UPSTREAM_URL: upstream.url })
  const resources = [{ role: 'REFERENCE', assetId: 'Asset-9', platform: 'BYTEPLUS' }]

  expect(await createTask(app, { resources })).toMatchObject({
    code: 'NOT_FOUND',
    message: '0-0 knows no asset Asset-9 on BYTEPLUS.',
    retryable: false,
  })
})

test('an asset that is ACTIVE in the ledger is not read again for a task', async () => {
  const upstream = await scriptUpstream()
  upstream.assets.set('Asset-1', { status: 'Active' })
  const app = await startApp({ UPSTREAM_URL: upstream.url, ...NO_POLLING })
  const query = 'subscription { assetStatusChanged(ids: ["Asset-1"]) { current } }'
  await app.subscribe(query).rest()
  const before = upstream.calls.length

  const resources = [{ role: 'REFERENCE', assetId: 'Asset-1' }]
  const { taskId } = await createTask(app, { resources })

  expect(taskId).toMatch(/^cgt-/)
  expect(upstream.calls.slice(before).map(({ method }) => method)).toEqual(['POST'])
})

test('an asset without a type from 0-0 may be used as any type', async () => {
  const upstream = await scriptUpstream()
  upstream.assets.set('Asset-1', { status: 'Active', asset_type: null })
  const app = await startApp({ UPSTREAM_URL: upstream.url, ...NO_POLLING })

  const resources = [{ role: 'REFERENCE', type: 'VIDEO', assetId: 'Asset-1' }]

  expect((await createTask(app, { resources })).taskId).toMatch(/^cgt-/)
})

test('a preview at the resource limit reads every asset, and one over it reads none', async () => {
  const upstream = await scriptUpstream()
  const app = await startApp({ UPSTREAM_URL: upstream.url, ...NO_POLLING })
  const preview = async (count: number) => {
    const resources = Array.from({ length: count }, (_, index) => ({
      role: 'REFERENCE',
      assetId: `Asset-${index + 1}`,
    }))
    const before = upstream.calls.length
    await app.query(
      'query ($input: CreateVideoTaskInput!) { previewVideoTask(input: $input) { submittable } }',
      { input: { prompt: 'A cat', resources } },
    )
    return upstream.calls.length - before
  }

  expect(await preview(12)).toBe(12)
  expect(await preview(13)).toBe(0)
})

test('a preview with an issue and a pending asset is not submittable', async () => {
  const upstream = await scriptUpstream()
  upstream.assets.set('Asset-1', { status: 'Processing' })
  const app = await startApp({ UPSTREAM_URL: upstream.url, ...NO_POLLING })
  const resources = [
    { role: 'REFERENCE', assetId: 'Asset-1' },
    { role: 'REFERENCE', assetId: 'Asset-9' },
  ]

  const { data } = await app.query(
    `query ($input: CreateVideoTaskInput!) { previewVideoTask(input: $input) {
      submittable issues { message } pendingAssets { assetId }
    } }`,
    { input: { prompt: 'A cat', resources } },
  )

  expect(data?.previewVideoTask).toEqual({
    submittable: false,
    issues: [{ message: '0-0 knows no asset Asset-9 on JIMENG.' }],
    pendingAssets: [{ assetId: 'Asset-1' }],
  })
})
