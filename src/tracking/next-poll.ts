import type { AfterPoll, ClaimedPollJob, PolledKind } from '../ledger/poll-job.ts'
import type { UpstreamError } from '../upstream/errors.ts'
import { reasonOf } from './reason.ts'
import { after, growGap, jittered, lengthened, type Pace, stretchGap } from './schedule.ts'

/** How polls continue that are answered NOT_FOUND or FORBIDDEN. */
export interface RefusedPolls {
  /** The shortest pause after the first of them; after the second it is twice as long, and so on. */
  pauseMs: number
  /** The poll job ends with this many in a row. */
  maxPolls: number
}

/**
 * Three such answers within 120 s close the model for every user of 0-0 (upstream-api 10.3). More than one is needed to
 * believe it, because an entity may be unknown for a moment after it was created.
 */
export const REFUSED_POLLS: RefusedPolls = { pauseMs: 120_000, maxPolls: 3 }

export interface NextPollOptions {
  /** The key the service itself holds; null: each poll job has its own. */
  heldKey: string | null
  pace: Record<PolledKind, Pace>
  refusedPolls?: RefusedPolls | undefined
  /** In [0, 1), for jitter. */
  random?: (() => number) | undefined
}

/** Decides what follows a poll: another one and when, or the end of the poll job and why. */
export interface NextPoll {
  /** The reason to end a poll job without polling once more, or null: its deadline has passed within a pause. */
  endWithoutPoll(job: ClaimedPollJob): string | null
  afterAnswer(job: ClaimedPollJob): AfterPoll
  afterFailure(job: ClaimedPollJob, error: UpstreamError): AfterPoll
}

export function createNextPoll(options: NextPollOptions): NextPoll {
  const { heldKey, pace, refusedPolls: refused = REFUSED_POLLS, random = Math.random } = options
  return {
    endWithoutPoll(job) {
      if (!isOverdue(job) || job.notBefore.getTime() <= Date.now()) return null
      const until = job.notBefore.toISOString()
      return `${lateness(job)}; 0-0 is not asked again before ${until}.`
    },

    afterAnswer(job) {
      if (isOverdue(job)) return { endedBecause: `${lateness(job)}.` }
      const gapMs = growGap(job.gapMs, pace[job.kind])
      const nextPollAt = after(jittered(gapMs, pace[job.kind], random()))
      return { gapMs, nextPollAt, refusedPolls: 0 }
    },

    afterFailure(job, error) {
      if (isRefusal(error)) return afterRefusal(job, error)
      if (isOverdue(job)) return { endedBecause: tooLate(job, error, heldKey) }
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
      return { endedBecause: `${refusedPolls} polls in a row failed: ${reasonOf(error, heldKey)}` }
    }
    if (isOverdue(job)) return { endedBecause: tooLate(job, error, heldKey) }
    const pauseMs = Math.max(refused.pauseMs * refusedPolls, error.retryAfterMs ?? 0)
    const notBefore = after(lengthened(pauseMs, random()))
    // The gap stays, so that an entity that is known after all is polled as often as before.
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
