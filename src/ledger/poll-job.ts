import type { EntityRef, Kind, Origin, Snapshot } from './entity.ts'
import type { PollJobTable } from './tables.ts'

export type PolledKind = Exclude<Kind, 'assetGroup'>

/** When a poll job begins and when it is given up, in milliseconds after it was added. */
export interface PollTiming {
  firstPollMs: Record<PolledKind, number>
  deadlineMs: number
}

/** A poll job claimed for one poll. */
export interface ClaimedPollJob extends EntityRef<PolledKind> {
  /** Null when the sealed key cannot be opened any more. */
  credential: string | null
  snapshot: Snapshot<PolledKind>
  origin: Origin<PolledKind>
  /** The gap before this poll, without its jitter. */
  gapMs: number
  dueAt: Date
  deadlineAt: Date
  /** Until when 0-0 asked for a pause. In the future only when the deadline comes before it. */
  notBefore: Date
  /** How many polls in a row, before this one, were answered NOT_FOUND or FORBIDDEN. */
  refusedPolls: number
  fence: number
  /** For a task that 0-0 does not have yet: WAITING, or SENT by someone who never told what came of it. */
  submission: PollJobTable['submission']
}

export interface ClaimOptions {
  now: Date
  limit: number
  leaseMs: number
  /** Polls per second each tenant may make, over all processes. */
  maxRps: number
}

/** What follows a poll that did not settle its resource: another one, or the end of the poll job with the reason. */
export type AfterPoll = NextPoll | { endedBecause: string }

export interface NextPoll {
  /** A time after the deadline stands for the deadline. */
  nextPollAt: Date
  gapMs: number
  /** Until when 0-0 asked for a pause, which no wake shortens; absent: it asked for none. */
  notBefore?: Date
  /** Absent: as many as before. */
  refusedPolls?: number
  submission?: 'WAITING' | 'SENT'
  /** Absent: the same deadline as before. */
  deadlineAt?: Date
}
