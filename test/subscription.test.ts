import { setTimeout as pause } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { startApp, until } from './support/app.ts'
import { scriptUpstream } from './support/upstream.ts'

const SUBSCRIBE = `subscription ($ids: [ID!]!) {
  assetStatusChanged(ids: $ids) {
    previous
    current
    asset { id status failureReason group { name } }
  }
}`
const SUBSCRIBE_GROUP = `subscription {
  assetGroupStatusChanged(id: "group-1") { previous current asset { assetId sourceUrl } }
}`
const REGISTER = `mutation { createAsset(input: { groupId: "group-1", url: "https://example.com/a.png" }) {
  ... on Asset { assetId status }
} }`

test('a subscription streams an asset from its current status to its terminal status and completes', async () => {
  const upstream = await scriptUpstream()
  upstream.assets.set('Asset-1', { status: 'Processing' })
  const app = await startApp({ UPSTREAM_URL: upstream.url })

  const subscriber = app.subscribe(SUBSCRIBE, { ids: ['Asset-1'] })
  const first = await subscriber.next()
  upstream.assets.set('Asset-1', { status: 'Active' })
  const rest = await subscriber.rest()

  expect(first.data?.assetStatusChanged).toMatchObject({ previous: null, current: 'PROCESSING' })
  expect(rest.map(({ data }) => data?.assetStatusChanged)).toEqual([
    {
      previous: 'PROCESSING',
      current: 'ACTIVE',
      asset: {
        id: 'Asset:JIMENG:Asset-1',
        status: 'ACTIVE',
        failureReason: null,
        group: { name: 'Group group-1' },
      },
    },
  ])
})

test('a subscription completes at once when every entity is already terminal', async () => {
  const upstream = await scriptUpstream()
  upstream.assets.set('Asset-1', { status: 'Active' })
  upstream.assets.set('Asset-2', { status: 'Failed', error: { Code: 'DownloadFailed' } })
  const app = await startApp({ UPSTREAM_URL: upstream.url })

  const events = await app.subscribe(SUBSCRIBE, { ids: ['Asset-1', 'Asset-2'] }).rest()

  expect(events.map(({ data }) => data?.assetStatusChanged.current)).toEqual(['ACTIVE', 'FAILED'])
  expect(events[1]?.data?.assetStatusChanged.asset.failureReason).toContain('DownloadFailed')
})

const SUBSCRIBE_TASKS = `subscription ($ids: [ID!]!) {
  videoTaskStatusChanged(ids: $ids) { previous current }
}`

test.for([
  ['assets', SUBSCRIBE, ['Asset-9', 'Asset-1', 'Asset:BYTEPLUS:Asset-8', 'Asset:JIMENG:Asset-9']],
  ['video tasks', SUBSCRIBE_TASKS, ['cgt-9', 'cgt-1', 'VideoTask:cgt-8', 'VideoTask:cgt-9']],
] as const)(
  'a subscription to unknown %s ends with NOT_FOUND and lists the ids as given',
  async ([, query, ids]) => {
    const upstream = await scriptUpstream()
    upstream.assets.set('Asset-1', { status: 'Active' })
    upstream.tasks.set('cgt-1', { status: 'succeeded' })
    const app = await startApp({ UPSTREAM_URL: upstream.url })

    const [result, ...more] = await app.subscribe(query, { ids }).rest()
    const { message, extensions } = result?.errors?.[0] ?? {}
    const unknown = extensions?.ids as string[]
    const known = ids.filter((id) => !unknown.includes(id))
    const events = await app.subscribe(query, { ids: known }).rest()

    expect(more).toEqual([])
    expect(message).toBe('Not found: 3 of 4 ids, named in extensions.ids.')
    expect(extensions).toMatchObject({ code: 'NOT_FOUND', retryable: false })
    expect(unknown.toSorted()).toEqual([ids[0], ids[2], ids[3]].toSorted())
    expect(events).toHaveLength(1)
    expect(events[0]?.errors).toBeUndefined()
    expect(app.listeners()).toBe(0)
  },
)

test('the message of a subscription to one unknown id names the id', async () => {
  const upstream = await scriptUpstream()
  const app = await startApp({ UPSTREAM_URL: upstream.url })

  const [result] = await app.subscribe(SUBSCRIBE, { ids: ['Asset-9'] }).rest()

  expect(result?.errors?.[0]?.message).toBe('Not found: Asset-9.')
})

test('a subscription ends with another error instead of NOT_FOUND when a lookup fails', async () => {
  const upstream = await scriptUpstream()
  upstream.intercept = ({ path }) =>
    path.endsWith('Asset-1') ? { status: 403, body: { message: 'no' } } : undefined
  const app = await startApp({ UPSTREAM_URL: upstream.url })

  const [result] = await app.subscribe(SUBSCRIBE, { ids: ['Asset-9', 'Asset-1'] }).rest()

  expect(result?.errors?.[0]?.extensions?.code).not.toBe('NOT_FOUND')
})

test.for([
  ['assets', [], 'ids: Give between 1 and 2 ids.'],
  ['video tasks', [], 'ids: Give between 1 and 2 ids.'],
  ['video tasks', ['cgt-1', 'cgt-2', 'cgt-3'], 'ids: Give between 1 and 2 ids.'],
  ['assets', ['Asset-1', '../x'], /^ids\.1: Not an id of type Asset\./],
  ['assets', ['VideoTask:cgt-1'], /^ids\.0: Not an id of type Asset\./],
  ['video tasks', ['cgt-1', 'Asset:JIMENG:Asset-1'], /^ids\.1: Not an id of type VideoTask\./],
] as const)(
  'a subscription to %s with the ids %j is refused and sends nothing to 0-0',
  async ([what, ids, message]) => {
    const upstream = await scriptUpstream()
    const app = await startApp({ UPSTREAM_URL: upstream.url, MAX_SUBSCRIPTION_IDS: '2' })

    const query = what === 'assets' ? SUBSCRIBE : SUBSCRIBE_TASKS
    const [result] = await app.subscribe(query, { ids }).rest()

    expect(result?.errors?.[0]).toMatchObject({
      message: expect.stringMatching(message),
      extensions: { code: 'INVALID_INPUT', retryable: false },
    })
    expect(upstream.calls).toEqual([])
  },
)

test('a subscription at the id limit streams an entity once when two ids name it', async () => {
  const upstream = await scriptUpstream()
  upstream.assets.set('Asset-1', { status: 'Active' })
  const app = await startApp({ UPSTREAM_URL: upstream.url, MAX_SUBSCRIPTION_IDS: '2' })

  const ids = ['Asset-1', 'Asset:JIMENG:Asset-1']
  const events = await app.subscribe(SUBSCRIBE.replace('group { name }', ''), { ids }).rest()

  expect(events).toHaveLength(1)
  expect(upstream.calls).toHaveLength(1)
})

test('a change has its observation time, and a subscription to an unknown group is NOT_FOUND', async () => {
  const upstream = await scriptUpstream()
  upstream.assets.set('Asset-1', { status: 'Active' })
  upstream.groups.clear()
  const app = await startApp({ UPSTREAM_URL: upstream.url })
  const query = 'subscription { assetStatusChanged(ids: ["Asset-1"]) { observedAt } }'

  const before = Date.now()
  const [event] = await app.subscribe(query).rest()
  const [refused] = await app.subscribe(SUBSCRIBE_GROUP).rest()
  const observedAt = Date.parse(event?.data?.assetStatusChanged.observedAt)

  expect(observedAt).toBeGreaterThanOrEqual(before - 1)
  expect(observedAt).toBeLessThanOrEqual(Date.now())
  expect(refused?.errors?.[0]?.extensions?.code).toBe('NOT_FOUND')
  expect(app.listeners()).toBe(0)
})

test('a task is read with the model of its create, otherwise with the given model', async () => {
  const upstream = await scriptUpstream()
  for (const id of ['cgt-a', 'cgt-b']) upstream.tasks.set(id, { status: 'succeeded' })
  const app = await startApp({ UPSTREAM_URL: upstream.url, WATCH_DEADLINE_MINUTES: '0.005' })
  const { data } = await app.query(
    'mutation { createVideoTask(input: { prompt: "A cat" }) { ... on VideoTask { taskId } } }',
  )
  const created = data?.createVideoTask.taskId
  const query = `subscription ($ids: [ID!]!, $model: String) {
    videoTaskStatusChanged(ids: $ids, model: $model) { current videoTask { failureReason } }
  }`
  const modelsOf = async (id: string, model: string | null) => {
    const events = await app.subscribe(query, { ids: [id], model }).rest()
    expect(events.flatMap(({ errors = [] }) => errors)).toEqual([])
    return upstream.callsTo(`GET /v1/video/tasks/${id}`).map(({ query }) => query.model)
  }

  expect(await modelsOf('cgt-a', 'other-model')).toEqual(['other-model'])
  expect(await modelsOf('cgt-b', null)).toEqual([undefined])
  const untilDeadline = await modelsOf(created, null)
  const afterResume = await modelsOf(created, 'other-model')
  expect(afterResume.length).toBeGreaterThan(untilDeadline.length)
  expect(new Set(afterResume)).toEqual(new Set(['seedance-2-0']))
})

test('1000 subscribers of one asset cause the polls of one subscriber, and each sees every change once', async () => {
  const upstream = await scriptUpstream()
  upstream.assets.set('Asset-1', { status: 'Processing' })
  const app = await startApp({
    UPSTREAM_URL: upstream.url,
    ASSET_POLL_MIN_MS: '200',
    ASSET_POLL_MAX_MS: '200',
    MAX_SOCKET_OPERATIONS: '1001',
  })
  const { client } = app.subscribe(SUBSCRIBE, { ids: ['Asset-1'] })
  const query = SUBSCRIBE.replace('group { name }', '')
  const streams = Array.from({ length: 1_000 }, () =>
    client.iterate({ query, variables: { ids: ['Asset-1'] } }),
  )
  await Promise.all(streams.map((stream) => stream.next()))
  const before = upstream.callsTo('GET /v1/assets/').length
  const since = Date.now()

  await until(() => upstream.callsTo('GET /v1/assets/').length >= before + 3)
  upstream.assets.set('Asset-1', { status: 'Active' })
  const ends = await Promise.all(
    streams.map(async (stream) => [await stream.next(), await stream.next()]),
  )

  const polls = upstream.callsTo('GET /v1/assets/').length - before
  expect(polls).toBeLessThanOrEqual(Math.ceil((Date.now() - since) / 160) + 1)
  for (const [change, end] of ends) {
    expect(change?.value?.data).toMatchObject({ assetStatusChanged: { current: 'ACTIVE' } })
    expect(end?.done).toBe(true)
  }
})

test('a late response with an earlier status is not a change', async () => {
  const upstream = await scriptUpstream()
  upstream.assets.set('Asset-1', { status: 'Processing' })
  const app = await startApp({ UPSTREAM_URL: upstream.url, TERMINAL_TTL_SECONDS: '0.001' })
  const subscriber = app.subscribe(SUBSCRIBE, { ids: ['Asset-1'] })
  await subscriber.next()
  upstream.assets.set('Asset-1', { status: 'Active' })
  await subscriber.rest()

  upstream.assets.set('Asset-1', { status: 'Processing' })
  const { data } = await app.query('{ asset(id: "Asset-1") { status } }')
  const events = await app.subscribe(SUBSCRIBE, { ids: ['Asset-1'] }).rest()

  expect(data?.asset.status).toBe('ACTIVE')
  expect(events.map(({ data }) => data?.assetStatusChanged.current)).toEqual(['ACTIVE'])
})

test('a group subscription streams existing and added assets and does not complete', async () => {
  const upstream = await scriptUpstream()
  const app = await startApp({ UPSTREAM_URL: upstream.url })
  const { data } = await app.query(REGISTER)
  const present = data?.createAsset.assetId

  const subscriber = app.subscribe(SUBSCRIBE_GROUP)
  const first = await subscriber.next()
  const added = (await app.query(REGISTER)).data?.createAsset.assetId
  const second = await subscriber.next()
  upstream.assets.set(present, { status: 'Active' })
  const third = await subscriber.next()
  upstream.assets.set(added, { status: 'Failed' })
  const fourth = await subscriber.next()

  const asset = (assetId: string) => ({ assetId, sourceUrl: 'https://example.com/a.png' })
  expect([first, second, third, fourth].map(({ data }) => data?.assetGroupStatusChanged)).toEqual([
    { previous: null, current: 'PROCESSING', asset: asset(present) },
    { previous: null, current: 'PROCESSING', asset: asset(added) },
    { previous: 'PROCESSING', current: 'ACTIVE', asset: asset(present) },
    { previous: 'PROCESSING', current: 'FAILED', asset: asset(added) },
  ])
})

test('a group subscription works when 0-0 omits the group of an asset', async () => {
  const upstream = await scriptUpstream()
  upstream.intercept = ({ method, path }) => {
    if (method === 'POST') {
      upstream.assets.set('Asset-7', { status: 'Processing' })
      return { body: { code: 200, data: { id: 'Asset-7' } } }
    }
    const asset = upstream.assets.get('Asset-7')
    return path.endsWith('Asset-7')
      ? { body: { code: 200, data: { asset_id: 'Asset-7', status: asset?.status } } }
      : undefined
  }
  const app = await startApp({ UPSTREAM_URL: upstream.url })
  const subscriber = app.subscribe(SUBSCRIBE_GROUP)
  await until(() => app.listeners() === 1)

  const created = await app.query(REGISTER)
  const events = [await subscriber.next(), await subscriber.next()]
  upstream.assets.set('Asset-7', { status: 'Active' })
  events.push(await subscriber.next())

  expect(created.data?.createAsset.assetId).toBe('Asset-7')
  const changes = events.map(({ data }) => data?.assetGroupStatusChanged.current)
  expect(changes).toEqual(['UNKNOWN', 'PROCESSING', 'ACTIVE'])
})

test('each event reads its links from 0-0 again', async () => {
  const upstream = await scriptUpstream()
  upstream.assets.set('Asset-1', { status: 'Processing' })
  const app = await startApp({ UPSTREAM_URL: upstream.url })
  const subscriber = app.subscribe(SUBSCRIBE, { ids: ['Asset-1'] })
  await subscriber.next()

  upstream.intercept = ({ path }) =>
    path.startsWith('/v1/asset-groups')
      ? { body: { code: 200, data: { group_id: 'group-1', name: 'Renamed', status: 'Active' } } }
      : undefined
  upstream.assets.set('Asset-1', { status: 'Active' })
  const { data } = await subscriber.next()

  expect(data?.assetStatusChanged.asset.group.name).toBe('Renamed')
})

test.for([
  ['completes the operation', (subscriber: { leave(): void }) => subscriber.leave()],
  [
    'closes the socket without a close frame',
    (subscriber: { client: { terminate(): void } }) => subscriber.client.terminate(),
  ],
] as const)('the listener is removed when a subscriber %s', async ([, leave]) => {
  const upstream = await scriptUpstream()
  upstream.assets.set('Asset-1', { status: 'Processing' })
  const app = await startApp({ UPSTREAM_URL: upstream.url })
  const subscriber = app.subscribe(SUBSCRIBE, { ids: ['Asset-1'] })
  await subscriber.next()
  expect(app.listeners()).toBe(1)

  leave(subscriber as never)

  await until(() => app.listeners() === 0, 1_000)
  upstream.assets.set('Asset-1', { status: 'Active' })
  await until(async () => {
    const { data } = await app.query('{ assets(status: ACTIVE) { totalCount } }')
    return data?.assets.totalCount === 1
  })
})

test('a subscriber that pauses receives every missed change in order', async () => {
  const upstream = await scriptUpstream()
  upstream.tasks.set('cgt-1', { status: 'queued' })
  const app = await startApp({ UPSTREAM_URL: upstream.url })
  const subscriber = app.subscribe(
    'subscription { videoTaskStatusChanged(ids: ["cgt-1"]) { previous current } }',
  )
  await subscriber.next()

  upstream.tasks.set('cgt-1', { status: 'running' })
  await until(async () => (await statusOf(app)) === 'RUNNING')
  upstream.tasks.set('cgt-1', { status: 'succeeded', video: { url: 'https://example.com/v.mp4' } })
  await until(async () => (await statusOf(app)) === 'SUCCEEDED')
  await pause(0)
  const events = await subscriber.rest()

  expect(events.map(({ data }) => data?.videoTaskStatusChanged)).toEqual([
    { previous: 'QUEUED', current: 'RUNNING' },
    { previous: 'RUNNING', current: 'SUCCEEDED' },
  ])
})

async function statusOf(app: { query(query: string): Promise<{ data?: unknown }> }) {
  const { data } = await app.query('{ videoTasks { nodes { status } } }')
  return (data as { videoTasks: { nodes: { status: string }[] } }).videoTasks.nodes[0]?.status
}
