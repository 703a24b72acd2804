import { setTimeout as pause } from 'node:timers/promises'
import { expect, test } from 'vitest'
import type { EntityRef } from '../src/ledger/entity.ts'
import type { Ledger } from '../src/ledger/ledger.ts'
import type { Tracker } from '../src/tracking/tracker.ts'
import { temporaryFolder, until } from './support/app.ts'
import { isPostgres } from './support/engine.ts'
import {
  assetEntityRef,
  assetSeen,
  claim,
  claimOne,
  nextPoll,
  openTestLedger,
  taskSeen,
} from './support/ledger.ts'
import { LONG_MS, openTestLedgerWithDatabase, startTestTracker } from './support/tracking.ts'
import { type Answer, type ScriptedUpstream, scriptUpstream } from './support/upstream.ts'
import { registerWaiting, registerWaitingTask, requestNaming } from './support/waiting-task.ts'

const POST = 'POST /v1/video/tasks'
const TOO_MANY: Answer = { status: 429, body: { error: 'Too many requests' } }

async function stateOf(ledger: Ledger, ref: EntityRef<'videoTask'>) {
  const { status, failureReason, taskId } = (await ledger.find(ref))?.snapshot ?? {}
  return { status, failureReason, taskId }
}

/** Waits until the task is FAILED. Returns the reason. */
async function failureOf(ledger: Ledger, ref: EntityRef<'videoTask'>): Promise<string> {
  await until(async () => (await stateOf(ledger, ref)).status === 'FAILED')
  return (await stateOf(ledger, ref)).failureReason ?? ''
}

/** Answers every create with `answer`. */
function answerCreates(upstream: ScriptedUpstream, answer: Answer | 'reset') {
  upstream.intercept = ({ method }) => (method === 'POST' ? answer : undefined)
}

test.for<[string, Answer | 'reset', RegExp]>([
  ['a 429 of a provider', { status: 429, body: { code: 429, msg: 'busy' } }, /HTTP 429: busy/],
  ['a 401 of a provider', { status: 401, body: { code: 401, msg: 'bad sign' } }, /401: bad sign/],
  ['a 403 of a provider', { status: 403, body: { code: 403, msg: 'denied' } }, /403: denied/],
  ['a 409 of a provider', { status: 409, body: { code: 409, msg: 'conflict' } }, /409: conflict/],
  ['a 425 of a provider', { status: 425, body: { code: 425, msg: 'early' } }, /425: early/],
  ['a 500 of a provider', { status: 500, body: { code: 500, msg: 'oops' } }, /500: oops/],
  ['a 429 with an HTML page', { status: 429, body: '<html>Too many requests</html>' }, /HTTP 429/],
  ['a connection reset', 'reset', /not known whether/],
])('after %s the outcome is unknown and the task is FAILED and never sent again', async (row) => {
  const [, answer, reason] = row
  const upstream = await scriptUpstream()
  answerCreates(upstream, answer)
  const ledger = await openTestLedger()
  const ref = await registerWaitingTask(ledger, 'zg-1')
  startTestTracker(ledger, upstream)

  const failureReason = await failureOf(ledger, ref)
  upstream.intercept = () => undefined
  await pause(100)

  expect(failureReason).toMatch(/^It is not known whether 0-0 did this; it is not sent again/)
  expect(failureReason).toMatch(reason)
  expect(upstream.callsTo(POST)).toHaveLength(1)
  expect(await ledger.countPollJobs()).toBe(0)
})

test.for<[string, Answer, RegExp]>([
  ['an empty balance', { status: 402, body: { detail: 'insufficient balance' } }, /balance/],
  ['a rejected key', { status: 401, body: { detail: 'invalid api key' } }, /this API key/],
  ['a ban', { status: 403, body: { detail: 'banned' } }, /banned/],
  ['an invalid request', { status: 400, body: { code: 400, msg: 'too long' } }, /too long/],
])('%s fails the task with a reason that nothing was done', async ([, answer, reason]) => {
  const upstream = await scriptUpstream()
  answerCreates(upstream, answer)
  const ledger = await openTestLedger()
  const ref = await registerWaitingTask(ledger, 'zg-1')
  const tracker = startTestTracker(ledger, upstream)

  const failureReason = await failureOf(ledger, ref)

  expect(failureReason).toMatch(/^0-0 did not take the task: .*\. Nothing was done\.$/)
  expect(failureReason).toMatch(reason)
  expect(upstream.callsTo(POST)).toHaveLength(1)
  expect(tracker.errors).toEqual([])
})

test('a rejected key of the service is reported as an error and named in the reason', async () => {
  const upstream = await scriptUpstream()
  answerCreates(upstream, { status: 401, body: { detail: 'invalid api key' } })
  const ledger = await openTestLedger()
  const ref = await registerWaitingTask(ledger, 'zg-1')
  const tracker = startTestTracker(ledger, upstream, { heldKey: 'sk-held' })

  const failureReason = await failureOf(ledger, ref)

  expect(failureReason).toMatch(/does not accept the API key of this service\. Nothing was done\.$/)
  expect(tracker.errors).toMatchObject([{ code: 'UNAUTHENTICATED' }])
  expect(upstream.callsTo(POST)[0]?.headers.authorization).toBe('Bearer sk-held')
})

test('an empty balance of the service key is not reported as an error of the service', async () => {
  const upstream = await scriptUpstream()
  answerCreates(upstream, { status: 402, body: { detail: 'insufficient balance' } })
  const ledger = await openTestLedger()
  const ref = await registerWaitingTask(ledger, 'zg-1')
  const tracker = startTestTracker(ledger, upstream, { heldKey: 'sk-held' })

  expect(await failureOf(ledger, ref)).toMatch(/balance/)
  expect(tracker.errors).toEqual([])
})

test.for<[string, Answer]>([
  ['a 429 of the gateway', TOO_MANY],
  ['a 503 without a channel', { status: 503, body: { detail: 'no channel configured' } }],
])('after %s, which proves that nothing was done, the task is sent again', async ([, answer]) => {
  const upstream = await scriptUpstream()
  upstream.intercept = ({ method }) =>
    method === 'POST' && upstream.callsTo(POST).length < 3 ? answer : undefined
  const ledger = await openTestLedger()
  const ref = await registerWaitingTask(ledger, 'zg-1')
  startTestTracker(ledger, upstream)

  await until(async () => (await stateOf(ledger, ref)).status === 'QUEUED')

  expect(upstream.callsTo(POST)).toHaveLength(3)
})

test('a change of an asset does not shorten the Retry-After of its waiting task', async () => {
  const upstream = await scriptUpstream()
  const headers = { 'retry-after': '1' }
  upstream.intercept = ({ method }) =>
    method === 'POST' && upstream.callsTo(POST).length === 1 ? { ...TOO_MANY, headers } : undefined
  const ledger = await openTestLedger()
  const ref = await registerWaiting(ledger, 'zg-1', 'Asset-1')
  await ledger.recordObservation(assetEntityRef(ledger), assetSeen('ACTIVE'))
  startTestTracker(ledger, upstream, { random: () => 0.5 })

  await until(async () => {
    await ledger.recordObservation(
      assetEntityRef(ledger),
      assetSeen('ACTIVE', { url: `${Date.now()}` }),
    )
    return (await stateOf(ledger, ref)).status === 'QUEUED'
  })

  const [first, second, ...more] = upstream.callsTo(POST)
  expect(more).toEqual([])
  // Retry-After of 1 s plus half of the maximum jitter of a fifth.
  expect((second?.at ?? 0) - (first?.at ?? 0)).toBeGreaterThanOrEqual(1_090)
})

test('without Retry-After the interval between attempts doubles', async () => {
  const upstream = await scriptUpstream()
  answerCreates(upstream, TOO_MANY)
  const { ledger, database } = await openTestLedgerWithDatabase()
  await registerWaitingTask(ledger, 'zg-1')
  const pace = { minMs: 30, maxMs: 1_000 }
  startTestTracker(ledger, upstream, { pace: { asset: pace, videoTask: pace }, random: () => 0 })

  await until(() => upstream.callsTo(POST).length === 4)

  const at = upstream.callsTo(POST).map((call) => call.at)
  const gaps = at.slice(1).map((time, index) => time - (at[index] ?? time))
  expect(gaps[0]).toBeGreaterThanOrEqual(29)
  expect(gaps[1]).toBeGreaterThanOrEqual(59)
  expect(gaps[2]).toBeGreaterThanOrEqual(119)
  const row = await database.selectFrom('poll_job').selectAll().executeTakeFirstOrThrow()
  expect(row.gap_ms).toBeGreaterThanOrEqual(120)
})

test.for([
  ['an hour', '3600'],
  ['14 digits', '99999999999999'],
])('a Retry-After of %s beyond the deadline fails the task at once', async ([, pauseS]) => {
  const upstream = await scriptUpstream()
  answerCreates(upstream, { ...TOO_MANY, headers: { 'retry-after': pauseS ?? '' } })
  const ledger = await openTestLedger()
  const ref = await registerWaitingTask(ledger, 'zg-1')
  const tracker = startTestTracker(ledger, upstream)

  expect(await failureOf(ledger, ref)).toMatch(/asks for fewer requests\. Nothing was done\.$/)
  expect(upstream.callsTo(POST)).toHaveLength(1)
  expect(tracker.errors).toEqual([])
})

test('a task has a new deadline after it is sent', async () => {
  const upstream = await scriptUpstream()
  const polling = { firstPollMs: { asset: 0, videoTask: 0 }, deadlineMs: 1_500 }
  const { ledger, database } = await openTestLedgerWithDatabase({ polling })
  const ref = await registerWaitingTask(ledger, 'zg-1')
  const before = Date.now()
  startTestTracker(ledger, upstream, { deadlineMs: LONG_MS })

  await until(async () => (await stateOf(ledger, ref)).status === 'QUEUED')

  const row = await database.selectFrom('poll_job').selectAll().executeTakeFirstOrThrow()
  expect(row.deadline_at).toBeGreaterThanOrEqual(before + LONG_MS)
  expect(row.submission).toBeNull()
})

test('a sent task is first polled after the minimum interval of tasks', async () => {
  const upstream = await scriptUpstream()
  const { ledger, database } = await openTestLedgerWithDatabase()
  const ref = await registerWaitingTask(ledger, 'zg-1')
  const before = Date.now()
  const pace = { asset: { minMs: 10, maxMs: 20 }, videoTask: { minMs: 20_000, maxMs: 30_000 } }
  startTestTracker(ledger, upstream, { pace })

  await until(async () => (await stateOf(ledger, ref)).status === 'QUEUED')

  const row = await database.selectFrom('poll_job').selectAll().executeTakeFirstOrThrow()
  expect(row.gap_ms).toBe(20_000)
  expect(row.next_poll_at).toBeGreaterThanOrEqual(before + 20_000)
})

test('an asset whose polling ended fails the task with the asset and the time in the reason', async () => {
  const upstream = await scriptUpstream()
  const ledger = await openTestLedger()
  const ref = await registerWaiting(ledger, 'zg-1', 'Asset-1', 'Asset-2')
  const asset = (await claim(ledger)).find(({ key }) => key === 'JIMENG:Asset-2')
  if (!asset) throw new Error('The asset was not claimed.')
  await ledger.pollJobs.conclude(asset, null, { pollingEndedReason: 'nobody knows it' })
  const { observedAt } = (await ledger.find(assetEntityRef(ledger, 'Asset-2'))) ?? {}
  upstream.assets.set('Asset-1', { status: 'Processing' })
  startTestTracker(ledger, upstream)

  expect(await failureOf(ledger, ref)).toBe(
    `The asset Asset-2 was still PROCESSING at ${observedAt?.toISOString()}. Nothing was sent to 0-0.`,
  )
  expect(upstream.callsTo(POST)).toEqual([])
})

test('the reason names a failed asset before one that is still processing', async () => {
  const upstream = await scriptUpstream()
  upstream.assets.set('Asset-1', { status: 'Processing' })
  const ledger = await openTestLedger()
  const ref = await registerWaiting(ledger, 'zg-1', 'Asset-1', 'Asset-2')
  await ledger.recordObservation(
    assetEntityRef(ledger, 'Asset-2'),
    assetSeen('FAILED', { assetId: 'Asset-2' }),
  )
  startTestTracker(ledger, upstream)

  expect(await failureOf(ledger, ref)).toBe(
    'The asset Asset-2 failed: no reason given. Nothing was sent to 0-0.',
  )
})

test('a task waits until its deadline for an asset that is still processing', async () => {
  const upstream = await scriptUpstream()
  upstream.assets.set('Asset-1', { status: 'Processing' })
  const { ledger, database } = await openTestLedgerWithDatabase()
  const ref = await registerWaiting(ledger, 'zg-1', 'Asset-1')
  const deadline_at = Date.now() + 150
  await database
    .updateTable('poll_job')
    .set({ deadline_at })
    .where('kind', '=', 'videoTask')
    .execute()
  startTestTracker(ledger, upstream)

  expect(await failureOf(ledger, ref)).toBe(
    `The asset Asset-1 was still PROCESSING at ${new Date(deadline_at).toISOString()}. Nothing was sent to 0-0.`,
  )
  expect(Date.now()).toBeGreaterThanOrEqual(deadline_at)
})

test('a task waits until its deadline for an asset that is not in the ledger', async () => {
  const upstream = await scriptUpstream()
  const polling = { firstPollMs: { asset: 0, videoTask: 0 }, deadlineMs: 200 }
  const ledger = await openTestLedger(temporaryFolder(), { polling })
  const request = requestNaming('Asset-9')
  const ref = await registerWaitingTask(ledger, 'zg-1', { model: null, request })
  const registeredAt = Date.now()
  const tracker = startTestTracker(ledger, upstream)

  expect(await failureOf(ledger, ref)).toMatch(
    /^An asset it names was not known at .*Z\. Nothing was sent to 0-0\.$/,
  )
  expect(Date.now() - registeredAt).toBeGreaterThanOrEqual(190)
  expect(upstream.callsTo(POST)).toEqual([])
  expect(tracker.errors).toEqual([])
})

test('a task whose assets are all ACTIVE is sent even at its deadline', async () => {
  const upstream = await scriptUpstream()
  const { ledger, database } = await openTestLedgerWithDatabase()
  const ref = await registerWaiting(ledger, 'zg-1', 'Asset-1')
  await ledger.recordObservation(assetEntityRef(ledger), assetSeen('ACTIVE'))
  await database.updateTable('poll_job').set({ deadline_at: Date.now() }).execute()
  const unrecorded: unknown[] = []
  const onUnrecorded = (task: unknown) => unrecorded.push(task)
  const tracker = startTestTracker(ledger, upstream, { onUnrecorded })

  await until(async () => (await stateOf(ledger, ref)).status === 'QUEUED')
  await tracker.stop()

  expect(unrecorded).toEqual([])
})

test('a task does not wait for resources given by URL', async () => {
  const upstream = await scriptUpstream()
  const ledger = await openTestLedger()
  const request = requestNaming()
  request.resources.push({ type: 'IMAGE', role: 'REFERENCE', url: 'https://example.com/a.png' })
  const ref = await registerWaitingTask(ledger, 'zg-1', { model: null, request })
  startTestTracker(ledger, upstream)

  await until(async () => (await stateOf(ledger, ref)).status === 'QUEUED')

  expect(upstream.callsTo(POST)).toHaveLength(1)
})

test('the interval between checks of the assets uses the pace of assets', async () => {
  const upstream = await scriptUpstream()
  upstream.assets.set('Asset-1', { status: 'Processing' })
  const { ledger, database } = await openTestLedgerWithDatabase()
  await registerWaiting(ledger, 'zg-1', 'Asset-1')
  const pace = {
    asset: { minMs: 40_000, maxMs: 50_000 },
    videoTask: { minMs: 1, maxMs: 2 },
  }
  const before = Date.now()
  startTestTracker(ledger, upstream, { pace, random: () => 0 })
  const row = () =>
    database
      .selectFrom('poll_job')
      .selectAll()
      .where('kind', '=', 'videoTask')
      .executeTakeFirstOrThrow()

  await until(async () => (await row()).gap_ms === 40_000)

  // The lease is not compared, because it may have been extended in the meantime.
  expect(await row()).toMatchObject({ gap_ms: 40_000, submission: 'WAITING' })
  expect((await row()).next_poll_at).toBeGreaterThanOrEqual(before + 40_000)
})

test('a stopping tracker sends nothing and releases the waiting task, due at once', async () => {
  const upstream = await scriptUpstream()
  const ledger = await openTestLedger()
  await registerWaitingTask(ledger, 'zg-1')
  const stopped = Promise.withResolvers<void>()
  const tracker: Tracker = startTestTracker(ledger, upstream, {
    leaseMs: LONG_MS,
    onPoll: () => void tracker.stop().then(stopped.resolve),
  })

  await stopped.promise

  expect(upstream.calls).toEqual([])
  expect(await claimOne(ledger)).toMatchObject({ key: 'zg-1', submission: 'WAITING', gapMs: 0 })
})

test('a stopping tracker finishes a send that is running', async () => {
  const upstream = await scriptUpstream()
  const ledger = await openTestLedger()
  const ref = await registerWaitingTask(ledger, 'zg-1')
  const held = Promise.withResolvers<undefined>()
  upstream.intercept = () => held.promise
  const tracker = startTestTracker(ledger, upstream)
  await upstream.nextCall(POST)

  const stopping = tracker.stop()
  held.resolve(undefined)
  await stopping

  expect(await stateOf(ledger, ref)).toMatchObject({ status: 'QUEUED', taskId: 'cgt-1' })
})

test('a sent task without a recorded response is FAILED with an unknown outcome', async () => {
  const upstream = await scriptUpstream()
  const ledger = await openTestLedger()
  const ref = await registerWaitingTask(ledger, 'zg-1')
  await ledger.pollJobs.markSent(await claimOne(ledger, { leaseMs: 1 }))
  startTestTracker(ledger, upstream, { senderGraceMs: 50 })

  expect(await failureOf(ledger, ref)).toBe(
    'It was sent to 0-0 and no answer was recorded, so its outcome is unknown. It is not sent again.',
  )
  expect(upstream.calls).toEqual([])
})

test('a sent task without a recorded response is left to its sender for senderGraceMs', async () => {
  const upstream = await scriptUpstream()
  const ledger = await openTestLedger()
  const ref = await registerWaitingTask(ledger, 'zg-1')
  const sender = await claimOne(ledger, { leaseMs: 1 })
  await ledger.pollJobs.markSent(sender)
  const { stop } = startTestTracker(ledger, upstream, { senderGraceMs: LONG_MS })
  await until(
    async () => ((await ledger.pollJobs.nextDueAt())?.getTime() ?? 0) > Date.now() + 20_000,
  )
  await stop()
  const whileLeft = await stateOf(ledger, ref)

  const created = taskSeen('QUEUED', { taskId: 'cgt-9' })
  expect(whileLeft.status).toBe('WAITING_FOR_ASSETS')
  expect(await ledger.pollJobs.concludeSent(sender, created, nextPoll())).toBe(true)
  expect(await stateOf(ledger, ref)).toMatchObject({ status: 'QUEUED', taskId: 'cgt-9' })
})

test('a sender records its result despite a claim of another process, which then records nothing', async () => {
  const ledger = await openTestLedger()
  const ref = await registerWaitingTask(ledger, 'zg-1')
  const sender = await claimOne(ledger, { leaseMs: 1 })
  await ledger.pollJobs.markSent(sender)
  await until(async () => ((await ledger.pollJobs.nextDueAt())?.getTime() ?? 0) < Date.now())
  const other = await claimOne(ledger)
  const created = taskSeen('QUEUED', { taskId: 'cgt-9' })

  expect(await ledger.pollJobs.conclude(sender, created, nextPoll())).toBe(false)
  expect(await ledger.pollJobs.concludeSent(sender, created, nextPoll())).toBe(true)
  const failed = taskSeen('FAILED', { taskId: null, failureReason: 'unknown' })
  expect(await ledger.pollJobs.conclude(other, failed, { pollingEndedReason: 'unknown' })).toBe(
    false,
  )
  expect(await stateOf(ledger, ref)).toMatchObject({ status: 'QUEUED', taskId: 'cgt-9' })
  // A task that is no longer being sent has no sender.
  expect(await ledger.pollJobs.concludeSent(sender, created, nextPoll())).toBe(false)
})

test('a sender records nothing after another process has failed its task', async () => {
  const ledger = await openTestLedger()
  const ref = await registerWaitingTask(ledger, 'zg-1')
  const sender = await claimOne(ledger, { leaseMs: 1 })
  await ledger.pollJobs.markSent(sender)
  await until(async () => ((await ledger.pollJobs.nextDueAt())?.getTime() ?? 0) < Date.now())
  const failed = taskSeen('FAILED', { taskId: null, failureReason: 'unknown' })
  await ledger.pollJobs.conclude(await claimOne(ledger), failed, { pollingEndedReason: 'unknown' })

  const created = taskSeen('QUEUED', { taskId: 'cgt-9' })
  expect(await ledger.pollJobs.concludeSent(sender, created, nextPoll())).toBe(false)
  expect((await stateOf(ledger, ref)).status).toBe('FAILED')
})

test('a waiting task without a stored request is FAILED', async () => {
  const upstream = await scriptUpstream()
  const ledger = await openTestLedger()
  const ref = await registerWaitingTask(ledger, 'zg-1', null)
  startTestTracker(ledger, upstream)

  expect(await failureOf(ledger, ref)).toMatch(/not known any more\. Nothing was sent to 0-0\.$/)
})

test('a task whose stored key cannot be decrypted is FAILED', async () => {
  const upstream = await scriptUpstream()
  const dataDir = temporaryFolder()
  const first = await openTestLedger(dataDir, { secret: Buffer.alloc(32, 1) })
  const ref = await registerWaitingTask(first, 'zg-1')
  const second = await openTestLedger(dataDir, { secret: Buffer.alloc(32, 2) })
  startTestTracker(second, upstream)

  expect(await failureOf(second, ref)).toMatch(/can no longer be read\. Nothing was sent/)
  expect(upstream.calls).toEqual([])
})

test('a task created after another process failed it is reported with both ids', async () => {
  const upstream = await scriptUpstream()
  const ledger = await openTestLedger()
  const ref = await registerWaitingTask(ledger, 'zg-1')
  const held = Promise.withResolvers<undefined>()
  upstream.intercept = () => held.promise
  const unrecorded: unknown[] = []
  const onUnrecorded = (task: unknown) => unrecorded.push(task)
  startTestTracker(ledger, upstream, { leaseMs: LONG_MS, onUnrecorded })
  await upstream.nextCall(POST)

  const other = await claimOne(ledger, { inMs: 2 * LONG_MS, leaseMs: LONG_MS })
  const failed = taskSeen('FAILED', { taskId: null, failureReason: 'unknown' })
  await ledger.pollJobs.conclude(other, failed, { pollingEndedReason: 'unknown' })
  held.resolve(undefined)
  await until(() => unrecorded.length === 1)

  expect(unrecorded).toEqual([{ key: 'zg-1', taskId: 'cgt-1' }])
  expect((await stateOf(ledger, ref)).status).toBe('FAILED')
})

// On SQLite calls run in order, so the other claim runs before the send.
test.skipIf(isPostgres)('a task is not sent when its claim was lost before', async () => {
  const upstream = await scriptUpstream()
  const ledger = await openTestLedger()
  await registerWaitingTask(ledger, 'zg-1')
  const takenOver = Promise.withResolvers<void>()
  const onPoll = async () => {
    await claim(ledger, { inMs: 2 * LONG_MS, leaseMs: LONG_MS })
    takenOver.resolve()
  }
  const tracker = startTestTracker(ledger, upstream, {
    leaseMs: LONG_MS,
    onPoll: () => void onPoll(),
  })

  await takenOver.promise
  await tracker.stop()

  expect(upstream.calls).toEqual([])
})

test('a task that still waits is checked again after its interval, not after the lease', async () => {
  const upstream = await scriptUpstream()
  const ledger = await openTestLedger()
  const request = requestNaming('Asset-unknown')
  await registerWaitingTask(ledger, 'zg-1', { model: request.model, request })
  let checks = 0
  const pollJobs: Ledger['pollJobs'] = {
    ...ledger.pollJobs,
    conclude(...args) {
      checks += 1
      return ledger.pollJobs.conclude(...args)
    },
  }
  startTestTracker({ ...ledger, pollJobs }, upstream, { leaseMs: LONG_MS })

  await until(() => checks >= 3)
})
