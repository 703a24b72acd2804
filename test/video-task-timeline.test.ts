import { expect, test } from 'vitest'
import { type Data, KEY, type Subscriber, startApp, subscribe, until } from './support/app.ts'
import { isPostgres } from './support/engine.ts'
import { scriptUpstream } from './support/upstream.ts'

const TIMELINE = `subscription ($id: ID!) { videoTaskTimeline(id: $id) {
  at type message asset { assetId } videoTask { id taskId }
} }`
const CREATE = `mutation ($resources: [VideoResourceInput!]) { createVideoTask(input: {
  prompt: "A cat", waitForAssets: true, resources: $resources
}) { ... on VideoTask { id } ... on Error { message } } }`

async function start(statuses: Record<string, string>, environment: Record<string, string> = {}) {
  const upstream = await scriptUpstream()
  for (const [id, status] of Object.entries(statuses)) upstream.assets.set(id, { status })
  const app = await startApp({ UPSTREAM_URL: upstream.url, ...environment })
  return { upstream, app }
}

type App = Awaited<ReturnType<typeof startApp>>

async function createTask(app: App, ...assetIds: string[]): Promise<string> {
  const resources = assetIds.map((assetId) => ({ role: 'REFERENCE', assetId }))
  const { data, errors } = await app.query(CREATE, { resources })
  const id = data?.createVideoTask?.id
  if (id === undefined) throw new Error(JSON.stringify({ data, errors }))
  return id
}

async function nextOf(subscriber: Subscriber): Promise<Data> {
  const { data, errors } = await subscriber.next()
  if (errors) throw new Error(JSON.stringify(errors))
  return data?.videoTaskTimeline
}

async function restOf(subscriber: Subscriber): Promise<Data[]> {
  return (await subscriber.rest()).map(({ data }) => data?.videoTaskTimeline)
}

const typesOf = (events: Data[]) =>
  events.map(({ type, asset }) => (asset ? `${type} ${asset.assetId}` : type))

test('a waiting task is followed from ACCEPTED to SUCCEEDED, and a late subscriber gets the same events', async () => {
  const { upstream, app } = await start({ 'Asset-1': 'Active', 'Asset-2': 'Processing' })
  const id = await createTask(app, 'Asset-1', 'Asset-2')
  const live = app.subscribe(TIMELINE, { id })
  const events = [await nextOf(live), await nextOf(live)]

  upstream.assets.set('Asset-2', { status: 'Active' })
  events.push(await nextOf(live), await nextOf(live))
  const { taskId } = events[3]?.videoTask ?? {}
  upstream.tasks.set(taskId, { status: 'running' })
  events.push(await nextOf(live))
  for (const progress of [10, 60]) {
    upstream.tasks.set(taskId, { status: 'running', progress })
    events.push(await nextOf(live))
  }
  upstream.tasks.set(taskId, { status: 'succeeded', video: { url: 'https://example.com/v.mp4' } })
  events.push(...(await restOf(live)))
  const late = await restOf(app.subscribe(TIMELINE, { id }))

  expect(typesOf(events)).toEqual([
    'ACCEPTED',
    'ASSET_READY Asset-1',
    'ASSET_READY Asset-2',
    'SENT',
    'STARTED',
    'PROGRESSED',
    'PROGRESSED',
    'SUCCEEDED',
  ])
  expect(events[5]?.message).toBe('The video is 10% done.')
  const times = events.map(({ at }) => Date.parse(at))
  expect(times).toEqual(times.toSorted((one, other) => one - other))
  const withoutTask = (list: Data[]) => list.map(({ videoTask: _, ...event }) => event)
  expect(withoutTask(late)).toEqual(withoutTask(events))
  await until(() => app.listeners() === 0)
})

test('a failing asset ends the timeline of a waiting task', async () => {
  const { upstream, app } = await start({ 'Asset-1': 'Processing', 'Asset-2': 'Processing' })
  const id = await createTask(app, 'Asset-1', 'Asset-2')
  const live = app.subscribe(TIMELINE, { id })
  const events = [await nextOf(live)]

  upstream.assets.set('Asset-2', { status: 'Failed', error: { Code: 'DownloadFailed' } })
  events.push(...(await restOf(live)))

  expect(typesOf(events)).toEqual(['ACCEPTED', 'ASSET_FAILED Asset-2', 'FAILED'])
  expect(events[1]?.message).toMatch(/^The asset "Asset Asset-2" \(Asset-2\) failed: .*Download/)
  expect(events[2]?.message).toContain('Asset-2')
})

test('a task that was created elsewhere has a timeline, and an unknown one is NOT_FOUND', async () => {
  const { upstream, app } = await start({})
  upstream.tasks.set('cgt-1', { status: 'running', created_at: 1_700_000_000 })
  const live = app.subscribe(TIMELINE, { id: 'cgt-1' })
  const events = [await nextOf(live), await nextOf(live), await nextOf(live)]
  upstream.tasks.set('cgt-1', { status: 'failed', error: { message: 'blocked' } })
  events.push(...(await restOf(live)))

  const unknown = await app.subscribe(TIMELINE, { id: 'cgt-2' }).next()

  expect(typesOf(events)).toEqual(['ACCEPTED', 'SENT', 'STARTED', 'FAILED'])
  expect(events[0]?.at).toBe('2023-11-14T22:13:20.000Z')
  expect(events[3]?.message).toBe('The task failed: blocked.')
  expect(unknown.errors?.[0]?.extensions).toMatchObject({ code: 'NOT_FOUND', ids: ['cgt-2'] })
})

test('a timeline continues after the service was restarted in the middle', async () => {
  const { upstream, app } = await start({ 'Asset-1': 'Processing' })
  const id = await createTask(app, 'Asset-1')
  const before = app.subscribe(TIMELINE, { id })
  const events = [await nextOf(before)]
  upstream.assets.set('Asset-1', { status: 'Active' })
  events.push(await nextOf(before), await nextOf(before))
  await app.stop()

  const again = await startApp({ UPSTREAM_URL: upstream.url, DATA_DIR: app.dataDir })
  const after = again.subscribe(TIMELINE, { id })
  const repeated = [await nextOf(after), await nextOf(after), await nextOf(after)]
  upstream.tasks.set(events[2]?.videoTask.taskId, { status: 'succeeded' })
  const rest = await restOf(after)

  expect(typesOf(repeated)).toEqual(['ACCEPTED', 'ASSET_READY Asset-1', 'SENT'])
  expect(repeated).toMatchObject(events.map(({ at, type }) => ({ at, type })))
  expect(typesOf(rest)).toEqual(['SUCCEEDED'])
})

test.runIf(isPostgres)('a timeline is live at a process that does none of the work', async () => {
  const { upstream, app } = await start({ 'Asset-1': 'Processing' })
  const other = await startApp({
    UPSTREAM_URL: 'http://127.0.0.1:9',
    DATA_DIR: app.dataDir,
  })
  const id = await createTask(app, 'Asset-1')
  const live = subscribe(other.url, TIMELINE, { id }, KEY)
  const events = [await nextOf(live)]

  await app.query('{ asset(id: "Asset-1") { status } }')
  upstream.assets.set('Asset-1', { status: 'Active' })
  await app.query('{ asset(id: "Asset-1") { status } }')
  events.push(await nextOf(live))

  expect(typesOf(events)).toEqual(['ACCEPTED', 'ASSET_READY Asset-1'])
})

test('only a subscriber that asks for it gets changes of only the progress', async () => {
  const { upstream, app } = await start({})
  upstream.tasks.set('cgt-1', { status: 'running', progress: 10 })
  const query = (includeProgress: boolean) => `subscription {
    videoTaskStatusChanged(ids: ["cgt-1"], includeProgress: ${includeProgress}) {
      previous current videoTask { progress }
    }
  }`
  const asked = app.subscribe(query(true))
  const without = app.subscribe(query(false))
  const events = [await asked.next()]
  const few = [await without.next()]

  upstream.tasks.set('cgt-1', { status: 'running', progress: 50 })
  events.push(await asked.next())
  upstream.tasks.set('cgt-1', { status: 'succeeded' })
  events.push(...(await asked.rest()))
  few.push(...(await without.rest()))

  const shown = (list: typeof events) =>
    list.map(({ data }) => {
      const { previous, current, videoTask } = data?.videoTaskStatusChanged ?? {}
      return [previous, current, videoTask.progress]
    })
  expect(shown(events)).toEqual([
    [null, 'RUNNING', 10],
    ['RUNNING', 'RUNNING', 50],
    ['RUNNING', 'SUCCEEDED', null],
  ])
  expect(shown(few)).toEqual([
    [null, 'RUNNING', 10],
    ['RUNNING', 'SUCCEEDED', null],
  ])
})
