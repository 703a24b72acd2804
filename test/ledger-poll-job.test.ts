import { expect, onTestFinished, test } from 'vitest'
import { KEY, temporaryFolder } from './support/app.ts'
import { stopClock } from './support/clock.ts'
import { isPostgres } from './support/engine.ts'
import {
  assetAddress,
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

test('each kind has its own first gap, and a poll job is due from that moment on', async () => {
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
      // The lease of the asset, of a second, has just run out.
      { ...task, gapMs: 2_000, dueAt: new Date(start + 2_000), deadlineAt, submission: null },
      { ...asset, fence: 2 },
    ].toSorted((a, b) => (a.kind < b.kind ? -1 : 1)),
  )
})

test('a task that waits for its assets is due at once', async () => {
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

test('the next is due when its time has come and no lease is in the way', async () => {
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

test('after a poll it is due at the time given, with the gap given, for whoever comes first', async () => {
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

test('a poll may give a new deadline', async () => {
  const { start } = stopClock()
  const ledger = await openTestLedger()
  await registerTask(ledger)
  const deadlineAt = new Date(start + 90_000)

  await ledger.pollJobs.conclude(await claimOne(ledger), null, { ...nextPoll(1), deadlineAt })

  expect((await claimOne(ledger, { inMs: 1 })).deadlineAt).toEqual(deadlineAt)
})

test('registering again changes neither when it is due nor its deadline, but the key', async () => {
  const clock = stopClock()
  const ledger = await openTestLedger(temporaryFolder(), { polling })
  const address = await registerAsset(ledger)

  clock.set(500)
  const snapshot = assetSeen('PROCESSING')
  await ledger.register(address, { snapshot, origin: null, credential: 'sk-newer' })

  expect(await claimOne(ledger, { inMs: 500 })).toMatchObject({
    credential: 'sk-newer',
    origin: { sourceUrl: 'https://example.com/a.png' },
    dueAt: new Date(clock.start + 1_000),
    deadlineAt: new Date(clock.start + 60_000),
  })
})

test('the longest overdue comes first, among tenants and within one', async () => {
  const clock = stopClock()
  const ledger = await openTestLedger()
  // Registered against the order in which they are due.
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

test('a poll job that is given up leaves the status and says why, as a transition and to listeners', async () => {
  const clock = stopClock()
  const ledger = await openTestLedger()
  const address = await registerAsset(ledger)
  const { seq } = (await ledger.find(address)) ?? {}
  const heard: (string | null)[] = []
  const group = { ...address, kind: 'assetGroup', key: 'JIMENG:group-1' } as const
  onTestFinished(ledger.notifier.listen(group, (key) => void heard.push(key)))
  const polled = await claimOne(ledger)

  clock.set(500)
  expect(await ledger.pollJobs.conclude(polled, null, { pollingEndedReason: 'too late' })).toBe(
    true,
  )

  const known = await ledger.find(address)
  expect(known).toMatchObject({
    pollingEnded: true,
    pollingEndedReason: 'too late',
    observedAt: new Date(clock.start + 500),
    snapshot: { status: 'PROCESSING' },
  })
  expect(await ledger.transitionsAfter(address, seq ?? 0)).toEqual([
    { previous: 'PROCESSING', current: 'PROCESSING', entity: known },
  ])
  expect(heard).toContain(address.key)
  expect(await ledger.countPollJobs()).toBe(0)
})

test('what settles at last loses the note of the poll job that was given up', async () => {
  const ledger = await openTestLedger()
  const address = await registerAsset(ledger)
  await ledger.pollJobs.conclude(await claimOne(ledger), null, { pollingEndedReason: 'too late' })

  const active = await ledger.recordObservation(address, assetSeen('ACTIVE'))

  expect(active).toMatchObject({
    pollingEndedReason: null,
    pollingEnded: true,
    snapshot: { status: 'ACTIVE' },
  })
  expect(await ledger.find(address)).toEqual(active)
  expect((await ledger.transitionsAfter(address, 0)).at(-1)?.entity).toEqual(active)
})

test('what was given up and is registered again is polled again', async () => {
  const ledger = await openTestLedger()
  const address = await registerAsset(ledger)
  await ledger.pollJobs.conclude(await claimOne(ledger), null, { pollingEndedReason: 'too late' })

  await registerAsset(ledger)

  expect(await ledger.find(address)).toMatchObject({
    pollingEndedReason: null,
    pollingEnded: false,
  })
  expect(await claimOne(ledger)).toMatchObject({ key: address.key, fence: 1 })
})

test('a poll that sees the end ends the poll job, whatever was to follow, and tells listeners', async () => {
  const ledger = await openTestLedger()
  const address = await registerAsset(ledger)
  const before = ledger.notifier.count

  const ended = ledger.pollJobs.conclude(await claimOne(ledger), assetSeen('ACTIVE'), {
    pollingEndedReason: 'too late',
  })

  expect(await ended).toBe(true)
  expect(ledger.notifier.count).toBeGreaterThan(before)
  expect(await ledger.find(address)).toMatchObject({ pollingEndedReason: null, pollingEnded: true })
  expect(await ledger.countPollJobs()).toBe(0)
})

// With PostgreSQL the notification of the registration may arrive at any time in between.
test.skipIf(isPostgres)(
  'a poll that sees a change tells listeners, and one that sees none does not',
  async () => {
    const ledger = await openTestLedger()
    const address = await registerTask(ledger)
    const heard: (string | null)[] = []
    onTestFinished(ledger.notifier.listen(address, (key) => void heard.push(key)))

    await ledger.pollJobs.conclude(await claimOne(ledger), taskSeen('QUEUED'), nextPoll(0))
    await ledger.pollJobs.conclude(await claimOne(ledger), null, nextPoll(0))
    const before = [...heard]
    await ledger.pollJobs.conclude(await claimOne(ledger), taskSeen('RUNNING'), nextPoll(0))

    expect(before).toEqual([])
    expect(heard).toEqual(['cgt-1'])
  },
)

test('only the poll job of what settled ends, and the key stays while something is polled', async () => {
  const dataDir = temporaryFolder()
  const ledger = await openTestLedger(dataDir)
  const database = await openTestDatabase(dataDir)
  const address = { ...(await registerAsset(ledger)), key: 'same' }
  const asset = { snapshot: assetSeen('PROCESSING'), origin: null, credential: KEY }
  await ledger.recordObservation(assetAddress(ledger), assetSeen('ACTIVE'))
  await ledger.register(address, asset)
  await registerTask(ledger, 'same')
  await registerAsset(ledger, 'Asset-2')
  const other = { ...address, tenant: ledger.tenantOf('sk-other') }
  await ledger.register(other, { ...asset, credential: 'sk-other' })

  await ledger.recordObservation(address, assetSeen('FAILED'))
  const left = await database.selectFrom('poll_job').select(['tenant', 'kind', 'key']).execute()
  await ledger.recordObservation(other, assetSeen('FAILED'))
  const credentials = await database.selectFrom('credential').select('tenant').execute()

  expect(left).toHaveLength(3)
  expect(left).not.toContainEqual(expect.objectContaining(address))
  expect(credentials).toEqual([{ tenant: address.tenant }])
})

test('they are told of each addition, and of nothing once they have left', async () => {
  const ledger = await openTestLedger()
  let told = 0
  const leave = ledger.pollJobs.onAdded(() => {
    told += 1
  })

  await registerAsset(ledger)
  const afterAsset = told
  const group = { ...assetAddress(ledger), kind: 'assetGroup', key: 'JIMENG:group-1' } as const
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
  const afterGroup = told
  // What waited for the asset may go on.
  await ledger.recordObservation(assetAddress(ledger), assetSeen('ACTIVE'))
  const afterSettled = told
  leave()
  await registerAsset(ledger, 'Asset-2')

  expect([afterAsset, afterGroup, afterSettled, told]).toEqual([1, 1, 2, 2])
  expect(await ledger.countPollJobs()).toBe(1)
})
