import { expect, test } from 'vitest'
import type { EntityRef } from '../src/ledger/entity.ts'
import type { Ledger } from '../src/ledger/ledger.ts'
import type { ClaimedPollJob } from '../src/ledger/poll-job.ts'
import { KEY, temporaryFolder } from './support/app.ts'
import { stopClock } from './support/clock.ts'
import {
  assetEntityRef,
  assetSeen,
  claim,
  claimOne,
  nextPoll,
  openTestDatabase,
  openTestLedger,
  registerAsset,
  registerTask,
  taskSeen,
} from './support/ledger.ts'

const keys = (claimed: ClaimedPollJob[]) => claimed.map(({ key }) => key)

/** Claims four poll jobs. Each of `others` differs from `mine` in one part of its key. */
async function claimNeighbours(ledger: Ledger, options: Parameters<typeof claim>[1] = {}) {
  await registerTask(ledger, 'same', 'WAITING_FOR_ASSETS')
  await registerTask(ledger, 'another', 'WAITING_FOR_ASSETS')
  await registerTask(ledger, 'same', 'WAITING_FOR_ASSETS', 'sk-other')
  const snapshot = assetSeen('PROCESSING')
  const asset = { ...assetEntityRef(ledger), key: 'same' }
  await ledger.register(asset, { snapshot, origin: null, credential: KEY })
  const claimed = await claim(ledger, options)
  const { tenant } = asset
  const mine = claimed.find(
    (one) => one.tenant === tenant && one.kind === 'videoTask' && one.key === 'same',
  )
  if (!mine || claimed.length !== 4) throw new Error('Not all of them were claimed.')
  return { mine, others: claimed.filter((one) => one !== mine) }
}

const named = ({ tenant, kind, key }: EntityRef) => `${tenant} ${kind} ${key}`
const names = (refs: EntityRef[]) => refs.map(named).sort()

test('each claim has the snapshot of its own entity and the key of its own tenant', async () => {
  const ledger = await openTestLedger()
  const { mine, others } = await claimNeighbours(ledger)

  for (const one of [mine, ...others]) {
    const isOther = one.tenant === ledger.tenantOf('sk-other')
    expect(one.credential).toBe(isOther ? 'sk-other' : KEY)
    expect('assetId' in one.snapshot).toBe(one.kind === 'asset')
  }
})

test('extending a claim renews its lease, and no other lease', async () => {
  const clock = stopClock()
  const ledger = await openTestLedger()
  const { mine, others } = await claimNeighbours(ledger, { leaseMs: 1_000 })

  clock.set(900)
  await ledger.pollJobs.extend([mine], 1_000)

  expect(names(await claim(ledger, { inMs: 100, leaseMs: 60_000 }))).toEqual(names(others))
  expect(await claim(ledger, { inMs: 999 })).toEqual([])
  expect(names(await claim(ledger, { inMs: 1_000 }))).toEqual(names([mine]))
})

test('a holder that lost its claim cannot extend it', async () => {
  const clock = stopClock()
  const ledger = await openTestLedger()
  await registerAsset(ledger)
  const lost = await claimOne(ledger, { leaseMs: 1_000 })
  await claimOne(ledger, { inMs: 1_000, leaseMs: 1_000 })

  await ledger.pollJobs.extend([lost], 60_000)

  clock.set(2_000)
  expect(await claimOne(ledger)).toMatchObject({ fence: 3 })
})

test('a task is marked as sent only once, and no other task is marked', async () => {
  const ledger = await openTestLedger()
  const { mine, others } = await claimNeighbours(ledger)

  expect(await ledger.pollJobs.markSent(mine)).toBe(true)
  expect(await ledger.pollJobs.markSent(mine)).toBe(false)

  const later = await claim(ledger, { inMs: 2_000 })
  const sent = later.filter(({ submission }) => submission === 'SENT')
  const waiting = others.filter(({ kind }) => kind === 'videoTask')
  expect(names(sent)).toEqual(names([mine]))
  expect(names(later.filter(({ submission }) => submission === 'WAITING'))).toEqual(names(waiting))
})

test('a task is not marked as sent after its claim is lost, or if it is not waiting', async () => {
  const ledger = await openTestLedger()
  await registerTask(ledger, 'zg-1', 'WAITING_FOR_ASSETS')
  const lost = await claimOne(ledger)
  const holder = await claimOne(ledger, { inMs: 1_000, leaseMs: 60_000 })
  await registerTask(ledger, 'cgt-2')
  const accepted = await claimOne(ledger, { inMs: 1_000 })

  expect(await ledger.pollJobs.markSent(lost)).toBe(false)
  expect(await ledger.pollJobs.markSent(accepted)).toBe(false)
  expect(await ledger.pollJobs.markSent(holder)).toBe(true)
})

test('concluding one claim does not change the others', async () => {
  const { start } = stopClock()
  const ledger = await openTestLedger()
  const { mine, others } = await claimNeighbours(ledger, { leaseMs: 1_000 })
  const deadlineAt = new Date(start + 90_000)

  const then = { ...nextPoll(500), deadlineAt, submission: 'WAITING' } as const
  expect(await ledger.pollJobs.conclude(mine, null, then)).toBe(true)

  expect(names(await claim(ledger, { inMs: 500, leaseMs: 60_000 }))).toEqual(names([mine]))
  const rest = await claim(ledger, { inMs: 1_000 })
  expect(names(rest)).toEqual(names(others))
  for (const one of rest) expect(one.deadlineAt).not.toEqual(deadlineAt)
})

test('a poll job cannot be concluded if its entity became terminal during the poll', async () => {
  const ledger = await openTestLedger()
  const ref = await registerAsset(ledger)
  const polled = await claimOne(ledger)
  const active = await ledger.recordObservation(ref, assetSeen('ACTIVE'))

  expect(await ledger.pollJobs.conclude(polled, assetSeen('FAILED'), nextPoll())).toBe(false)
  expect(await ledger.pollJobs.conclude(polled, null, { pollingEndedReason: 'late' })).toBe(false)
  expect(await ledger.find(ref)).toEqual(active)
})

test('a poll job without an entity is not claimed, and concluding it records nothing', async () => {
  const dataDir = temporaryFolder()
  const ledger = await openTestLedger(dataDir)
  const database = await openTestDatabase(dataDir)
  await registerAsset(ledger)
  await registerAsset(ledger, 'Asset-2')
  const claimed = await claim(ledger)
  await database.deleteFrom('entity').where('key', '=', 'JIMENG:Asset-1').execute()
  const orphan = claimed.find(({ key }) => key === 'JIMENG:Asset-1') as ClaimedPollJob

  expect(await ledger.pollJobs.conclude(orphan, assetSeen('ACTIVE'), nextPoll())).toBe(false)
  expect(keys(await claim(ledger, { inMs: 2_000 }))).toEqual(['JIMENG:Asset-2'])
})

test('a waiting task that was not woken is due at the time its last poll set', async () => {
  const { start } = stopClock()
  const ledger = await openTestLedger()
  await registerTask(ledger, 'zg-1', 'WAITING_FOR_ASSETS')
  const looked = await claimOne(ledger)

  const then = { ...nextPoll(5_000), submission: 'WAITING' } as const
  await ledger.pollJobs.conclude(looked, null, then)

  expect(await ledger.pollJobs.nextDueAt()).toEqual(new Date(start + 5_000))
  expect(await claimOne(ledger, { inMs: 5_000 })).toMatchObject({ submission: 'WAITING' })
})

test('a task that 0-0 accepted is no longer waiting', async () => {
  const ledger = await openTestLedger()
  const ref = await registerTask(ledger, 'zg-1', 'WAITING_FOR_ASSETS')
  const sending = await claimOne(ledger)
  await ledger.pollJobs.markSent(sending)

  await ledger.pollJobs.conclude(sending, taskSeen('QUEUED'), nextPoll(0))

  expect(await claimOne(ledger)).toMatchObject({ key: 'zg-1', submission: null })
  expect(await ledger.find({ ...ref, key: 'cgt-1' })).toMatchObject({ key: 'zg-1' })
})

test('a claim has no credential if its credential is missing', async () => {
  const dataDir = temporaryFolder()
  const ledger = await openTestLedger(dataDir)
  await registerAsset(ledger)
  await (await openTestDatabase(dataDir)).deleteFrom('credential').execute()

  expect((await claimOne(ledger)).credential).toBeNull()
})
