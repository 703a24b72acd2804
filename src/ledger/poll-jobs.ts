import type { Kysely } from 'kysely'
import { claimPollJobs } from './claim-poll-jobs.ts'
import { type ClaimLock, endClaim, held, lockHeld, takeSent } from './end-claim.ts'
import type { Snapshot } from './entity.ts'
import type { EntityRow } from './entity-row.ts'
import { slowDown, speedUp } from './poll-budget.ts'
import type { AfterPoll, ClaimedPollJob, ClaimOptions, PolledKind } from './poll-job.ts'
import type { Secrets } from './secrets.ts'
import type { Tables } from './tables.ts'

/** The scheduled polls of all tenants. A claimed poll job is held until its lease ends or it is concluded. */
export interface PollJobs {
  /** Claims due poll jobs for `leaseMs`, longest overdue first, within each tenant's budget. */
  claim(options: ClaimOptions): Promise<ClaimedPollJob[]>
  /** Makes claims last `leaseMs` from now, those that are still held. */
  extend(jobs: ClaimedPollJob[], leaseMs: number): Promise<void>
  /** Says that a task is being sent to 0-0. Gives false, and it must not be sent, when the claim was lost. */
  markSent(job: ClaimedPollJob): Promise<boolean>
  /**
   * Ends what `markSent` began, as `conclude` does, also when another process has claimed the poll job meanwhile: only the
   * sender knows what came of it. Gives false, recording nothing, when another process has declared an outcome.
   */
  concludeSent(
    job: ClaimedPollJob,
    seen: Snapshot<PolledKind> | null,
    then: AfterPoll,
  ): Promise<boolean>
  /**
   * Ends a claim with what the poll saw (null: nothing) and what follows.
   * Gives false, recording nothing, when the claim was lost meanwhile.
   */
  conclude(
    job: ClaimedPollJob,
    seen: Snapshot<PolledKind> | null,
    then: AfterPoll,
  ): Promise<boolean>
  /** Halves the rate at which a tenant is polled: 0-0 asked for fewer calls. */
  slowDown(tenant: string, maxRps: number): Promise<void>
  /** Raises a rate that was halved, step by step, back to what all have. */
  speedUp(tenant: string, maxRps: number): Promise<void>
  /** When the next poll job can be claimed, or null when there is none. */
  nextDueAt(): Promise<Date | null>
  /** Calls `listener` when a poll job was added or may be due earlier. Gives the function that ends it. */
  onAdded(listener: () => void): () => void
  /** Tells those listeners; called once the addition is committed. */
  added(): void
}

interface Parts {
  database: Kysely<Tables>
  secrets: Secrets
  /** Called with the row of an entity after a recorded change of it was committed. */
  onRecorded(row: EntityRow): void
}

export function createPollJobs({ database, secrets, onRecorded }: Parts): PollJobs {
  const listeners = new Set<() => void>()

  async function recordPoll(
    job: ClaimedPollJob,
    seen: Snapshot<PolledKind> | null,
    then: AfterPoll,
    lock: ClaimLock,
  ): Promise<boolean> {
    const recorded = await database
      .transaction()
      .execute((trx) => endClaim(trx, job, seen, then, lock))
    if (recorded?.isChanged) onRecorded(recorded.row)
    return recorded !== null
  }

  return {
    claim: (options) => claimPollJobs(database, secrets, options),

    async extend(jobs, leaseMs) {
      for (const job of jobs) {
        await held(database, job)
          .set({ lease_until: Date.now() + leaseMs })
          .execute()
      }
    },

    async markSent(job) {
      const { numUpdatedRows } = await held(database, job)
        .set({ submission: 'SENT', not_before: 0 })
        .where('submission', '=', 'WAITING')
        .executeTakeFirst()
      return numUpdatedRows === 1n
    },

    conclude: (job, seen, then) => recordPoll(job, seen, then, lockHeld),
    concludeSent: (job, seen, then) => recordPoll(job, seen, then, takeSent),

    slowDown: (tenant, maxRps) => slowDown(database, tenant, maxRps),
    speedUp: (tenant, maxRps) => speedUp(database, tenant, maxRps),

    async nextDueAt() {
      const row = await database
        .selectFrom('poll_job')
        .select(({ eb, fn }) =>
          fn
            .min(
              eb
                .case()
                .when('lease_until', '>', eb.ref('next_poll_at'))
                .then(eb.ref('lease_until'))
                .else(eb.ref('next_poll_at'))
                .end(),
            )
            .as('next'),
        )
        .executeTakeFirst()
      return row?.next ? new Date(Number(row.next)) : null
    },

    onAdded(listener) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },

    added() {
      for (const listener of listeners) listener()
    },
  }
}

/** The number of poll jobs of all tenants. */
export async function countPollJobs(database: Kysely<Tables>): Promise<number> {
  const { count } = await database
    .selectFrom('poll_job')
    .select(({ fn }) => fn.countAll().as('count'))
    .executeTakeFirstOrThrow()
  return Number(count)
}
