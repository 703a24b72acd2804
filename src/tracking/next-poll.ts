import type { AfterPoll, ClaimedPollJob, PolledKind } from '../ledger/poll-job.ts'
import type { UpstreamError } from '../upstream/upstream-error.ts'
import { reasonOf } from './reason.ts'
import { after, growGap, jittered, lengthened, type Pace, stretchGap } from './schedule.ts'

/** How polls continue after NOT_FOUND or FORBIDDEN. */
export interface RefusedPolls {
  /** Milliseconds of the shortest pause after the first such answer; twice as long after the second, and so on. */
  pauseMs: number
  /** Polling ends after this many such answers in a row. */
  maxPolls: number
}

/**
 * Three such answers within 120 s make 0-0 refuse the model for all of its users (upstream-api 10.3). One answer is not
 * enough to end polling, because an entity may be unknown for a moment after it was created.
 */
export const REFUSED_POLLS: RefusedPolls = { pauseMs: 120_000, maxPolls: 3 }

/** Options of `createNextPoll`. */
export interface NextPollOptions {
  /** The key of this service; null: each tenant has its own. */
  heldKey: string | null
  pace: Record<PolledKind, Pace>
  refusedPolls?: RefusedPolls | undefined
  /** In [0, 1), for jitter. */
  random?: (() => number) | undefined
}

/** Decides what follows a poll: the next poll and its time, or the end of polling and its reason. */
export interface NextPollDecisions {
  /** Why polling ends without another poll: the deadline has passed during a pause. Null when it does not end. */
  endWithoutPoll(job: ClaimedPollJob): string | null
  afterAnswer(job: ClaimedPollJob): AfterPoll
  afterFailure(job: ClaimedPollJob, error: UpstreamError): AfterPoll
}

/** Creates the decisions for the configured intervals. */
export function createNextPoll(options: NextPollOptions): NextPollDecisions {
  const { heldKey, pace, refusedPolls: refused = REFUSED_POLLS, random = Math.random } = options
  return {
    endWithoutPoll(job) {
      if (!isOverdue(job) || job.notBefore.getTime() <= Date.now()) return null
      const until = job.notBefore.toISOString()
      return `${lateness(job)}; 0-0 is not asked again before ${until}.`
    },

    afterAnswer(job) {
      if (isOverdue(job)) return { pollingEndedReason: `${lateness(job)}.` }
      const gapMs = growGap(job.gapMs, pace[job.kind])
      const nextPollAt = after(jittered(gapMs, pace[job.kind], random()))
      return { gapMs, nextPollAt, refusedPolls: 0 }
    },

    afterFailure(job, error) {
      if (isRefusal(error)) return afterRefusal(job, error)
      if (isOverdue(job)) return { pollingEndedReason: tooLate(job, error, heldKey) }
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
    if (isOverdue(job)) return { pollingEndedReason: tooLate(job, error, heldKey) }
    const pauseMs = Math.max(refused.pauseMs * refusedPolls, error.retryAfterMs ?? 0)
    const notBefore = after(lengthened(pauseMs, random()))
    // The gap does not grow, so that an entity that is found later is polled as often as before.
    return { gapMs: job.gapMs, nextPollAt: notBefore, notBefore, refusedPolls }
  }
}

function isRefusal({ code }: UpstreamError): boolean {
  return code === 'NOT_FOUND' || code === 'FORBIDDEN'
}

function isOverdue({ deadlineAt }: ClaimedPollJob): boolean {
  return deadlineAt.getTime() <= Date.now()
}

function tooLate(job: ClaimedPollJob, error: UpstreamError, heldKey: string | null): string {
  return `${lateness(job)}; the last poll failed: ${reasonOf(error, heldKey)}`
}

function lateness({ deadlineAt, snapshot }: ClaimedPollJob): string {
  return `Not settled by ${deadlineAt.toISOString()}, when watching it ended; 0-0 last said "${snapshot.rawStatus}"`
}
