import type { OwnFailureCode } from '../model/failure-code.ts'
import type { EntityRef, Kind, Origin, Snapshot } from './entity.ts'
import type { PollJobTable } from './tables.ts'

/** The kinds of entities that are polled. */
export type PolledKind = Exclude<Kind, 'assetGroup'>

/** When the polls of an entity begin, and when they end if there is no terminal status. */
export interface PollTiming {
  /** Milliseconds before the first poll. */
  firstPollMs: Record<PolledKind, number>
  /** Milliseconds after which polling ends, counted from when the poll job is added. */
  deadlineMs: number
}

/** A poll job of one kind of entity, claimed for one poll. */
export interface ClaimedJob<K extends PolledKind> extends EntityRef<K> {
  /** The bearer key; null when none is stored or it cannot be decrypted. */
  credential: string | null
  snapshot: Snapshot<K>
  origin: Origin<K>
  /** `seq` and `observedAt` of the entity when the job was claimed. */
  entitySeq: number
  observedAt: Date
  /** Milliseconds between the previous poll and this one, without jitter. */
  gapMs: number
  dueAt: Date
  deadlineAt: Date
  /** The end of a pause that 0-0 asked for. It is in the future only when the deadline is earlier. */
  notBefore: Date
  /** How many polls in a row, before this one, failed with NOT_FOUND or FORBIDDEN. */
  refusedPolls: number
  /** Whether the tenant is polled at a lower rate, because 0-0 asked for fewer calls. */
  isSlowed: boolean
  /** The fencing number of the claim. */
  fence: number
  /**
   * For a task that 0-0 has not accepted: WAITING for its assets, or SENT without a recorded response.
   * Otherwise null.
   */
  submission: PollJobTable['submission']
}

/** A poll job, claimed for one poll; `kind` discriminates the union. */
export type ClaimedPollJob = { [K in PolledKind]: ClaimedJob<K> }[PolledKind]

/** Which poll jobs to claim. */
export interface ClaimOptions {
  now: Date
  /** The maximum number of jobs. */
  limit: number
  leaseMs: number
  /** The maximum number of polls per second of one tenant, over all processes. */
  maxRps: number
}

/** What follows a poll without a terminal status: the next poll, or the end of polling with its reason. */
export type AfterPoll = NextPoll | PollingEnd

/** Why polling ends without a terminal status. */
export interface PollingEnd {
  pollingEndedReason: string
  /** Absent: the reason has no code. */
  failureCode?: OwnFailureCode
}

/** When and how the next poll is made. */
export interface NextPoll {
  /** The deadline is used when it is earlier. */
  nextPollAt: Date
  /** Milliseconds between the previous poll and the next one, without jitter. */
  gapMs: number
  /** The end of a pause that 0-0 asked for. The job does not become due before it. Absent: no pause. */
  notBefore?: Date
  /** Absent: unchanged. */
  refusedPolls?: number
  /** Absent: null. */
  submission?: 'WAITING' | 'SENT'
  /** Absent: unchanged. */
  deadlineAt?: Date
}
