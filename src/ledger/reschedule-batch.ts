import type { Kysely } from 'kysely'
import { reschedule } from './end-claim.ts'
import type { ClaimedPollJob, NextPoll } from './poll-job.ts'
import type { Tables } from './tables.ts'

/** Reschedules poll jobs whose polls observed no change. */
export interface RescheduleBatch {
  /**
   * Schedules the next poll and releases the lease. Returns false, writing nothing, when the claim was lost. All jobs that
   * are added while the event loop handles other work share one transaction.
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
        if (entries.length === 1) setImmediate(() => void flush())
      })
    },
  }
}
