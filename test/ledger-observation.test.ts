import { expect, onTestFinished, test } from 'vitest'
import type { EntityRef } from '../src/ledger/entity.ts'
import { KEY, temporaryFolder } from './support/app.ts'
import { stopClock } from './support/clock.ts'
import { isPostgres } from './support/engine.ts'
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

test('an unchanged entity is observed without a write, while another writer holds the lock', async () => {
  const dataDir = temporaryFolder()
  const ledger = await openTestLedger(dataDir)
  const database = await openTestDatabase(dataDir)
  const ref = await registerAsset(ledger, 'Asset-1', { url: 'https://example.com/a.png' })
  const before = await ledger.find(ref)

  const observed = await database.transaction().execute(async (trx) => {
    await trx.updateTable('entity').set({ polling_ended_reason: null }).execute()
    // The same snapshot, the same with a missing field, and an unregistered entity.
    const same = await ledger.recordObservation(ref, assetSeen('PROCESSING'))
    const less = await ledger.recordObservation(ref, assetSeen('PROCESSING', { type: null }))
    const unknown = await ledger.recordObservation({ ...ref, key: 'JIMENG:x' }, assetSeen('ACTIVE'))
    return [same, less, unknown]
  })

  expect(observed).toEqual([before, before, null])
})

test('a stale observation needs no write', async () => {
  const dataDir = temporaryFolder()
  const ledger = await openTestLedger(dataDir)
  const database = await openTestDatabase(dataDir)
  const ref = await registerAsset(ledger)
  const active = await ledger.recordObservation(ref, assetSeen('ACTIVE'))

  const observed = await database.transaction().execute(async (trx) => {
    await trx.updateTable('entity').set({ polling_ended_reason: null }).execute()
    return ledger.recordObservation(ref, assetSeen('PROCESSING', { name: 'Old' }))
  })

  expect(observed).toEqual(active)
})

test('observedAt stays the same for equal observations, and changes with any other', async () => {
  const dataDir = temporaryFolder()
  const ledger = await openTestLedger(dataDir)
  const database = await openTestDatabase(dataDir)
  const ref = await registerAsset(ledger)
  const anHourAgo = new Date(Date.now() - 3_600_000)
  const observed_at = anHourAgo.getTime()
  await database.updateTable('entity').set({ observed_at }).execute()

  const same = await ledger.recordObservation(ref, assetSeen('PROCESSING'))
  const job = await claimOne(ledger)
  await ledger.pollJobs.conclude(job, assetSeen('PROCESSING'), nextPoll())
  const polled = await ledger.find(ref)
  const renamed = await ledger.recordObservation(ref, assetSeen('PROCESSING', { name: 'Front' }))

  expect(same?.observedAt).toEqual(anHourAgo)
  expect(polled?.observedAt).toEqual(anHourAgo)
  expect(renamed?.observedAt.getTime()).toBeGreaterThan(Date.now() - 60_000)
  expect(renamed?.snapshot.name).toBe('Front')
  expect(renamed?.seq).toBe(same?.seq)
})

test('an entity is also found by the id that 0-0 gave it later, within its tenant and kind', async () => {
  const ledger = await openTestLedger()
  const ref = await registerTask(ledger, 'zg-1', 'WAITING_FOR_ASSETS')
  await registerTask(ledger, 'zg-2', 'WAITING_FOR_ASSETS')
  const theirs = await registerTask(ledger, 'zg-1', 'WAITING_FOR_ASSETS', 'sk-other')
  await ledger.recordObservation(ref, taskSeen('QUEUED', { taskId: 'cgt-1' }))
  await ledger.recordObservation(theirs, taskSeen('QUEUED', { taskId: 'cgt-2' }))
  const key = async (more: Partial<EntityRef>) => (await ledger.find({ ...ref, ...more }))?.key

  expect(await key({})).toBe('zg-1')
  expect(await key({ key: 'cgt-1' })).toBe('zg-1')
  expect(await key({ key: 'cgt-2' })).toBeUndefined()
  expect(await key({ key: 'zg-1', kind: 'asset' })).toBeUndefined()
  expect(await key({ key: 'cgt-1', tenant: theirs.tenant })).toBeUndefined()
  // An observation under that id is recorded for the same task.
  const running = await ledger.recordObservation({ ...ref, key: 'cgt-1' }, taskSeen('RUNNING'))
  expect(running).toMatchObject({ key: 'zg-1', snapshot: { status: 'RUNNING' } })
})

test('transitionsAfter returns the later transitions of one entity, in order', async () => {
  const ledger = await openTestLedger()
  const ref = await registerTask(ledger, 'same')
  const theirs = await registerTask(ledger, 'same', 'QUEUED', 'sk-other')
  const asset = { ...ref, kind: 'asset' } as const
  await ledger.register(asset, { snapshot: assetSeen('PROCESSING'), origin: null, credential: KEY })
  await registerTask(ledger, 'another')
  await ledger.recordObservation(theirs, taskSeen('FAILED', { taskId: 'same' }))
  const running = await ledger.recordObservation(ref, taskSeen('RUNNING', { taskId: 'same' }))
  const done = await ledger.recordObservation(ref, taskSeen('SUCCEEDED', { taskId: 'same' }))
  const after = async (seq: number) => {
    const transitions = await ledger.transitionsAfter(ref, seq)
    return transitions.map(({ previous, current }) => [previous, current])
  }

  const all = [
    [null, 'QUEUED'],
    ['QUEUED', 'RUNNING'],
    ['RUNNING', 'SUCCEEDED'],
  ]
  expect(await after(0)).toEqual(all)
  expect(await after(running?.seq ?? 0)).toEqual(all.slice(2))
  expect(await after(done?.seq ?? 0)).toEqual([])
  const [, second] = await ledger.transitionsAfter(ref, 0)
  expect(second?.entity).toEqual(running)
  expect(await ledger.transitionsAfter(asset, 0)).toHaveLength(1)
})

test('concurrent registrations of one entity register it once', async () => {
  const ledger = await openTestLedger()

  const refs = await Promise.all(Array.from({ length: 10 }, () => registerAsset(ledger)))

  const [ref] = refs
  if (!ref) throw new Error('unreachable')
  expect(await ledger.transitionsAfter(ref, 0)).toHaveLength(1)
  expect(await ledger.countPollJobs()).toBe(1)
})

test('a terminal entity is registered without a poll job, and does not change when registered again', async () => {
  const ledger = await openTestLedger()
  const ref = await registerAsset(ledger, 'Asset-1', { status: 'ACTIVE' })
  const settled = await ledger.find(ref)

  await registerAsset(ledger, 'Asset-1')

  expect(settled).toMatchObject({ pollingEnded: true, pollingEndedReason: null })
  expect(await ledger.find(ref)).toEqual(settled)
  expect(await ledger.countPollJobs()).toBe(0)
})

test('registering again records an observation, with a transition if the status changed', async () => {
  const ledger = await openTestLedger()
  const ref = await registerTask(ledger)

  const again = await ledger.register(ref, {
    snapshot: taskSeen('SUCCEEDED'),
    origin: null,
    credential: KEY,
  })

  expect(again).toMatchObject({ pollingEnded: true, snapshot: { status: 'SUCCEEDED' } })
  expect(await ledger.transitionsAfter(ref, 0)).toHaveLength(2)
  expect(await ledger.countPollJobs()).toBe(0)
})

test('a registration and a status change notify listeners', async () => {
  const ledger = await openTestLedger()
  const group = { ...assetEntityRef(ledger), kind: 'assetGroup', key: 'JIMENG:group-1' } as const
  const heard: (string | null)[] = []
  onTestFinished(ledger.notifier.listen(group, (key) => void heard.push(key)))

  const ref = await registerAsset(ledger)
  const registered = heard.includes(ref.key)
  await ledger.recordObservation(ref, assetSeen('ACTIVE'))
  const changes = heard.filter((key) => key === ref.key).length

  expect(registered).toBe(true)
  expect(changes).toBeGreaterThanOrEqual(2)
})

test.skipIf(isPostgres)(
  'an observation notifies listeners only when a caller can see a change',
  async () => {
    const ledger = await openTestLedger()
    const url = 'https://example.com/a.png?signature='
    const ref = await registerAsset(ledger, 'Asset-1', { url: `${url}1` })
    const before = ledger.notifier.count

    await ledger.recordObservation(ref, assetSeen('PROCESSING'))
    await ledger.recordObservation(ref, assetSeen('PROCESSING', { url: `${url}2` }))
    const unchanged = ledger.notifier.count
    await ledger.recordObservation(ref, assetSeen('PROCESSING', { name: 'Front' }))

    expect(unchanged).toBe(before)
    expect(ledger.notifier.count).toBe(before + 1)
  },
)

test('pruning deletes old transitions, budgets and idempotency records, and nothing else', async () => {
  const clock = stopClock()
  const dataDir = temporaryFolder()
  const ledger = await openTestLedger(dataDir)
  const database = await openTestDatabase(dataDir)
  for (const [ms, id, key] of [
    [0, 'old', 'sk-old'],
    [1_000, 'new', 'sk-new'],
  ] as const) {
    clock.set(ms)
    const { tenant } = await registerAsset(ledger, id, { key })
    await ledger.idempotencyRecords.begin({ tenant, idempotencyKey: id }, 'print')
    await claim(ledger, { leaseMs: 60_000 })
  }
  const left = async () => [
    await database.selectFrom('transition').select('key').execute(),
    await database.selectFrom('poll_budget').select('tenant').execute(),
    await database.selectFrom('idempotency_record').select('idempotency_key').execute(),
    await database.selectFrom('entity').select('key').execute(),
    await database.selectFrom('poll_job').select('key').execute(),
  ]

  await ledger.prune(new Date(clock.start))
  const before = await left()
  await ledger.prune(new Date(clock.start + 1_000))

  expect(before.map(({ length }) => length)).toEqual([2, 2, 2, 2, 2])
  const [transitions, budgets, idempotencyRecords, ...rest] = await left()
  expect(transitions).toEqual([{ key: 'JIMENG:new' }])
  expect(budgets).toEqual([{ tenant: ledger.tenantOf('sk-new') }])
  expect(idempotencyRecords).toEqual([{ idempotency_key: 'new' }])
  expect(rest.map(({ length }) => length)).toEqual([2, 2])
})

test('progress is kept while the status stays the same, and removed when it changes', async () => {
  const ledger = await openTestLedger()
  const ref = await registerTask(ledger)
  const usage = { videoTokens: 1, completionTokens: null, totalTokens: 1 }
  await ledger.recordObservation(ref, taskSeen('RUNNING', { progress: 40, usage }))

  const running = await ledger.recordObservation(ref, taskSeen('RUNNING'))
  const done = await ledger.recordObservation(ref, taskSeen('SUCCEEDED'))

  expect(running?.snapshot).toMatchObject({ progress: 40, usage })
  expect(done?.snapshot).toMatchObject({ progress: null, usage })
  // An asset gets no fields that its kind does not have.
  const asset = await registerAsset(ledger)
  const active = await ledger.recordObservation(asset, assetSeen('ACTIVE'))
  expect(active?.snapshot).toEqual(assetSeen('ACTIVE'))
})
