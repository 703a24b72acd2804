import { setTimeout as pause } from 'node:timers/promises'
import { expect, test } from 'vitest'
import type { EntityRef } from '../src/ledger/entity.ts'
import type { Ledger } from '../src/ledger/ledger.ts'
import { temporaryFolder } from './support/app.ts'
import { isPostgres } from './support/engine.ts'
import {
  assetAddress,
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

/** Claims everything and lets all of it look again a minute later, as the tracker does; gives the claims by key. */
async function lookAtAll(ledger: Ledger) {
  const claimed = await claim(ledger)
  for (const watch of claimed) {
    const waits = watch.submission === 'WAITING' ? ({ submission: 'WAITING' } as const) : {}
    await ledger.pollJobs.conclude(watch, null, { ...nextPoll(MINUTE_MS), ...waits })
  }
}

/** The waiting tasks that are due in `inMs` from now. */
async function dueTasks(ledger: Ledger, inMs = 20): Promise<string[]> {
  const claimed = await claim(ledger, { inMs })
  return claimed.filter(({ kind }) => kind === 'videoTask').map(({ key }) => key)
}

async function claimTask(ledger: Ledger, { key }: EntityRef) {
  const task = (await claim(ledger)).find((watch) => watch.key === key)
  if (!task) throw new Error('The task was not claimed.')
  return task
}

test('a change of an asset wakes the tasks that name it, and no other', async () => {
  const ledger = await openTestLedger()
  await registerWaiting(ledger, 'zg-1', 'Asset-1', 'Asset-2')
  await registerWaiting(ledger, 'zg-2', 'Asset-2')
  await registerWaiting(ledger, 'zg-3', 'Asset-1')
  await lookAtAll(ledger)

  await ledger.recordObservation(assetAddress(ledger, 'Asset-1'), assetSeen('ACTIVE'))

  expect((await dueTasks(ledger)).sort()).toEqual(['zg-1', 'zg-3'])
})

test('the tasks of another tenant with an asset of the same id are not woken', async () => {
  const ledger = await openTestLedger()
  await registerWaiting(ledger, 'zg-1', 'Asset-1')
  const other = await registerAsset(ledger, 'Asset-1', { key: 'sk-other' })
  await lookAtAll(ledger)

  await ledger.recordObservation(other, assetSeen('ACTIVE'))

  expect(await dueTasks(ledger)).toEqual([])
})

test('reading an asset that has not changed wakes nobody', async () => {
  const ledger = await openTestLedger()
  await registerWaiting(ledger, 'zg-1', 'Asset-1', 'Asset-2')
  await ledger.recordObservation(assetAddress(ledger, 'Asset-1'), assetSeen('ACTIVE'))
  await lookAtAll(ledger)

  await ledger.recordObservation(assetAddress(ledger, 'Asset-1'), assetSeen('ACTIVE'))
  await ledger.recordObservation(assetAddress(ledger, 'Asset-2'), assetSeen('PROCESSING'))

  expect(await dueTasks(ledger)).toEqual([])
})

test.for(['FAILED', 'ACTIVE'] as const)('an asset that becomes %s wakes', async (status) => {
  const ledger = await openTestLedger()
  await registerWaiting(ledger, 'zg-1', 'Asset-1')
  await lookAtAll(ledger)

  await ledger.recordObservation(assetAddress(ledger), assetSeen(status))

  expect(await dueTasks(ledger)).toEqual(['zg-1'])
})

test('an asset whose polling ends wakes', async () => {
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

test('a task that is being looked at keeps the wake', async () => {
  const ledger = await openTestLedger()
  const address = await registerWaiting(ledger, 'zg-1', 'Asset-1')
  const looking = await claimTask(ledger, address)

  await ledger.recordObservation(assetAddress(ledger), assetSeen('ACTIVE'))
  await ledger.pollJobs.conclude(looking, null, { ...nextPoll(MINUTE_MS), submission: 'WAITING' })

  expect(await dueTasks(ledger)).toEqual(['zg-1'])
})

test('a wake while the task is sent does not shorten the pause that 0-0 asks for', async () => {
  const ledger = await openTestLedger()
  const address = await registerWaiting(ledger, 'zg-1', 'Asset-1')
  const looking = await claimTask(ledger, address)
  await ledger.recordObservation(assetAddress(ledger), assetSeen('ACTIVE'))
  await ledger.pollJobs.markSent(looking)

  const notBefore = new Date(Date.now() + 30_000)
  const then = { nextPollAt: notBefore, notBefore, gapMs: 100, submission: 'WAITING' } as const
  await ledger.pollJobs.conclude(looking, null, then)

  expect(await dueTasks(ledger, 29_000)).toEqual([])
  expect(await dueTasks(ledger, 30_001)).toEqual(['zg-1'])
})

test('a wake after 0-0 asked for a pause does not shorten it', async () => {
  const ledger = await openTestLedger()
  const address = await registerWaiting(ledger, 'zg-1', 'Asset-1')
  const looking = await claimTask(ledger, address)
  const notBefore = new Date(Date.now() + 30_000)
  const then = { nextPollAt: new Date(Date.now() + 40_000), notBefore, gapMs: 100 }
  await ledger.pollJobs.conclude(looking, null, { ...then, submission: 'WAITING' })

  await ledger.recordObservation(assetAddress(ledger), assetSeen('ACTIVE'))

  expect(await dueTasks(ledger, 29_000)).toEqual([])
  expect(await dueTasks(ledger, 30_001)).toEqual(['zg-1'])
})

test('a task that was sent is polled at its own time, whatever its assets do', async () => {
  const ledger = await openTestLedger()
  const address = await registerWaiting(ledger, 'zg-1', 'Asset-1')
  const looking = await claimTask(ledger, address)
  await ledger.pollJobs.markSent(looking)
  await ledger.pollJobs.conclude(looking, taskSeen('QUEUED'), nextPoll(MINUTE_MS))

  await ledger.recordObservation(assetAddress(ledger), assetSeen('ACTIVE'))

  expect(await dueTasks(ledger)).toEqual([])
})

test('which assets were awaited is forgotten with the task', async () => {
  const dataDir = temporaryFolder()
  const ledger = await openTestLedger(dataDir)
  const address = await registerWaiting(ledger, 'zg-1', 'Asset-1', 'Asset-2')
  const database = await openTestDatabase(dataDir)
  const awaited = () => database.selectFrom('awaited_asset').select('asset_key').execute()
  const before = await awaited()

  await ledger.recordObservation(address, taskSeen('FAILED', { taskId: null }))

  expect(before).toHaveLength(2)
  expect(await awaited()).toEqual([])
})

test.runIf(isPostgres)(
  'a change that commits while a task is registered is not missed',
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

    // It can be claimed, and look at its assets, only when the change is visible.
    expect(registeredEarly).toBe(false)
  },
)

test('assets that change at the same time wake the tasks that name them all', async () => {
  const ledger = await openTestLedger()
  const ids = Array.from({ length: 8 }, (_, index) => `Asset-${index}`)
  for (let index = 0; index < 8; index += 1) await registerWaiting(ledger, `zg-${index}`, ...ids)
  await lookAtAll(ledger)

  await Promise.all(
    ids.map((id) => ledger.recordObservation(assetAddress(ledger, id), assetSeen('ACTIVE'))),
  )

  expect(await dueTasks(ledger)).toHaveLength(8)
})
