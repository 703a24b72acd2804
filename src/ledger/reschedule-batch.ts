import type { Kysely, Transaction } from 'kysely'
import { runCompiled } from './compiled-query.ts'
import type { ClaimedPollJob, NextPoll } from './poll-job.ts'
import type { Tables } from './tables.ts'

/** Milliseconds for which jobs are collected. A job that waits so long occupies one of the polls in flight. */
const COLLECT_MS = 5

/** Reschedules poll jobs whose polls observed no change. */
export interface RescheduleBatch {
  /**
   * Schedules the next poll and releases the lease. Returns false, writing nothing, when the claim was lost or the entity
   * has changed since. All jobs that are added within `COLLECT_MS` share one transaction.
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
      const held = await database.transaction().execute(async (trx) => {
        const results: boolean[] = []
        for (const { job, next } of batch) results.push(await reschedule(trx, job, next))
        return results
      })
      for (const [index, { resolve }] of batch.entries()) resolve(held[index] === true)
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

function updateJob(database: Kysely<Tables>) {
  return database
    .updateTable('poll_job')
    .set({
      next_poll_at: 0,
      gap_ms: 0,
      deadline_at: 0,
      not_before: 0,
      refused_polls: 0,
      lease_until: 0,
    })
    .where('tenant', '=', '')
    .where('kind', '=', '')
    .where('key', '=', '')
    .where('fence', '=', 0)
    .where(({ exists, selectFrom }) =>
      exists(
        selectFrom('entity')
          .select('position')
          .whereRef('entity.tenant', '=', 'poll_job.tenant')
          .whereRef('entity.kind', '=', 'poll_job.kind')
          .whereRef('entity.key', '=', 'poll_job.key')
          .where('seq', '=', 0)
          .where('observed_at', '=', 0),
      ),
    )
}

/** As `reschedule` in end-claim.ts, for a job without submission. Returns false when it changed nothing. */
async function reschedule(
  trx: Transaction<Tables>,
  job: ClaimedPollJob,
  next: NextPoll,
): Promise<boolean> {
  const deadlineMs = (next.deadlineAt ?? job.deadlineAt).getTime()
  const nextPollAtMs = Math.min(next.nextPollAt.getTime(), deadlineMs)
  const notBeforeMs = next.notBefore?.getTime() ?? 0
  const refusedPolls = next.refusedPolls ?? job.refusedPolls
  const values = [nextPollAtMs, next.gapMs, deadlineMs, notBeforeMs, refusedPolls, 0]
  const entity = [job.entitySeq, job.observedAt.getTime()]
  const parameters = [...values, job.tenant, job.kind, job.key, job.fence, ...entity]
  const { numAffectedRows } = await runCompiled(trx, 'reschedule', () => updateJob(trx), parameters)
  return numAffectedRows === 1n
}
