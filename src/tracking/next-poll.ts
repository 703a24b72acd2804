import type { AfterPoll, ClaimedWatch, WatchedKind } from '../ledger/watches.ts'
import type { UpstreamError } from '../upstream/errors.ts'
import { reasonOf } from './reason.ts'
import { after, growGap, jittered, lengthened, type Pace, stretchGap } from './schedule.ts'

/** How polls continue that are answered NOT_FOUND or FORBIDDEN. */
export interface RefusedPolls {
  /** The shortest pause after the first of them; after the second it is twice as long, and so on. */
  pauseMs: number
  /** The watch ends with this many in a row. */
  maxPolls: number
}

/**
 * Three such answers within 120 s close the model for every user of 0-0 (upstream-api 10.3). More than one is needed to
 * believe it, because an entity may be unknown for a moment after it was created.
 */
export const REFUSED_POLLS: RefusedPolls = { pauseMs: 120_000, maxPolls: 3 }

export interface NextPollOptions {
  /** The key the service itself holds; null: each watch has its own. */
  heldKey: string | null
  pace: Record<WatchedKind, Pace>
  refusedPolls?: RefusedPolls | undefined
  /** In [0, 1), for jitter. */
  random?: (() => number) | undefined
}

/** Decides what follows a poll: another one and when, or the end of the watch and why. */
export interface NextPoll {
  /** The reason to end a watch without polling once more, or null: its deadline has passed within a pause. */
  endWithoutPoll(watch: ClaimedWatch): string | null
  afterAnswer(watch: ClaimedWatch): AfterPoll
  afterFailure(watch: ClaimedWatch, error: UpstreamError): AfterPoll
}

export function createNextPoll(options: NextPollOptions): NextPoll {
  const { heldKey, pace, refusedPolls: refused = REFUSED_POLLS, random = Math.random } = options
  return {
    endWithoutPoll(watch) {
      if (!isOverdue(watch) || watch.notBefore.getTime() <= Date.now()) return null
      const until = watch.notBefore.toISOString()
      return `${lateness(watch)}; 0-0 is not asked again before ${until}.`
    },

    afterAnswer(watch) {
      if (isOverdue(watch)) return { endedBecause: `${lateness(watch)}.` }
      const gapMs = growGap(watch.gapMs, pace[watch.kind])
      const nextPollAt = after(jittered(gapMs, pace[watch.kind], random()))
      return { gapMs, nextPollAt, refusedPolls: 0 }
    },

    afterFailure(watch, error) {
      if (isRefusal(error)) return afterRefusal(watch, error)
      if (isOverdue(watch)) return { endedBecause: tooLate(watch, error, heldKey) }
      const gapMs = stretchGap(watch.gapMs, pace[watch.kind])
      const waitMs = jittered(gapMs, pace[watch.kind], random())
      if (error.retryAfterMs === null) return { gapMs, nextPollAt: after(waitMs) }
      const pauseMs = lengthened(error.retryAfterMs, random())
      return { gapMs, nextPollAt: after(Math.max(waitMs, pauseMs)), notBefore: after(pauseMs) }
    },
  }

  function afterRefusal(watch: ClaimedWatch, error: UpstreamError): AfterPoll {
    const refusedPolls = watch.refusedPolls + 1
    if (refusedPolls >= refused.maxPolls) {
      return { endedBecause: `${refusedPolls} polls in a row failed: ${reasonOf(error, heldKey)}` }
    }
    if (isOverdue(watch)) return { endedBecause: tooLate(watch, error, heldKey) }
    const pauseMs = Math.max(refused.pauseMs * refusedPolls, error.retryAfterMs ?? 0)
    const notBefore = after(lengthened(pauseMs, random()))
    // The gap stays, so that an entity that is known after all is polled as often as before.
    return { gapMs: watch.gapMs, nextPollAt: notBefore, notBefore, refusedPolls }
  }
}

function isRefusal({ code }: UpstreamError): boolean {
  return code === 'NOT_FOUND' || code === 'FORBIDDEN'
}

function isOverdue({ deadlineAt }: ClaimedWatch): boolean {
  return deadlineAt.getTime() <= Date.now()
}

function tooLate(watch: ClaimedWatch, error: UpstreamError, heldKey: string | null): string {
  return `${lateness(watch)}; the last poll failed: ${reasonOf(error, heldKey)}`
}

function lateness({ deadlineAt, snapshot }: ClaimedWatch): string {
  return `Not settled by ${deadlineAt.toISOString()}, when watching it ended; 0-0 last said "${snapshot.rawStatus}"`
}
