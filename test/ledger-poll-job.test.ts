import { expect, onTestFinished, test } from 'vitest'
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

const polling = { firstPollMs: { asset: 1_000, videoTask: 2_000 }, deadlineMs: 60_000 }

test('each kind has its own first poll interval, after which a poll job is due', async () => {
  const { start } = stopClock()
  const ledger = await openTestLedger(temporaryFolder(), { polling })
  const asset = await registerAsset(ledger)
  const task = await registerTask(ledger)

  const tooEarly = await claim(ledger, { inMs: 999 })
  const first = await claim(ledger, { inMs: 1_000 })
  const second = await claim(ledger, { inMs: 2_000 })

  expect(tooEarly).toEqual([])
  const deadlineAt = new Date(start + 60_000)
  expect(first).toMatchObject([
    {
      ...asset,
      credential: KEY,
      snapshot: assetSeen('PROCESSING'),
      origin: { sourceUrl: 'https://example.com/a.png' },
      gapMs: 1_000,
      dueAt: new Date(start + 1_000),
      deadlineAt,
      fence: 1,
      submission: null,
    },
  ])
  expect(second).toMatchObject(
    [
      // The lease of the asset lasts one second, and has just expired.
      { ...task, gapMs: 2_000, dueAt: new Date(start + 2_000), deadlineAt, submission: null },
      { ...asset, fence: 2 },
    ].toSorted((a, b) => (a.kind < b.kind ? -1 : 1)),
  )
})

test('a task that waits for its assets is due immediately', async () => {
  const { start } = stopClock()
  const ledger = await openTestLedger(temporaryFolder(), { polling })
  await registerTask(ledger, 'zg-1', 'WAITING_FOR_ASSETS')

  expect(await claimOne(ledger)).toMatchObject({
    key: 'zg-1',
    submission: 'WAITING',
    gapMs: 2_000,
    dueAt: new Date(start),
  })
})

test('nextDueAt is the earliest time at which a poll job is due and not leased', async () => {
  const { start } = stopClock()
  const ledger = await openTestLedger(temporaryFolder(), { polling })
  const nextDueMs = async () => {
    const next = await ledger.pollJobs.nextDueAt()
    return next && next.getTime() - start
  }

  const none = await nextDueMs()
  await registerAsset(ledger)
  const asset = await nextDueMs()
  await claim(ledger, { inMs: 1_000, leaseMs: 5_000 })
  const leased = await nextDueMs()
  await registerTask(ledger)
  const task = await nextDueMs()

  expect([none, asset, leased, task]).toEqual([null, 1_000, 6_000, 2_000])
})

test('concluding a poll sets the next due time and the interval, and ends the lease', async () => {
  const { start } = stopClock()
  const ledger = await openTestLedger()
  await registerAsset(ledger)
  const polled = await claimOne(ledger, { leaseMs: 10_000 })
  const then = { nextPollAt: new Date(start + 3_000), gapMs: 2_500 }

  expect(await ledger.pollJobs.conclude(polled, null, then)).toBe(true)

  expect(await ledger.pollJobs.nextDueAt()).toEqual(then.nextPollAt)
  expect(await claim(ledger, { inMs: 2_999 })).toEqual([])
  expect(await claimOne(ledger, { inMs: 3_000 })).toMatchObject({
    gapMs: 2_500,
    dueAt: then.nextPollAt,
    deadlineAt: polled.deadlineAt,
    fence: 2,
  })
})

test('concluding a poll can set a new deadline', async () => {
  const { start } = stopClock()
  const ledger = await openTestLedger()
  await registerTask(ledger)
  const deadlineAt = new Date(start + 90_000)

  await ledger.pollJobs.conclude(await claimOne(ledger), null, { ...nextPoll(1), deadlineAt })

  expect((await claimOne(ledger, { inMs: 1 })).deadlineAt).toEqual(deadlineAt)
})

test('registering again changes the credential, but neither the due time nor the deadline', async () => {
  const clock = stopClock()
  const ledger = await openTestLedger(temporaryFolder(), { polling })
  const ref = await registerAsset(ledger)

  clock.set(500)
  const snapshot = assetSeen('PROCESSING')
  await ledger.register(ref, { snapshot, origin: null, credential: 'sk-newer' })

  expect(await claimOne(ledger, { inMs: 500 })).toMatchObject({
    credential: 'sk-newer',
    origin: { sourceUrl: 'https://example.com/a.png' },
    dueAt: new Date(clock.start + 1_000),
    deadlineAt: new Date(clock.start + 60_000),
  })
})

test('the longest overdue poll job is claimed first, across tenants and within one', async () => {
  const clock = stopClock()
  const ledger = await openTestLedger()
  // Registered in another order than the jobs are due.
  clock.set(2_000)
  await registerAsset(ledger, 'late')
  clock.set(0)
  await registerAsset(ledger, 'early')
  await clock.set(1_000)
  await registerAsset(ledger, 'other', { key: 'sk-other' })

  clock.set(3_000)
  const claimed = [await claimOne(ledger, { limit: 1 }), await claimOne(ledger, { limit: 1 })]

  expect(claimed.map(({ key }) => key)).toEqual(['JIMENG:early', 'JIMENG:other'])
})

test('ending a poll job early keeps the status, records the reason and notifies listeners', async () => {
  const clock = stopClock()
  const ledger = await openTestLedger()
  const ref = await registerAsset(ledger)
  const { seq } = (await ledger.find(ref)) ?? {}
  const heard: (string | null)[] = []
  const group = { ...ref, kind: 'assetGroup', key: 'JIMENG:group-1' } as const
  onTestFinished(ledger.notifier.listen(group, (key) => void heard.push(key)))
  const polled = await claimOne(ledger)

  clock.set(500)
  expect(await ledger.pollJobs.conclude(polled, null, { pollingEndedReason: 'too late' })).toBe(
    true,
  )

  const known = await ledger.find(ref)
  expect(known).toMatchObject({
    pollingEnded: true,
    pollingEndedReason: 'too late',
    observedAt: new Date(clock.start + 500),
    snapshot: { status: 'PROCESSING' },
  })
  expect(await ledger.transitionsAfter(ref, seq ?? 0)).toEqual([
    { previous: 'PROCESSING', current: 'PROCESSING', entity: known },
  ])
  expect(heard).toContain(ref.key)
  expect(await ledger.countPollJobs()).toBe(0)
})

test('a later terminal status removes the reason why polling ended', async () => {
  const ledger = await openTestLedger()
  const ref = await registerAsset(ledger)
  await ledger.pollJobs.conclude(await claimOne(ledger), null, { pollingEndedReason: 'too late' })

  const active = await ledger.recordObservation(ref, assetSeen('ACTIVE'))

  expect(active).toMatchObject({
    pollingEndedReason: null,
    pollingEnded: true,
    snapshot: { status: 'ACTIVE' },
  })
  expect(await ledger.find(ref)).toEqual(active)
  expect((await ledger.transitionsAfter(ref, 0)).at(-1)?.entity).toEqual(active)
})

test('an entity whose polling ended is polled again when it is registered again', async () => {
  const ledger = await openTestLedger()
  const ref = await registerAsset(ledger)
  await ledger.pollJobs.conclude(await claimOne(ledger), null, { pollingEndedReason: 'too late' })

  await registerAsset(ledger)

  expect(await ledger.find(ref)).toMatchObject({
    pollingEndedReason: null,
    pollingEnded: false,
  })
  expect(await claimOne(ledger)).toMatchObject({ key: ref.key, fence: 1 })
})

test('a terminal status ends the poll job without a reason, and notifies listeners', async () => {
  const ledger = await openTestLedger()
  const ref = await registerAsset(ledger)
  const before = ledger.notifier.count

  const ended = ledger.pollJobs.conclude(await claimOne(ledger), assetSeen('ACTIVE'), {
    pollingEndedReason: 'too late',
  })

  expect(await ended).toBe(true)
  expect(ledger.notifier.count).toBeGreaterThan(before)
  expect(await ledger.find(ref)).toMatchObject({ pollingEndedReason: null, pollingEnded: true })
  expect(await ledger.countPollJobs()).toBe(0)
})

// With PostgreSQL the notification of the registration may arrive at any time in between.
test.skipIf(isPostgres)(
  'a poll notifies listeners only if it observes a change of status',
  async () => {
    const ledger = await openTestLedger()
    const ref = await registerTask(ledger)
    const heard: (string | null)[] = []
    onTestFinished(ledger.notifier.listen(ref, (key) => void heard.push(key)))

    await ledger.pollJobs.conclude(await claimOne(ledger), taskSeen('QUEUED'), nextPoll(0))
    await ledger.pollJobs.conclude(await claimOne(ledger), null, nextPoll(0))
    const before = [...heard]
    await ledger.pollJobs.conclude(await claimOne(ledger), taskSeen('RUNNING'), nextPoll(0))

    expect(before).toEqual([])
    expect(heard).toEqual(['cgt-1'])
  },
)

test('a terminal status ends only its own poll job, and other poll jobs keep the credential', async () => {
  const dataDir = temporaryFolder()
  const ledger = await openTestLedger(dataDir)
  const database = await openTestDatabase(dataDir)
  const ref = { ...(await registerAsset(ledger)), key: 'same' }
  const asset = { snapshot: assetSeen('PROCESSING'), origin: null, credential: KEY }
  await ledger.recordObservation(assetEntityRef(ledger), assetSeen('ACTIVE'))
  await ledger.register(ref, asset)
  await registerTask(ledger, 'same')
  await registerAsset(ledger, 'Asset-2')
  const other = { ...ref, tenant: ledger.tenantOf('sk-other') }
  await ledger.register(other, { ...asset, credential: 'sk-other' })

  await ledger.recordObservation(ref, assetSeen('FAILED'))
  const left = await database.selectFrom('poll_job').select(['tenant', 'kind', 'key']).execute()
  await ledger.recordObservation(other, assetSeen('FAILED'))
  const credentials = await database.selectFrom('credential').select('tenant').execute()

  expect(left).toHaveLength(3)
  expect(left).not.toContainEqual(expect.objectContaining(ref))
  expect(credentials).toEqual([{ tenant: ref.tenant }])
})

test('onAdded calls its listener for each added or woken poll job, until the listener is removed', async () => {
  const ledger = await openTestLedger()
  let calls = 0
  const leave = ledger.pollJobs.onAdded(() => {
    calls += 1
  })

  await registerAsset(ledger)
  const afterAsset = calls
  const group = { ...assetEntityRef(ledger), kind: 'assetGroup', key: 'JIMENG:group-1' } as const
  await ledger.register(group, {
    snapshot: {
      platform: 'JIMENG',
      groupId: 'group-1',
      name: null,
      description: null,
      projectName: null,
      status: 'ACTIVE',
      rawStatus: 'Active',
      createdAt: null,
    },
    origin: null,
    credential: KEY,
  })
  const afterGroup = calls
  // A terminal asset can wake a task that waits for it.
  await ledger.recordObservation(assetEntityRef(ledger), assetSeen('ACTIVE'))
  const afterSettled = calls
  leave()
  await registerAsset(ledger, 'Asset-2')

  expect([afterAsset, afterGroup, afterSettled, calls]).toEqual([1, 1, 2, 2])
  expect(await ledger.countPollJobs()).toBe(1)
})

test('a poll with the status of its claim is recorded when the entity has changed since', async () => {
  const ledger = await openTestLedger()
  const ref = await registerTask(ledger)
  await ledger.recordObservation(ref, taskSeen('RUNNING'))
  const job = await claimOne(ledger)
  await ledger.recordObservation(ref, taskSeen('UNKNOWN'))

  const isHeld = await ledger.pollJobs.conclude(job, taskSeen('RUNNING'), {
    nextPollAt: new Date(),
    gapMs: 1_000,
  })

  expect(isHeld).toBe(true)
  const transitions = await ledger.transitionsAfter(ref, 0)
  expect(transitions.map(({ current }) => current)).toEqual([
    'QUEUED',
    'RUNNING',
    'UNKNOWN',
    'RUNNING',
  ])
})
