import { expect, test } from 'vitest'
import type { EntityRef } from '../src/ledger/entity.ts'
import type { Ledger } from '../src/ledger/ledger.ts'
import { type Data, KEY, startApp, type TestApp, temporaryFolder, until } from './support/app.ts'
import { isPostgres } from './support/engine.ts'
import {
  assetEntityRef,
  assetSeen,
  claim,
  nextPoll,
  openTestLedger,
  registerAsset,
  registerTask,
  taskEntityRef,
  taskSeen,
} from './support/ledger.ts'
import { LONG_MS, openTestLedgerWithDatabase, startTestTracker } from './support/tracking.ts'
import { type ScriptedUpstream, scriptUpstream } from './support/upstream.ts'
import { registerWaiting, registerWaitingTask, requestNaming } from './support/waiting-task.ts'

const CREATE = `mutation { createVideoTask(input: { prompt: "A cat", waitForAssets: true,
  resources: [{ role: REFERENCE, assetId: "Asset-1" }] }) { ... on VideoTask { id } } }`
const CANCEL = `mutation ($id: ID!) { cancelVideoTask(id: $id) {
  __typename ... on VideoTask { id status failureReason }
  ... on Error { code retryable } ... on NotCancellableError { videoTask { id status } }
} }`
const SUBSCRIBE = `subscription ($id: ID!) { videoTaskStatusChanged(ids: [$id]) {
  previous current } }`

/** An app whose 0-0 has the asset `Asset-1`, and a task that waits for it. */
async function startWaiting() {
  const upstream = await scriptUpstream()
  upstream.assets.set('Asset-1', { status: 'Processing' })
  const app = await startApp({ UPSTREAM_URL: upstream.url })
  const { data } = await app.query(CREATE)
  return { upstream, app, id: data?.createVideoTask.id as string }
}

async function cancel(app: TestApp, id: string, key = KEY): Promise<Data> {
  return (await app.query(CANCEL, { id }, key)).data?.cancelVideoTask
}

test('a waiting task is CANCELLED, its subscriptions complete, and it is never sent', async () => {
  const { upstream, app, id } = await startWaiting()
  const subscriber = app.subscribe(SUBSCRIBE, { id })
  await subscriber.next()

  const cancelled = await cancel(app, id)
  const events = await subscriber.rest()
  upstream.assets.set('Asset-1', { status: 'Active' })
  await app.subscribe('subscription { assetStatusChanged(ids: ["Asset-1"]) { current } }').rest()

  expect(cancelled).toEqual({
    __typename: 'VideoTask',
    id,
    status: 'CANCELLED',
    failureReason: null,
  })
  expect(events.map(({ data }) => data?.videoTaskStatusChanged)).toEqual([
    { previous: 'WAITING_FOR_ASSETS', current: 'CANCELLED' },
  ])
  expect(upstream.callsTo('POST')).toEqual([])
})

test('a repeated cancel returns the cancelled task', async () => {
  const { app, id } = await startWaiting()

  const first = await cancel(app, id)
  const again = await cancel(app, id.replace('VideoTask:', ''))

  expect(first.status).toBe('CANCELLED')
  expect(again).toEqual(first)
})

test('a task that was sent is not cancellable, with the id of this service and that of 0-0', async () => {
  const { upstream, app, id } = await startWaiting()
  const subscriber = app.subscribe(
    'subscription ($id: ID!) { videoTaskStatusChanged(ids: [$id]) { current videoTask { taskId } } }',
    { id },
  )
  await subscriber.next()
  upstream.assets.set('Asset-1', { status: 'Active' })
  const { videoTask } = (await subscriber.next()).data?.videoTaskStatusChanged ?? {}

  const results = [await cancel(app, id), await cancel(app, videoTask.taskId)]

  expect(results).toEqual(
    Array(2).fill({
      __typename: 'NotCancellableError',
      code: 'NOT_CANCELLABLE',
      retryable: false,
      videoTask: { id, status: 'QUEUED' },
    }),
  )
})

test('a task that 0-0 alone knows is not cancellable, also when 0-0 cancelled it', async () => {
  const upstream = await scriptUpstream()
  upstream.tasks.set('cgt-1', { status: 'running' })
  upstream.tasks.set('cgt-2', { status: 'cancelled' })
  const app = await startApp({ UPSTREAM_URL: upstream.url })

  const statuses = [await cancel(app, 'cgt-1'), await cancel(app, 'VideoTask:cgt-2')].map(
    ({ code, videoTask }) => [code, videoTask.status],
  )

  expect(statuses).toEqual([
    ['NOT_CANCELLABLE', 'RUNNING'],
    ['NOT_CANCELLABLE', 'CANCELLED'],
  ])
})

test('an unknown task and the waiting task of another tenant are not found', async () => {
  const { app, id } = await startWaiting()

  const unknown = await cancel(app, 'cgt-unknown')
  const foreign = await cancel(app, id, 'sk-other')

  const notFound = { __typename: 'NotFoundError', code: 'NOT_FOUND', retryable: false }
  expect([unknown, foreign]).toEqual([notFound, notFound])
  expect((await cancel(app, id)).status).toBe('CANCELLED')
})

test('an id of another kind is an invalid input, and a cancel needs credentials', async () => {
  const { app, id } = await startWaiting()

  const other = await app.query(CANCEL, { id: 'Asset:JIMENG:Asset-1' })
  const anonymous = await app.query(CANCEL, { id }, null)

  expect(other.errors?.[0]?.extensions).toMatchObject({ code: 'INVALID_INPUT' })
  expect(anonymous.errors?.[0]?.extensions).toMatchObject({ code: 'UNAUTHENTICATED' })
})

test('a cancel deletes the poll job and the last credential, and appends one transition', async () => {
  const { ledger, database } = await openTestLedgerWithDatabase()
  const ref = await registerWaiting(ledger, 'zg-1')
  const before = await ledger.find(ref)

  const first = await ledger.cancelWaitingTask(ref)
  const again = await ledger.cancelWaitingTask(ref)

  expect(first).toMatchObject({ isCancelled: true, task: { snapshot: { status: 'CANCELLED' } } })
  expect(again).toEqual({ ...first, isCancelled: false })
  const transitions = await ledger.transitionsAfter(ref, before?.seq ?? 0)
  expect(transitions.map(({ previous, current }) => [previous, current])).toEqual([
    ['WAITING_FOR_ASSETS', 'CANCELLED'],
  ])
  for (const table of ['poll_job', 'awaited_asset', 'credential'] as const) {
    expect(await database.selectFrom(table).selectAll().execute()).toEqual([])
  }
})

test('a cancel keeps the credential that another poll job needs', async () => {
  const { ledger, database } = await openTestLedgerWithDatabase()
  const ref = await registerWaiting(ledger, 'zg-1', 'Asset-1')

  await ledger.cancelWaitingTask(ref)

  expect(await database.selectFrom('credential').select('tenant').execute()).toHaveLength(1)
  expect(await ledger.countPollJobs()).toBe(1)
})

test('a claim that began before the cancel can neither send the task nor change it', async () => {
  const ledger = await openTestLedger()
  const ref = await registerWaiting(ledger, 'zg-1')
  const [job] = await claim(ledger)
  if (!job) throw new Error('Nothing was claimed.')

  await ledger.cancelWaitingTask(ref)

  expect(await ledger.pollJobs.markSent(job)).toBe(false)
  const failed = taskSeen('FAILED', { taskId: null })
  expect(await ledger.pollJobs.conclude(job, failed, { pollingEndedReason: 'late' })).toBe(false)
  expect(await ledger.pollJobs.conclude(job, null, { ...nextPoll(), submission: 'WAITING' })).toBe(
    false,
  )
  expect((await ledger.find(ref))?.snapshot.status).toBe('CANCELLED')
  expect(await ledger.countPollJobs()).toBe(0)
})

test('a task that is marked as sent, queued or unknown is not cancelled', async () => {
  const ledger = await openTestLedger()
  const ref = await registerWaiting(ledger, 'zg-1')
  const [job] = await claim(ledger)
  if (!job) throw new Error('Nothing was claimed.')
  await ledger.pollJobs.markSent(job)
  const queued = await registerTask(ledger, 'cgt-2')

  const results = [await ledger.cancelWaitingTask(ref), await ledger.cancelWaitingTask(queued)]

  expect(results.map((result) => [result?.isCancelled, result?.task.snapshot.status])).toEqual([
    [false, 'WAITING_FOR_ASSETS'],
    [false, 'QUEUED'],
  ])
  expect(await ledger.cancelWaitingTask(taskEntityRef(ledger, 'cgt-unknown'))).toBeNull()
})

test('each task is cancelled or sent, never both, while two trackers send and clients cancel', async () => {
  const upstream = await scriptUpstream()
  const dataDir = temporaryFolder()
  const ledger = await openTestLedger(dataDir)
  // Only processes at PostgreSQL share a database.
  const other = isPostgres ? await openTestLedger(dataDir) : ledger
  const names = Array.from({ length: 60 }, (_, index) => `${index}`)
  for (const name of names) await registerNamed(ledger, upstream, name)
  const arrived = new Map(names.map((name) => [`zg-${name}`, Promise.withResolvers<void>()]))
  upstream.intercept = ({ method, body }) => {
    if (method === 'POST') arrived.get((body as Data).prompt)?.resolve()
    return undefined
  }
  for (const each of [ledger, other]) startTestTracker(each, upstream, { leaseMs: LONG_MS })

  const racing = names.map(async (name, index) => {
    const ref = taskEntityRef(ledger, `zg-${name}`)
    const observed = assetSeen('ACTIVE', { assetId: `Asset-${name}` })
    const active = ledger.recordObservation(assetEntityRef(ledger, `Asset-${name}`), observed)
    // The cancel is made while the asset becomes ACTIVE, immediately after that, or when the task has been sent.
    if (index % 3 > 0) await active
    if (index % 3 > 1) await arrived.get(ref.key)?.promise
    const result = await (index % 2 === 0 ? ledger : other).cancelWaitingTask(ref)
    await active
    return { ref, isCancelled: result?.isCancelled === true }
  })
  const results = await Promise.all(racing)
  const sent = results.filter(({ isCancelled }) => !isCancelled).map(({ ref }) => ref.key)
  await Promise.all(sent.map((key) => arrived.get(key)?.promise))
  await until(async () => (await countWaiting(ledger, results)) === 0)

  const prompts = upstream.callsTo('POST').map(({ body }) => (body as Data).prompt)
  expect(prompts.toSorted()).toEqual(sent.toSorted())
  for (const { ref, isCancelled } of results) {
    const status = (await ledger.find(ref))?.snapshot.status
    expect(status === 'CANCELLED').toBe(isCancelled)
  }
  // With one of the two outcomes only, the test would prove nothing.
  expect(sent.length).toBeGreaterThan(0)
  expect(sent.length).toBeLessThan(names.length)
})

/** Registers a task that waits for an asset of its own. Its prompt is its key. */
async function registerNamed(ledger: Ledger, upstream: ScriptedUpstream, name: string) {
  const assetId = `Asset-${name}`
  upstream.assets.set(assetId, { status: 'Processing' })
  await registerAsset(ledger, assetId)
  const request = { ...requestNaming(assetId), prompt: `zg-${name}` }
  await registerWaitingTask(ledger, `zg-${name}`, { model: request.model, request })
}

async function countWaiting(ledger: Ledger, tasks: { ref: EntityRef<'videoTask'> }[]) {
  const found = await Promise.all(tasks.map(({ ref }) => ledger.find(ref)))
  return found.filter((task) => task?.snapshot.status === 'WAITING_FOR_ASSETS').length
}
