import type { AfterPoll, ClaimedPollJob, PolledKind, PollingEnd } from '../ledger/poll-job.ts'
import type { UpstreamError } from '../upstream/upstream-error.ts'
import { reasonOf } from './reason.ts'
import { after, growGap, jittered, lengthened, type Pace, stretchGap } from './schedule.ts'

/** The limits of polling after NOT_FOUND or FORBIDDEN, which are called refused polls. */
export interface RefusedPolls {
  /** Minimum milliseconds of the pause after a refused poll, multiplied by the number of refused polls in a row. */
  pauseMs: number
  /** Polling ends after this number of refused polls in a row. */
  maxPolls: number
}

/**
 * The default limits. After three refused polls within 120 s, 0-0 refuses the model for all of its users (upstream-api
 * 10.3). Polling does not end after the first one, because an entity may be unknown for a moment after it was created.
 */
export const REFUSED_POLLS: RefusedPolls = { pauseMs: 120_000, maxPolls: 3 }

/** Options of `createNextPoll`. */
interface NextPollOptions {
  /** The key of this service for 0-0; null: each tenant has its own key. */
  heldKey: string | null
  pace: Record<PolledKind, Pace>
  /** Absent: REFUSED_POLLS. */
  refusedPolls?: RefusedPolls | undefined
  /** Returns a number in [0, 1) for jitter; absent: Math.random. */
  random?: (() => number) | undefined
}

/** Decides what happens after a poll: the time of the next poll, or the end of polling with its reason. */
export interface NextPollDecisions {
  /** Returns the end of polling without another poll, because the deadline passed during a pause; or null. */
  endWithoutPoll(job: ClaimedPollJob): PollingEnd | null
  /** After a successful poll. */
  afterAnswer(job: ClaimedPollJob): AfterPoll
  /** After a failed poll. */
  afterFailure(job: ClaimedPollJob, error: UpstreamError): AfterPoll
}

/** Creates the decisions for the configured intervals. */
export function createNextPoll(options: NextPollOptions): NextPollDecisions {
  const { heldKey, pace, refusedPolls: refused = REFUSED_POLLS, random = Math.random } = options
  return {
    endWithoutPoll(job) {
      if (!isOverdue(job) || job.notBefore.getTime() <= Date.now()) return null
      const until = job.notBefore.toISOString()
      return late(`${lateness(job)}; 0-0 is not asked again before ${until}.`)
    },

    afterAnswer(job) {
      if (isOverdue(job)) return late(`${lateness(job)}.`)
      const gapMs = growGap(job.gapMs, pace[job.kind])
      const nextPollAt = after(jittered(gapMs, pace[job.kind], random()))
      return { gapMs, nextPollAt, refusedPolls: 0 }
    },

    afterFailure(job, error) {
      if (isRefused(error)) return afterRefusal(job, error)
      if (isOverdue(job)) return late(tooLate(job, error, heldKey))
      const gapMs = stretchGap(job.gapMs, pace[job.kind])
      const waitMs = jittered(gapMs, pace[job.kind], random())
      if (error.retryAfterMs === null) return { gapMs, nextPollAt: after(waitMs) }
      const pauseMs = lengthened(error.retryAfterMs, random())
      return { gapMs, nextPollAt: after(Math.max(waitMs, pauseMs)), notBefore: after(pauseMs) }
    },
  }

  function afterRefusal(job: ClaimedPollJob, error: UpstreamError): AfterPoll {
    const refusedPolls = job.refusedPolls + 1
    if (refusedPolls >= refused.maxPolls) {
      return {
        pollingEndedReason: `${refusedPolls} polls in a row failed: ${reasonOf(error, heldKey)}`,
      }
    }
    if (isOverdue(job)) return late(tooLate(job, error, heldKey))
    const pauseMs = Math.max(refused.pauseMs * refusedPolls, error.retryAfterMs ?? 0)
    const notBefore = after(lengthened(pauseMs, random()))
    // Keep the gap, so that an entity that is found later is polled as often as before.
    return { gapMs: job.gapMs, nextPollAt: notBefore, notBefore, refusedPolls }
  }
}

function isRefused({ code }: UpstreamError): boolean {
  return code === 'NOT_FOUND' || code === 'FORBIDDEN'
}

function isOverdue({ deadlineAt }: ClaimedPollJob): boolean {
  return deadlineAt.getTime() <= Date.now()
}

function late(pollingEndedReason: string): PollingEnd {
  return { pollingEndedReason, failureCode: 'DEADLINE' }
}

function tooLate(job: ClaimedPollJob, error: UpstreamError, heldKey: string | null): string {
  return `${lateness(job)}; the last poll failed: ${reasonOf(error, heldKey)}`
}

function lateness({ deadlineAt, snapshot }: ClaimedPollJob): string {
  return `Polling ended at ${deadlineAt.toISOString()} without a terminal status; 0-0 last reported "${snapshot.rawStatus}"`
}
