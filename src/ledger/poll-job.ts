import type { EntityRef, Kind, Origin, Snapshot } from './entity.ts'
import type { PollJobTable } from './tables.ts'

/** The kinds of entities that are polled. */
export type PolledKind = Exclude<Kind, 'assetGroup'>

/** When the polls of an entity begin, and when they end without a terminal status. */
export interface PollTiming {
  /** Milliseconds before the first poll. */
  firstPollMs: Record<PolledKind, number>
  /** Milliseconds after which polling ends. */
  deadlineMs: number
}

/** A poll job of one kind, claimed for one poll. */
export interface ClaimedJob<K extends PolledKind> extends EntityRef<K> {
  /** Null when the stored key cannot be decrypted any more. */
  credential: string | null
  snapshot: Snapshot<K>
  origin: Origin<K>
  /** Milliseconds between the previous poll and this one, without jitter. */
  gapMs: number
  dueAt: Date
  deadlineAt: Date
  /** The end of a pause that 0-0 asked for. In the future only when the deadline comes before it. */
  notBefore: Date
  /** How many polls in a row, before this one, were answered NOT_FOUND or FORBIDDEN. */
  refusedPolls: number
  /** The fencing number of the claim. */
  fence: number
  /** For a task that 0-0 has not accepted: WAITING for its assets, or SENT without a recorded answer. */
  submission: PollJobTable['submission']
}

/** A poll job, claimed for one poll; `kind` discriminates the union. */
export type ClaimedPollJob = { [K in PolledKind]: ClaimedJob<K> }[PolledKind]

/** What to claim. */
export interface ClaimOptions {
  now: Date
  limit: number
  leaseMs: number
  /** Polls per second of one tenant, over all processes. */
  maxRps: number
}

/** What follows a poll that did not end polling: the next poll, or the end of polling and its reason. */
export type AfterPoll = NextPoll | { pollingEndedReason: string }

/** When and how the next poll is made. */
export interface NextPoll {
  /** A time after the deadline stands for the deadline. */
  nextPollAt: Date
  gapMs: number
  /** The end of a pause that 0-0 asked for, during which the job never becomes due; absent: there is none. */
  notBefore?: Date
  /** Absent: unchanged. */
  refusedPolls?: number
  submission?: 'WAITING' | 'SENT'
  /** Absent: unchanged. */
  deadlineAt?: Date
}
