import { expect, test } from 'vitest'
import type { EntityRef } from '../src/ledger/entity.ts'
import type { Ledger } from '../src/ledger/ledger.ts'
import { temporaryFolder, until } from './support/app.ts'
import { assetSeen, openTestLedger, registerAsset } from './support/ledger.ts'
import { LONG_MS, openTestLedgerWithDatabase, startTestTracker } from './support/tracking.ts'
import {
  type Answer,
  type Call,
  type ScriptedUpstream,
  scriptUpstream,
} from './support/upstream.ts'

const GET = 'GET /v1/assets/Asset-1'
const SHORT_REFUSED_POLLS = { pauseMs: 60, maxPolls: 3 }

/** Waits until polling the asset ends. Returns the reason. */
async function pollingEndedReasonOf(ledger: Ledger, ref: EntityRef<'asset'>): Promise<string> {
  let note: string | null = null
  await until(async () => {
    note = (await ledger.find(ref))?.pollingEndedReason ?? null
    return note !== null
  })
  return note ?? ''
}

function gapsBetween(calls: Call[]): number[] {
  return calls.slice(1).map(({ at }, index) => at - (calls[index]?.at ?? at))
}

/** Answers every read with `answer`. */
function answerReads(upstream: ScriptedUpstream, answer: Answer) {
  upstream.intercept = ({ method }) => (method === 'GET' ? answer : undefined)
}

test.for([
  ['an unknown asset', { body: { code: 400, msg: 'NotFound.asset_id', data: null } }, /not know/],
  ['a forbidden asset', { status: 403, body: { detail: 'banned' } }, /not allow/],
] as const)('polling of %s ends after three polls with pauses', async ([, answer, why]) => {
  const upstream = await scriptUpstream()
  answerReads(upstream, answer)
  const ledger = await openTestLedger()
  const ref = await registerAsset(ledger)
  startTestTracker(ledger, upstream, { refusedPolls: SHORT_REFUSED_POLLS })

  const note = await pollingEndedReasonOf(ledger, ref)

  expect(note).toMatch(/^3 polls in a row failed: /)
  expect(note).toMatch(why)
  const calls = upstream.callsTo(GET)
  expect(calls).toHaveLength(3)
  const [first = 0, second = 0] = gapsBetween(calls)
  expect(first).toBeGreaterThanOrEqual(58)
  expect(second).toBeGreaterThanOrEqual(118)
  expect(await ledger.countPollJobs()).toBe(0)
})

test('an asset that is unknown for a moment after its create is polled until it is terminal', async () => {
  const upstream = await scriptUpstream()
  upstream.assets.set('Asset-1', { status: 'Processing' })
  const unknown = { body: { code: 400, msg: 'NotFound.asset_id', data: null } }
  // Every second response, so that there are never two in a row.
  upstream.intercept = () => (upstream.callsTo(GET).length % 2 === 1 ? unknown : undefined)
  const ledger = await openTestLedger()
  const ref = await registerAsset(ledger)
  startTestTracker(ledger, upstream, { refusedPolls: { pauseMs: 10, maxPolls: 2 } })

  await until(() => upstream.callsTo(GET).length >= 6)
  upstream.assets.set('Asset-1', { status: 'Active' })

  await until(async () => (await ledger.find(ref))?.snapshot.status === 'ACTIVE')
})

test('the count of refused polls survives a restart', async () => {
  const upstream = await scriptUpstream()
  const { ledger, database } = await openTestLedgerWithDatabase()
  const ref = await registerAsset(ledger)
  const refusedPolls = { ...SHORT_REFUSED_POLLS, pauseMs: 500 }
  const first = startTestTracker(ledger, upstream, { refusedPolls })
  // Wait for the record, not only for the response: stopping a poll repeats it later.
  await until(async () => {
    const row = await database.selectFrom('poll_job').select('refused_polls').executeTakeFirst()
    return row?.refused_polls === 2
  })
  await first.stop()

  startTestTracker(ledger, upstream, { refusedPolls: SHORT_REFUSED_POLLS })
  await pollingEndedReasonOf(ledger, ref)

  expect(upstream.callsTo(GET)).toHaveLength(3)
})

test.for([
  ['minutes', '300'],
  ['14 digits', '99999999999999'],
])('a poll job ends by its deadline when Retry-After is %s', async ([, retryAfter]) => {
  const upstream = await scriptUpstream()
  const headers = { 'retry-after': retryAfter ?? '' }
  answerReads(upstream, { status: 429, headers, body: { error: 'Too many requests' } })
  const polling = { firstPollMs: { asset: 0, videoTask: 0 }, deadlineMs: 400 }
  const ledger = await openTestLedger(temporaryFolder(), { polling })
  const ref = await registerAsset(ledger)
  const registeredAt = Date.now()
  const tracker = startTestTracker(ledger, upstream)

  const note = await pollingEndedReasonOf(ledger, ref)

  const { observedAt } = (await ledger.find(ref)) ?? {}
  expect(note).toMatch(/^Polling ended at .*; 0-0 is not asked again before /)
  expect((observedAt?.getTime() ?? 0) - registeredAt).toBeGreaterThanOrEqual(390)
  expect((observedAt?.getTime() ?? 0) - registeredAt).toBeLessThan(1_400)
  expect(upstream.callsTo(GET)).toHaveLength(1)
  expect(tracker.errors).toEqual([])
})

test('an entity is not polled before Retry-After passes', async () => {
  const upstream = await scriptUpstream()
  const headers = { 'retry-after': '300' }
  answerReads(upstream, { status: 503, headers, body: { detail: 'upstream unavailable' } })
  const polling = { firstPollMs: { asset: 0, videoTask: 0 }, deadlineMs: 3_600_000 }
  const { ledger, database } = await openTestLedgerWithDatabase({ polling })
  await registerAsset(ledger)
  const before = Date.now()
  startTestTracker(ledger, upstream, { random: () => 0.5 })

  const row = () => database.selectFrom('poll_job').selectAll().executeTakeFirstOrThrow()
  await until(async () => (await row()).not_before > 0)

  const { next_poll_at, not_before } = await row()
  expect(next_poll_at - before).toBeGreaterThanOrEqual(330_000)
  expect(next_poll_at - before).toBeLessThan(340_000)
  expect(not_before).toBe(next_poll_at)
})

test.for<[string, Answer]>([
  ['429', { status: 429, body: { error: 'Too many requests' } }],
  ['500', { status: 500, body: { error: 'Internal server error: x' } }],
  ['a rejected key', { status: 401, body: { detail: 'invalid api key' } }],
])('%s lengthens the poll interval and does not end the poll job', async ([, answer]) => {
  const upstream = await scriptUpstream()
  answerReads(upstream, answer)
  const ledger = await openTestLedger()
  const ref = await registerAsset(ledger)
  const pace = { minMs: 20, maxMs: 25 }
  startTestTracker(ledger, upstream, { pace: { asset: pace, videoTask: pace } })

  await until(() => upstream.callsTo(GET).length >= 8)
  const gaps = gapsBetween(upstream.callsTo(GET)).slice(-2)
  upstream.intercept = () => undefined
  upstream.assets.set('Asset-1', { status: 'Active' })

  // Failures may stretch the interval to four times the longest usual interval.
  expect(Math.max(...gaps)).toBeGreaterThan(60)
  await until(async () => (await ledger.find(ref))?.snapshot.status === 'ACTIVE')
})

test('a poll job whose polls all fail ends at its deadline', async () => {
  const upstream = await scriptUpstream()
  answerReads(upstream, { status: 500, body: { error: 'Internal server error: x' } })
  const polling = { firstPollMs: { asset: 0, videoTask: 0 }, deadlineMs: 200 }
  const ledger = await openTestLedger(temporaryFolder(), { polling })
  const ref = await registerAsset(ledger)
  startTestTracker(ledger, upstream)

  const note = await pollingEndedReasonOf(ledger, ref)

  expect(note).toMatch(/^Polling ended at .*; the last poll failed: 0-0 cannot be reached/)
  expect((await ledger.find(ref))?.snapshot.status).toBe('PROCESSING')
})

test('a poll job whose stored key cannot be decrypted ends without a poll', async () => {
  const upstream = await scriptUpstream()
  const dataDir = temporaryFolder()
  const first = await openTestLedger(dataDir, { secret: Buffer.alloc(32, 1) })
  const ref = await registerAsset(first)
  const second = await openTestLedger(dataDir, { secret: Buffer.alloc(32, 2) })
  startTestTracker(second, upstream)

  expect(await pollingEndedReasonOf(second, ref)).toMatch(/key .* can no longer be read/)
  expect(upstream.calls).toEqual([])
})

test('a service with its own key polls without the stored key', async () => {
  const upstream = await scriptUpstream()
  upstream.assets.set('Asset-1', { status: 'Active' })
  const dataDir = temporaryFolder()
  const first = await openTestLedger(dataDir, { secret: Buffer.alloc(32, 1) })
  const ref = await registerAsset(first)
  const second = await openTestLedger(dataDir, { secret: Buffer.alloc(32, 2) })
  startTestTracker(second, upstream, { heldKey: 'sk-held' })

  await until(async () => (await second.find(ref))?.snapshot.status === 'ACTIVE')

  expect(upstream.callsTo(GET)[0]?.headers.authorization).toBe('Bearer sk-held')
})

test('the first poll is not later than the deadline', async () => {
  const polling = { firstPollMs: { asset: LONG_MS, videoTask: LONG_MS }, deadlineMs: 50 }
  const { ledger, database } = await openTestLedgerWithDatabase({ polling })
  const ref = await registerAsset(ledger)

  const row = await database.selectFrom('poll_job').selectAll().executeTakeFirstOrThrow()

  expect(row.next_poll_at).toBe(row.deadline_at)
  expect((await ledger.find(ref))?.snapshot).toMatchObject(assetSeen('PROCESSING'))
})
