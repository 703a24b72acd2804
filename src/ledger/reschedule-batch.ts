import { type Kysely, sql } from 'kysely'
import { type EntityRef, nameOf } from './entity.ts'
import type { ClaimedPollJob, NextPoll } from './poll-job.ts'
import { scheduleOf } from './schedule-of.ts'
import type { Tables } from './tables.ts'

/** Milliseconds for which jobs are collected. A job that waits so long occupies one of the polls in flight. */
const COLLECT_MS = 5

/** Reschedules poll jobs whose polls observed no change. */
export interface RescheduleBatch {
  /**
   * Schedules the next poll and releases the lease. Returns false, writing nothing, when the claim was lost or the entity
   * has changed since. All jobs that are added within `COLLECT_MS` are written by one statement.
   */
  add(job: ClaimedPollJob, next: NextPoll): Promise<boolean>
}

interface Entry {
  job: ClaimedPollJob
  next: NextPoll
  resolve(isHeld: boolean): void
  reject(error: unknown): void
}

/** Creates a batch in `database`. */
export function createRescheduleBatch(database: Kysely<Tables>): RescheduleBatch {
  let entries: Entry[] = []

  async function flush(): Promise<void> {
    const batch = entries
    entries = []
    try {
      const rescheduled = await reschedule(database, batch)
      for (const { job, resolve } of batch) resolve(rescheduled.has(nameOf(job)))
    } catch (error) {
      for (const { reject } of batch) reject(error)
    }
  }

  return {
    add(job, next) {
      return new Promise((resolve, reject) => {
        entries.push({ job, next, resolve, reject })
        if (entries.length === 1) setTimeout(() => void flush(), COLLECT_MS)
      })
    },
  }
}

/** Reschedules jobs without submission, as `reschedule` in end-claim.ts does. Returns the names of those that it changed. */
async function reschedule(database: Kysely<Tables>, batch: Entry[]): Promise<Set<string>> {
  const { rows } = await sql<EntityRef>`
    with batch (tenant, kind, key, fence, seq, observed_at,
      next_poll_at, gap_ms, deadline_at, not_before, refused_polls)
    as (values ${sql.join(batch.map(valuesOf))})
    update poll_job set
      next_poll_at = batch.next_poll_at,
      gap_ms = batch.gap_ms,
      deadline_at = batch.deadline_at,
      not_before = batch.not_before,
      refused_polls = batch.refused_polls,
      lease_until = 0
    from batch, entity
    where poll_job.tenant = batch.tenant and poll_job.kind = batch.kind and poll_job.key = batch.key
      and poll_job.fence = batch.fence
      and entity.tenant = batch.tenant and entity.kind = batch.kind and entity.key = batch.key
      and entity.seq = batch.seq and entity.observed_at = batch.observed_at
    returning poll_job.tenant, poll_job.kind, poll_job.key`.execute(database)
  return new Set(rows.map(nameOf))
}

/** PostgreSQL needs the types of the values. */
function valuesOf({ job, next }: Entry) {
  const schedule = scheduleOf(job, next)
  const names = [job.tenant, job.kind, job.key].map((text) => sql`cast(${text} as text)`)
  const numbers = [
    job.fence,
    job.entitySeq,
    job.observedAt.getTime(),
    schedule.next_poll_at,
    schedule.gap_ms,
    schedule.deadline_at,
    schedule.not_before,
    schedule.refused_polls,
  ].map((number) => sql`cast(${number} as bigint)`)
  return sql`(${sql.join([...names, ...numbers])})`
}
