import { expect, test } from 'vitest'
import type { Ledger } from '../src/ledger/ledger.ts'
import type { VideoTaskSnapshot } from '../src/model/entities.ts'
import { type Data, KEY } from './support/app.ts'
import { stopClock } from './support/clock.ts'
import { ledgerCallsOf, startFilledApp } from './support/filled-app.ts'
import { assetSeen, registerAsset, taskEntityRef, taskSeen } from './support/ledger.ts'
import { requestNaming } from './support/waiting-task.ts'

interface Given {
  model?: string
  resolution?: string | null
  duration?: number | null
  key?: string
  status?: VideoTaskSnapshot['status']
}

/** Registers a task of this service. Its default class is seedance-2-0, 720p, 5 s. */
async function addTask(ledger: Ledger, id: string, given: Given = {}) {
  const { model = 'seedance-2-0', resolution = '720p', duration = 5, key, status } = given
  const ref = taskEntityRef(ledger, id, key)
  const isWaiting = status === 'WAITING_FOR_ASSETS'
  const snapshot = taskSeen(status ?? 'QUEUED', { taskId: isWaiting ? null : id, model })
  const request = {
    ...requestNaming(),
    ...(resolution === null ? {} : { resolution }),
    ...(duration === null ? {} : { duration }),
  }
  await ledger.register(ref, { snapshot, origin: { model, request }, credential: key ?? KEY })
  return ref
}

/** Registers a task and lets it succeed after `seconds`. */
async function addFinished(
  ledger: Ledger,
  clock: ReturnType<typeof stopClock>,
  id: string,
  seconds: number,
  { end = 'SUCCEEDED', ...given }: Given & { end?: VideoTaskSnapshot['status'] } = {},
) {
  const start = Date.now()
  const ref = await addTask(ledger, id, given)
  clock.set(start - clock.start + seconds * 1_000)
  await ledger.recordObservation(ref, taskSeen(end, { taskId: id, model: given.model ?? null }))
}

const TASKS = `{ videoTasks(first: 100, orderBy: OLDEST_FIRST, statuses: [WAITING_FOR_ASSETS, QUEUED, RUNNING]) {
  nodes { taskId status estimatedReadyAt submittedAt finishedAt }
} }`

test('a task is estimated by the median time of the last tasks of its model, resolution and duration', async () => {
  const clock = stopClock()
  let start = 0
  const app = await startFilledApp(async (ledger) => {
    for (const [index, seconds] of [60, 10, 20, 30].entries()) {
      await addFinished(ledger, clock, `cgt-a${index}`, seconds)
    }
    for (const index of [0, 1]) {
      await addFinished(ledger, clock, `cgt-b${index}`, 50, { duration: 10 })
    }
    for (const index of [0, 1, 2]) {
      await addFinished(ledger, clock, `cgt-c${index}`, 1, { key: 'sk-other', resolution: '1080p' })
      await addFinished(ledger, clock, `cgt-d${index}`, 1, { end: 'FAILED', resolution: '480p' })
      await addFinished(ledger, clock, `cgt-e${index}`, 100, { model: 'sora-2', duration: 8 })
    }
    start = Date.now()
    await addTask(ledger, 'cgt-1')
    await addTask(ledger, 'cgt-2', { duration: 10 })
    await addTask(ledger, 'cgt-3', { resolution: '1080p' })
    await addTask(ledger, 'cgt-4', { resolution: '480p' })
    await addTask(ledger, 'cgt-5', { model: 'sora-2', resolution: null, duration: null })
    await addTask(ledger, 'zg-6', { status: 'WAITING_FOR_ASSETS' })
    clock.set(start - clock.start + 5_000)
  })

  const { nodes } = (await app.query(TASKS)).data?.videoTasks ?? {}

  const at = (seconds: number) => new Date(start + seconds * 1_000).toISOString()
  expect(nodes.map((node: Data) => node.estimatedReadyAt)).toEqual([
    at(25),
    null,
    null,
    null,
    at(100),
    at(30),
  ])
  expect(nodes[0]).toMatchObject({ submittedAt: at(0), finishedAt: null })
  expect(nodes[5]).toMatchObject({ submittedAt: null, finishedAt: null })
  // An overdue task is not estimated in the past.
  clock.set(start - clock.start + 200_000)
  const late = (await app.query(TASKS)).data?.videoTasks.nodes
  expect(late[0].estimatedReadyAt).toBe(at(200))
})

test('only the last twenty tasks count, and none for a task that has ended', async () => {
  const clock = stopClock()
  let end = 0
  const app = await startFilledApp(async (ledger) => {
    for (let index = 0; index < 30; index += 1) {
      await addFinished(ledger, clock, `cgt-a${index}`, index < 10 ? 1 : 40)
    }
    end = Date.now()
    await addTask(ledger, 'cgt-1')
  })

  const { data } = await app.query(`{
    open: videoTasks(status: QUEUED) { nodes { estimatedReadyAt } }
    done: videoTasks(status: SUCCEEDED, first: 1) {
      nodes { estimatedReadyAt nextCheckAfter submittedAt finishedAt }
    }
  }`)

  expect(data?.open.nodes[0].estimatedReadyAt).toBe(new Date(end + 40_000).toISOString())
  expect(data?.done.nodes[0]).toEqual({
    estimatedReadyAt: null,
    nextCheckAfter: null,
    submittedAt: new Date(end - 40_000).toISOString(),
    finishedAt: new Date(end).toISOString(),
  })
})

test('a hundred tasks and assets with estimates and next checks cost a constant number of ledger calls', async () => {
  const app = await startFilledApp(async (ledger) => {
    for (let index = 0; index < 100; index += 1) {
      await addTask(ledger, `cgt-${index}`, { duration: (index % 12) + 4 })
      await registerAsset(ledger, `Asset-${index}`)
    }
  })
  const before = await ledgerCallsOf(app)
  const plain = '{ videoTasks(first: 100) { nodes { id } } assets(first: 100) { nodes { id } } }'
  await app.query(plain)
  const between = await ledgerCallsOf(app)

  const { data } = await app.query(`{
    videoTasks(first: 100) { nodes { nextCheckAfter estimatedReadyAt failure { asset { id } } } }
    assets(first: 100) { nodes { nextCheckAfter failure { code } } }
  }`)

  const after = await ledgerCallsOf(app)
  const since = (earlier: Data, later: Data) =>
    Object.fromEntries(
      ['list', 'find', 'findEntities', 'findNextPolls', 'generationTimes']
        .map((name) => [name, (later[name] ?? 0) - (earlier[name] ?? 0)] as const)
        .filter(([, count]) => count > 0),
    )
  expect(data?.videoTasks.nodes).toHaveLength(100)
  expect(data?.assets.nodes[99].nextCheckAfter).not.toBeNull()
  expect(since(before, between)).toEqual({ list: 2 })
  expect(since(between, after)).toEqual({ list: 2, findNextPolls: 2, generationTimes: 1 })
  expect(app.upstream.calls).toEqual([])
})

test('nextCheckAfter is the next poll, at least one second away, and null without further polls', async () => {
  const clock = stopClock()
  const app = await startFilledApp(async (ledger) => {
    await registerAsset(ledger, 'Asset-1')
    const ref = await registerAsset(ledger, 'Asset-2')
    await ledger.recordObservation(ref, assetSeen('ACTIVE', { assetId: 'Asset-2' }))
    await addTask(ledger, 'cgt-1')
  })
  app.upstream.assets.set('Asset-9', { status: 'Processing' })
  const query = `{
    assets { nodes { nextCheckAfter } }
    videoTasks { nodes { nextCheckAfter } }
    asset(id: "Asset-9") { nextCheckAfter }
  }`
  const check = async () => {
    const { assets, videoTasks, asset } = (await app.query(query)).data ?? {}
    const nodes = [...assets.nodes, ...videoTasks.nodes, asset]
    return nodes.map(({ nextCheckAfter }) => nextCheckAfter && Date.parse(nextCheckAfter))
  }

  const soon = clock.start + 600_000
  expect(await check()).toEqual([null, soon, soon, clock.start + 7_000])
  clock.set(599_500)
  const seen = await check()
  // The tracker may have polled in the meantime, so only the lower bound is certain.
  for (const time of seen.slice(1)) expect(time).toBeGreaterThanOrEqual(clock.start + 600_500)
})
