import { setTimeout as pause } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { until } from './support/app.ts'
import { claim, openTestLedger, registerAsset, taskEntityRef, taskSeen } from './support/ledger.ts'
import { LONG_MS, openTestLedgerWithDatabase, startTestTracker } from './support/tracking.ts'
import { type Answer, scriptUpstream } from './support/upstream.ts'

const GET = 'GET /v1/assets/Asset-1'
const TOO_MANY: Answer = { status: 429, body: { error: 'Too many requests' } }

/** An upstream whose reads all hang until `release` is called. */
async function slowUpstream() {
  const upstream = await scriptUpstream()
  upstream.assets.set('Asset-1', { status: 'Active' })
  const held = Promise.withResolvers<undefined>()
  upstream.intercept = () => held.promise
  return { upstream, release: () => held.resolve(undefined) }
}

test('a second tracker does not poll an entity whose poll is still running', async () => {
  const { upstream, release } = await slowUpstream()
  const ledger = await openTestLedger()
  const ref = await registerAsset(ledger)
  const leaseMs = 150
  // It claims nothing while its one poll runs, so only the timer extends the lease.
  startTestTracker(ledger, upstream, { leaseMs, maxInFlight: 1 })
  await upstream.nextCall(GET)
  startTestTracker(ledger, upstream, { leaseMs })

  await pause(3 * leaseMs)
  const calls = upstream.callsTo(GET).length
  release()
  await until(async () => (await ledger.find(ref))?.snapshot.status === 'ACTIVE')

  expect(calls).toBe(1)
})

test('a poll job of a dead tracker is taken over when its lease ends', async () => {
  const { upstream, release } = await slowUpstream()
  release()
  const ledger = await openTestLedger()
  const ref = await registerAsset(ledger)
  await claim(ledger, { leaseMs: 200 })
  const claimedAt = Date.now()
  startTestTracker(ledger, upstream, { leaseMs: LONG_MS })

  await until(async () => (await ledger.find(ref))?.snapshot.status === 'ACTIVE')

  expect(upstream.callsTo(GET)[0]?.at).toBeGreaterThanOrEqual(claimedAt + 190)
})

test('a stopped tracker releases its poll jobs, due at once', async () => {
  const { upstream } = await slowUpstream()
  const ledger = await openTestLedger()
  await registerAsset(ledger)
  const tracker = startTestTracker(ledger, upstream, { leaseMs: LONG_MS })
  await upstream.nextCall(GET)

  await tracker.stop()

  expect(await claim(ledger)).toMatchObject([{ key: 'JIMENG:Asset-1', gapMs: 0 }])
  expect(tracker.errors).toEqual([])
})

test('a stopped tracker claims no more poll jobs', async () => {
  const upstream = await scriptUpstream()
  const ledger = await openTestLedger()
  const tracker = startTestTracker(ledger, upstream)

  await tracker.stop()
  await registerAsset(ledger)
  await pause(100)

  expect(upstream.calls).toEqual([])
})

test('a tracker that lost its lease reports it and records nothing', async () => {
  const { upstream, release } = await slowUpstream()
  const ledger = await openTestLedger()
  const ref = await registerAsset(ledger)
  const lost: string[] = []
  const onLeaseLost = ({ key }: { key: string }) => lost.push(key)
  startTestTracker(ledger, upstream, { leaseMs: LONG_MS, onLeaseLost })
  await upstream.nextCall(GET)

  await claim(ledger, { inMs: 2 * LONG_MS, leaseMs: LONG_MS })
  release()
  await until(() => lost.length === 1)

  expect(lost).toEqual(['JIMENG:Asset-1'])
  expect((await ledger.find(ref))?.snapshot.status).toBe('PROCESSING')
})

test('a new poll job is polled at once, independent of the pace', async () => {
  const upstream = await scriptUpstream()
  upstream.assets.set('Asset-1', { status: 'Active' })
  const ledger = await openTestLedger()
  startTestTracker(ledger, upstream, { leaseMs: LONG_MS })
  await pause(50)

  const called = upstream.nextCall(GET)
  await registerAsset(ledger)

  await called
})

test('at most maxInFlight polls run, and the next starts when one ends', async () => {
  const { upstream, release } = await slowUpstream()
  const ledger = await openTestLedger()
  for (const id of ['Asset-1', 'Asset-2', 'Asset-3']) await registerAsset(ledger, id)
  startTestTracker(ledger, upstream, { maxInFlight: 2, leaseMs: LONG_MS })
  await until(() => upstream.calls.length === 2)
  await pause(50)
  const inFlight = upstream.calls.length

  release()
  await until(() => upstream.callsTo('GET /v1/assets/Asset-3').length > 0)

  expect(inFlight).toBe(2)
})

test('the interval between polls is shortened at random by up to a fifth', async () => {
  const upstream = await scriptUpstream()
  upstream.assets.set('Asset-1', { status: 'Processing' })
  const polling = { firstPollMs: { asset: 20_000, videoTask: 0 }, deadlineMs: 3_600_000 }
  const { ledger, database } = await openTestLedgerWithDatabase({ polling })
  await registerAsset(ledger)
  await database.updateTable('poll_job').set({ next_poll_at: 0 }).execute()
  const pace = { minMs: 10, maxMs: 1_000_000 }
  const before = Date.now()
  startTestTracker(ledger, upstream, { pace: { asset: pace, videoTask: pace }, random: () => 0.5 })

  const row = () => database.selectFrom('poll_job').selectAll().executeTakeFirstOrThrow()
  await until(async () => (await row()).next_poll_at > 0)

  const { next_poll_at, gap_ms } = await row()
  expect(gap_ms).toBe(30_000)
  expect(next_poll_at - before).toBeGreaterThanOrEqual(27_000)
  expect(next_poll_at - before).toBeLessThan(29_900)
})

test('a 429 halves the poll rate, and successful polls raise it again', async () => {
  const upstream = await scriptUpstream()
  upstream.assets.set('Asset-1', { status: 'Processing' })
  const { ledger, database } = await openTestLedgerWithDatabase()
  await registerAsset(ledger)
  const rates: (number | null)[] = []
  upstream.intercept = async () => {
    const budget = await database.selectFrom('poll_budget').select('rate').executeTakeFirst()
    rates.push(budget?.rate ?? null)
    return rates.length === 1 ? TOO_MANY : undefined
  }
  startTestTracker(ledger, upstream, { maxRps: 20 })

  // Half of 20, plus the first increase.
  await until(() => rates.some((rate) => rate !== null && rate > 10 && rate < 11))

  expect(rates[0]).toBeNull()
})

test('a failure other than 429 does not change the poll rate', async () => {
  const upstream = await scriptUpstream()
  upstream.intercept = () => ({ status: 500, body: { error: 'x' } })
  const { ledger, database } = await openTestLedgerWithDatabase()
  await registerAsset(ledger)
  startTestTracker(ledger, upstream)

  await until(() => upstream.callsTo(GET).length >= 3)

  const budget = await database.selectFrom('poll_budget').select('rate').executeTakeFirst()
  expect(budget?.rate).toBeNull()
})

/** A ledger with one transition. `age` sets its time to 1970. */
async function ledgerWithTransition() {
  const { ledger, database } = await openTestLedgerWithDatabase()
  const ref = taskEntityRef(ledger)
  await ledger.register(ref, { snapshot: taskSeen('FAILED'), origin: null, credential: 'k' })
  const count = async () => (await ledger.transitionsAfter(ref, 0)).length
  const age = () => database.updateTable('transition').set({ observed_at: 1 }).execute()
  return { ledger, count, age }
}

test('transitions older than the retention time are deleted when a tracker starts', async () => {
  const { ledger, count, age } = await ledgerWithTransition()
  await age()

  startTestTracker(ledger, await scriptUpstream(), { pruneEveryMs: LONG_MS })

  await until(async () => (await count()) === 0)
})

test('transitions that pass the retention time are deleted while a tracker runs', async () => {
  const { ledger, count, age } = await ledgerWithTransition()
  startTestTracker(ledger, await scriptUpstream(), { pruneEveryMs: 30 })
  await pause(100)
  const young = await count()

  await age()

  await until(async () => (await count()) === 0)
  expect(young).toBe(1)
})

test('a database failure is reported, and polling continues after it', async () => {
  const upstream = await scriptUpstream()
  upstream.assets.set('Asset-1', { status: 'Active' })
  const { ledger, database } = await openTestLedgerWithDatabase()
  const ref = await registerAsset(ledger)
  await database.schema.alterTable('poll_job').renameTo('moved').execute()
  const tracker = startTestTracker(ledger, upstream)
  await until(() => tracker.errors.length > 0)
  const reported = tracker.errors.length

  await database.schema.alterTable('moved').renameTo('poll_job').execute()
  await until(async () => (await ledger.find(ref))?.snapshot.status === 'ACTIVE')

  // The pause after an error is one second, so few errors are reported.
  expect(reported).toBeLessThan(3)
})

test('the start of a poll is reported with its delay', async () => {
  const upstream = await scriptUpstream()
  upstream.assets.set('Asset-1', { status: 'Active' })
  const ledger = await openTestLedger()
  await registerAsset(ledger)
  await pause(30)
  const polls: { kind: string; lagMs: number }[] = []

  startTestTracker(ledger, upstream, { onPoll: (poll) => polls.push(poll) })
  await until(() => polls.length === 1)

  expect(polls[0]?.kind).toBe('asset')
  expect(polls[0]?.lagMs).toBeGreaterThanOrEqual(30)
  expect(polls[0]?.lagMs).toBeLessThan(LONG_MS)
})

test('a task is polled with its own model, and by its key while it has no task id', async () => {
  const upstream = await scriptUpstream()
  const ledger = await openTestLedger()
  const register = (id: string, taskId: string | null, model: string | null) =>
    ledger.register(taskEntityRef(ledger, id), {
      snapshot: taskSeen('QUEUED', { taskId, model: 'said-by-upstream' }),
      origin: model === null ? null : { model, request: null },
      credential: 'k',
    })
  await register('cgt-1', 'cgt-1', 'asked-for')
  await register('cgt-2', 'cgt-2', null)
  await register('cgt-3', null, null)
  startTestTracker(ledger, upstream)

  await until(() => new Set(upstream.calls.map(({ path }) => path)).size === 3)

  const modelOf = (id: string) => upstream.callsTo(`GET /v1/video/tasks/${id}`)[0]?.query
  expect(modelOf('cgt-1')).toEqual({ model: 'asked-for' })
  expect(modelOf('cgt-2')).toEqual({ model: 'said-by-upstream' })
  expect(modelOf('cgt-3')).toEqual({ model: 'said-by-upstream' })
})
