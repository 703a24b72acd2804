import { describe, expect, test } from 'vitest'
import type { ClaimedJob, ClaimedPollJob, PolledKind } from '../src/ledger/poll-job.ts'
import { createNextPoll, REFUSED_POLLS } from '../src/tracking/next-poll.ts'
import { reasonOf } from '../src/tracking/reason.ts'
import { after, lengthened } from '../src/tracking/schedule.ts'
import { UpstreamError } from '../src/upstream/upstream-error.ts'
import { assetSeen } from './support/ledger.ts'

const MINUTE_MS = 60_000
const pace = {
  asset: { minMs: 2_000, maxMs: 15_000 },
  videoTask: { minMs: 5_000, maxMs: 20_000 },
}
const options = { heldKey: null, pace, random: () => 0 }
const REFUSED = new UpstreamError('NOT_FOUND', { entity: 'the asset Asset-1' })

type More = Partial<Omit<ClaimedJob<'asset'>, 'kind'>> & { kind?: PolledKind }

function pollJob(more: More = {}): ClaimedPollJob {
  return {
    tenant: 'tenant',
    kind: 'asset',
    key: 'JIMENG:Asset-1',
    credential: 'sk-test',
    snapshot: assetSeen('PROCESSING', { rawStatus: 'Processing' }),
    origin: null,
    gapMs: 4_000,
    dueAt: new Date(),
    deadlineAt: after(60 * MINUTE_MS),
    notBefore: new Date(0),
    refusedPolls: 0,
    fence: 1,
    submission: null,
    ...more,
  } as ClaimedPollJob
}

const overdue = { deadlineAt: new Date('2026-01-01T00:00:00Z') }

/** Milliseconds from now until `time`, rounded to 100 ms. */
function inMs(time: Date | undefined): number | undefined {
  return time && Math.round((time.getTime() - Date.now()) / 100) * 100
}

describe('after a successful poll', () => {
  test.for([
    ['asset', 6_000],
    ['videoTask', 6_000],
  ] as const)('the next poll of an entity of kind %s is in %i ms', ([kind, gapMs]) => {
    const next = createNextPoll(options).afterAnswer(pollJob({ kind, gapMs: 4_000 }))

    expect(next).toMatchObject({ gapMs, refusedPolls: 0 })
    expect('nextPollAt' in next && inMs(next.nextPollAt)).toBe(gapMs)
  })

  test.for([
    ['asset', 15_000],
    ['videoTask', 20_000],
  ] as const)('the longest interval of kind %s is %i ms', ([kind, gapMs]) => {
    expect(createNextPoll(options).afterAnswer(pollJob({ kind, gapMs: 100_000 }))).toMatchObject({
      gapMs,
    })
  })

  test('the interval is shortened by up to a fifth', () => {
    const next = createNextPoll({ ...options, random: () => 0.5 }).afterAnswer(
      pollJob({ gapMs: 10_000 }),
    )

    expect(next).toMatchObject({ gapMs: 15_000 })
    expect('nextPollAt' in next && inMs(next.nextPollAt)).toBe(13_500)
  })

  test('the poll job ends after its deadline with the last status as the reason', () => {
    expect(createNextPoll(options).afterAnswer(pollJob(overdue))).toEqual({
      pollingEndedReason:
        'Polling ended at 2026-01-01T00:00:00.000Z without a terminal status; 0-0 last reported "Processing".',
      failureCode: 'DEADLINE',
    })
  })
})

describe('after a failed poll', () => {
  const failed = (code: UpstreamError['code'], retryAfterMs: number | null = null) =>
    new UpstreamError(code, { retryAfterMs })

  test('the interval is doubled, and an earlier call is allowed', () => {
    const next = createNextPoll(options).afterFailure(pollJob(), failed('UPSTREAM_UNAVAILABLE'))

    expect(next).toEqual({ gapMs: 8_000, nextPollAt: expect.any(Date) })
    expect('nextPollAt' in next && inMs(next.nextPollAt)).toBe(8_000)
  })

  test('the doubled interval is shortened by up to a fifth', () => {
    const { afterFailure } = createNextPoll({ ...options, random: () => 0.5 })
    const next = afterFailure(pollJob(), failed('UPSTREAM_UNAVAILABLE'))

    expect('nextPollAt' in next && inMs(next.nextPollAt)).toBe(7_200)
  })

  test.for(['RATE_LIMITED', 'UPSTREAM_UNAVAILABLE'] as const)(
    'the Retry-After of %s is lengthened by up to a fifth',
    (code) => {
      const { afterFailure } = createNextPoll({ ...options, random: () => 0.5 })
      const next = afterFailure(pollJob(), failed(code, 300_000))

      if (!('nextPollAt' in next)) throw new Error('The poll job ended.')
      expect(next.gapMs).toBe(8_000)
      expect(inMs(next.nextPollAt)).toBe(330_000)
      expect(inMs(next.notBefore)).toBe(330_000)
    },
  )

  test('a Retry-After shorter than the interval does not shorten the interval', () => {
    const next = createNextPoll(options).afterFailure(pollJob(), failed('RATE_LIMITED', 1_000))

    if (!('nextPollAt' in next)) throw new Error('The poll job ended.')
    expect(inMs(next.nextPollAt)).toBe(8_000)
    expect(inMs(next.notBefore)).toBe(1_000)
  })

  test('a Retry-After of 14 digits gives the latest valid date', () => {
    const next = createNextPoll(options).afterFailure(
      pollJob(),
      failed('RATE_LIMITED', 99_999_999_999_999_000),
    )

    expect('notBefore' in next && next.notBefore?.getTime()).toBe(8.64e15)
    expect('nextPollAt' in next && next.nextPollAt.getTime()).toBe(8.64e15)
  })

  test('the poll job ends after its deadline with the failure as the reason', () => {
    const { afterFailure } = createNextPoll(options)

    expect(afterFailure(pollJob(overdue), failed('UPSTREAM_UNAVAILABLE', 1_000))).toEqual({
      pollingEndedReason:
        'Polling ended at 2026-01-01T00:00:00.000Z without a terminal status; 0-0 last reported "Processing"; ' +
        'the last poll failed: 0-0 cannot be reached or cannot answer now.',
      failureCode: 'DEADLINE',
    })
  })
})

describe('after NOT_FOUND or FORBIDDEN', () => {
  test.for(['NOT_FOUND', 'FORBIDDEN'] as const)('the first %s pauses for minutes', (code) => {
    const next = createNextPoll(options).afterFailure(pollJob(), new UpstreamError(code))

    expect(next).toMatchObject({ gapMs: 4_000, refusedPolls: 1 })
    expect('nextPollAt' in next && inMs(next.nextPollAt)).toBe(2 * MINUTE_MS)
    expect('notBefore' in next && inMs(next.notBefore)).toBe(2 * MINUTE_MS)
  })

  test('the second pause is four minutes', () => {
    const next = createNextPoll(options).afterFailure(pollJob({ refusedPolls: 1 }), REFUSED)

    expect(next).toMatchObject({ refusedPolls: 2 })
    expect('nextPollAt' in next && inMs(next.nextPollAt)).toBe(4 * MINUTE_MS)
  })

  test('a longer Retry-After is obeyed', () => {
    const error = new UpstreamError('FORBIDDEN', { retryAfterMs: 10 * MINUTE_MS })
    const next = createNextPoll(options).afterFailure(pollJob(), error)

    expect('nextPollAt' in next && inMs(next.nextPollAt)).toBe(10 * MINUTE_MS)
  })

  test('jitter lengthens the pause, so that three polls never happen within 120 s', () => {
    const { afterFailure } = createNextPoll({ ...options, random: () => 0.999 })
    const next = afterFailure(pollJob(), REFUSED)

    expect('nextPollAt' in next && inMs(next.nextPollAt)).toBeGreaterThan(2.39 * MINUTE_MS)
    expect(REFUSED_POLLS.pauseMs).toBeGreaterThanOrEqual(2 * MINUTE_MS)
  })

  test('the third in a row ends the poll job with the reason', () => {
    const next = createNextPoll(options).afterFailure(pollJob({ refusedPolls: 2 }), REFUSED)

    expect(next).toEqual({
      pollingEndedReason: '3 polls in a row failed: 0-0 does not know the asset Asset-1.',
    })
  })

  test('the deadline ends the poll job before the third', () => {
    const next = createNextPoll(options).afterFailure(pollJob(overdue), REFUSED)

    expect(next).toEqual({
      pollingEndedReason: expect.stringMatching(/^Polling ended at .* not know/),
      failureCode: 'DEADLINE',
    })
  })

  test('another failure neither increases nor resets the count', () => {
    const next = createNextPoll(options).afterFailure(
      pollJob({ refusedPolls: 2 }),
      new UpstreamError('RATE_LIMITED'),
    )

    expect(next).not.toHaveProperty('refusedPolls')
    expect(next).not.toHaveProperty('pollingEndedReason')
  })

  test('the pause and the number of polls are options', () => {
    const refusedPolls = { pauseMs: 1_000, maxPolls: 2 }
    const { afterFailure } = createNextPoll({ ...options, refusedPolls })
    const first = afterFailure(pollJob(), REFUSED)

    expect('nextPollAt' in first && inMs(first.nextPollAt)).toBe(1_000)
    expect(afterFailure(pollJob({ refusedPolls: 1 }), REFUSED)).toHaveProperty('pollingEndedReason')
  })
})

describe('a poll job claimed after its deadline', () => {
  const { endWithoutPoll } = createNextPoll(options)
  const notBefore = new Date('2126-01-01T00:00:00Z')

  test('is polled once more when no pause applies', () => {
    expect(endWithoutPoll(pollJob(overdue))).toBeNull()
  })

  test('ends without a poll during a pause', () => {
    expect(endWithoutPoll(pollJob({ ...overdue, notBefore }))).toEqual({
      pollingEndedReason: expect.stringMatching(
        /^Polling ended at 2026-.* last reported "Processing"; 0-0 is not asked again before 2126-01-01T00:00:00\.000Z\.$/,
      ),
      failureCode: 'DEADLINE',
    })
  })

  test('does not end before the deadline', () => {
    expect(endWithoutPoll(pollJob({ notBefore }))).toBeNull()
  })
})

test('lengthened adds up to a fifth to a pause', () => {
  expect(lengthened(1_000, 0)).toBe(1_000)
  expect(lengthened(1_000, 1)).toBe(1_200)
  expect(lengthened(1_000)).toBeGreaterThanOrEqual(1_000)
})

test('a reason is one sentence and says whose key was rejected', () => {
  const refused = new UpstreamError('UNAUTHENTICATED')

  expect(reasonOf(refused, null)).toBe('0-0 does not accept this API key.')
  expect(reasonOf(refused, 'sk-held')).toBe('0-0 does not accept the API key of this service.')
  expect(reasonOf(REFUSED, 'sk-held')).toBe('0-0 does not know the asset Asset-1.')
  expect(reasonOf(new UpstreamError('UPSTREAM_REJECTED', { reason: 'too long' }), null)).toBe(
    '0-0 refused the request: too long.',
  )
})
