import { setTimeout as pause } from 'node:timers/promises'
import { expect, test } from 'vitest'
import type { EntityRef } from '../src/ledger/entity.ts'
import type { Ledger } from '../src/ledger/ledger.ts'
import { temporaryFolder } from './support/app.ts'
import { isPostgres } from './support/engine.ts'
import {
  assetEntityRef,
  assetSeen,
  claim,
  nextPoll,
  openTestDatabase,
  openTestLedger,
  registerAsset,
  taskSeen,
} from './support/ledger.ts'
import { registerWaiting, registerWaitingTask, requestNaming } from './support/waiting-task.ts'

const MINUTE_MS = 60_000

/** Claims every poll job and concludes it with the next check in a minute, as the tracker does. */
async function checkAll(ledger: Ledger) {
  const claimed = await claim(ledger)
  for (const job of claimed) {
    const waits = job.submission === 'WAITING' ? ({ submission: 'WAITING' } as const) : {}
    await ledger.pollJobs.conclude(job, null, { ...nextPoll(MINUTE_MS), ...waits })
  }
}

/** The waiting tasks that are due within `inMs` milliseconds. */
async function dueTasks(ledger: Ledger, inMs = 20): Promise<string[]> {
  const claimed = await claim(ledger, { inMs })
  return claimed.filter(({ kind }) => kind === 'videoTask').map(({ key }) => key)
}

async function claimTask(ledger: Ledger, { key }: EntityRef) {
  const task = (await claim(ledger)).find((job) => job.key === key)
  if (!task) throw new Error('The task was not claimed.')
  return task
}

test('a change of an asset makes only the tasks that use it due', async () => {
  const ledger = await openTestLedger()
  await registerWaiting(ledger, 'zg-1', 'Asset-1', 'Asset-2')
  await registerWaiting(ledger, 'zg-2', 'Asset-2')
  await registerWaiting(ledger, 'zg-3', 'Asset-1')
  await checkAll(ledger)

  await ledger.recordObservation(assetEntityRef(ledger, 'Asset-1'), assetSeen('ACTIVE'))

  expect((await dueTasks(ledger)).sort()).toEqual(['zg-1', 'zg-3'])
})

test('a change of an asset does not wake the tasks of another tenant with the same asset id', async () => {
  const ledger = await openTestLedger()
  await registerWaiting(ledger, 'zg-1', 'Asset-1')
  const other = await registerAsset(ledger, 'Asset-1', { key: 'sk-other' })
  await checkAll(ledger)

  await ledger.recordObservation(other, assetSeen('ACTIVE'))

  expect(await dueTasks(ledger)).toEqual([])
})

test('an observation without a change wakes no task', async () => {
  const ledger = await openTestLedger()
  await registerWaiting(ledger, 'zg-1', 'Asset-1', 'Asset-2')
  await ledger.recordObservation(assetEntityRef(ledger, 'Asset-1'), assetSeen('ACTIVE'))
  await checkAll(ledger)

  await ledger.recordObservation(assetEntityRef(ledger, 'Asset-1'), assetSeen('ACTIVE'))
  await ledger.recordObservation(assetEntityRef(ledger, 'Asset-2'), assetSeen('PROCESSING'))

  expect(await dueTasks(ledger)).toEqual([])
})

test.for(['FAILED', 'ACTIVE'] as const)('a %s asset wakes its task', async (status) => {
  const ledger = await openTestLedger()
  await registerWaiting(ledger, 'zg-1', 'Asset-1')
  await checkAll(ledger)

  await ledger.recordObservation(assetEntityRef(ledger), assetSeen(status))

  expect(await dueTasks(ledger)).toEqual(['zg-1'])
})

test('an asset whose polling ends wakes its task', async () => {
  const ledger = await openTestLedger()
  await registerWaiting(ledger, 'zg-1', 'Asset-1')
  const claimed = await claim(ledger)
  const asset = claimed.find(({ kind }) => kind === 'asset')
  const task = claimed.find(({ kind }) => kind === 'videoTask')
  if (!asset || !task) throw new Error('Not both were claimed.')
  await ledger.pollJobs.conclude(task, null, { ...nextPoll(MINUTE_MS), submission: 'WAITING' })

  await ledger.pollJobs.conclude(asset, null, { pollingEndedReason: 'the deadline' })

  expect(await dueTasks(ledger)).toEqual(['zg-1'])
})

test('a wake during a claim of the task is kept', async () => {
  const ledger = await openTestLedger()
  const ref = await registerWaiting(ledger, 'zg-1', 'Asset-1')
  const claimed = await claimTask(ledger, ref)

  await ledger.recordObservation(assetEntityRef(ledger), assetSeen('ACTIVE'))
  await ledger.pollJobs.conclude(claimed, null, { ...nextPoll(MINUTE_MS), submission: 'WAITING' })

  expect(await dueTasks(ledger)).toEqual(['zg-1'])
})

test('a wake while the task is sent does not shorten Retry-After', async () => {
  const ledger = await openTestLedger()
  const ref = await registerWaiting(ledger, 'zg-1', 'Asset-1')
  const claimed = await claimTask(ledger, ref)
  await ledger.recordObservation(assetEntityRef(ledger), assetSeen('ACTIVE'))
  await ledger.pollJobs.markSent(claimed)

  const notBefore = new Date(Date.now() + 30_000)
  const then = { nextPollAt: notBefore, notBefore, gapMs: 100, submission: 'WAITING' } as const
  await ledger.pollJobs.conclude(claimed, null, then)

  expect(await dueTasks(ledger, 29_000)).toEqual([])
  expect(await dueTasks(ledger, 30_001)).toEqual(['zg-1'])
})

test('a wake after Retry-After was recorded does not shorten it', async () => {
  const ledger = await openTestLedger()
  const ref = await registerWaiting(ledger, 'zg-1', 'Asset-1')
  const claimed = await claimTask(ledger, ref)
  const notBefore = new Date(Date.now() + 30_000)
  const then = { nextPollAt: new Date(Date.now() + 40_000), notBefore, gapMs: 100 }
  await ledger.pollJobs.conclude(claimed, null, { ...then, submission: 'WAITING' })

  await ledger.recordObservation(assetEntityRef(ledger), assetSeen('ACTIVE'))

  expect(await dueTasks(ledger, 29_000)).toEqual([])
  expect(await dueTasks(ledger, 30_001)).toEqual(['zg-1'])
})

test('a change of an asset does not wake a sent task', async () => {
  const ledger = await openTestLedger()
  const ref = await registerWaiting(ledger, 'zg-1', 'Asset-1')
  const claimed = await claimTask(ledger, ref)
  await ledger.pollJobs.markSent(claimed)
  await ledger.pollJobs.conclude(claimed, taskSeen('QUEUED'), nextPoll(MINUTE_MS))

  await ledger.recordObservation(assetEntityRef(ledger), assetSeen('ACTIVE'))

  expect(await dueTasks(ledger)).toEqual([])
})

test('awaited assets are deleted when the task is terminal', async () => {
  const dataDir = temporaryFolder()
  const ledger = await openTestLedger(dataDir)
  const ref = await registerWaiting(ledger, 'zg-1', 'Asset-1', 'Asset-2')
  const database = await openTestDatabase(dataDir)
  const awaited = () => database.selectFrom('awaited_asset').select('asset_key').execute()
  const before = await awaited()

  await ledger.recordObservation(ref, taskSeen('FAILED', { taskId: null }))

  expect(before).toHaveLength(2)
  expect(await awaited()).toEqual([])
})

test.runIf(isPostgres)(
  'a task registered during a change of its asset waits for the commit',
  async () => {
    const dataDir = temporaryFolder()
    const ledger = await openTestLedger(dataDir)
    await registerAsset(ledger)
    const database = await openTestDatabase(dataDir)
    let registered = false
    const changing = await database.startTransaction().execute()
    await changing.updateTable('entity').set({ status: 'ACTIVE' }).execute()

    const origin = { model: 'seedance-2-0', request: requestNaming('Asset-1') }
    const registering = registerWaitingTask(ledger, 'zg-1', origin).then(() => {
      registered = true
    })
    await pause(200)
    const registeredEarly = registered
    await changing.commit().execute()
    await registering

    // The task can be claimed, and check its assets, only after the change is visible.
    expect(registeredEarly).toBe(false)
  },
)

test('concurrent changes of several assets wake every task that uses them', async () => {
  const ledger = await openTestLedger()
  const ids = Array.from({ length: 8 }, (_, index) => `Asset-${index}`)
  for (let index = 0; index < 8; index += 1) await registerWaiting(ledger, `zg-${index}`, ...ids)
  await checkAll(ledger)

  await Promise.all(
    ids.map((id) => ledger.recordObservation(assetEntityRef(ledger, id), assetSeen('ACTIVE'))),
  )

  expect(await dueTasks(ledger)).toHaveLength(8)
})
