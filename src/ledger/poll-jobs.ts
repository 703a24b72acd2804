import type { Kysely } from 'kysely'
import { claimPollJobs } from './claim-poll-jobs.ts'
import { type ClaimLock, endClaim, held, lockHeld, takeSent } from './end-claim.ts'
import type { Snapshot } from './entity.ts'
import type { EntityRow } from './entity-row.ts'
import { slowDown, speedUp } from './poll-budget.ts'
import type { AfterPoll, ClaimedPollJob, ClaimOptions, PolledKind } from './poll-job.ts'
import type { Secrets } from './secrets.ts'
import type { Tables } from './tables.ts'

/** The scheduled polls of all tenants. A claim lasts until its lease expires or `conclude` ends it. */
export interface PollJobs {
  /** Claims due poll jobs for `leaseMs`, longest overdue first, within each tenant's budget. */
  claim(options: ClaimOptions): Promise<ClaimedPollJob[]>
  /** Extends the leases of these claims to `leaseMs` from now, except those that were lost. */
  extend(jobs: ClaimedPollJob[], leaseMs: number): Promise<void>
  /** Records that a task is being sent to 0-0. Returns false when the claim was lost; then the task must not be sent. */
  markSent(job: ClaimedPollJob): Promise<boolean>
  /**
   * As `conclude`, after `markSent`. It succeeds also when another process has claimed the poll job meanwhile, because only
   * the sender knows the outcome. Returns false, recording nothing, when another process has recorded an outcome.
   */
  concludeSent(
    job: ClaimedPollJob,
    observed: Snapshot<PolledKind> | null,
    then: AfterPoll,
  ): Promise<boolean>
  /**
   * Ends a claim with what the poll observed (null: nothing) and what follows. Returns false, recording nothing, when the
   * claim was lost.
   */
  conclude(
    job: ClaimedPollJob,
    observed: Snapshot<PolledKind> | null,
    then: AfterPoll,
  ): Promise<boolean>
  /** Halves the poll rate of a tenant, because 0-0 asked for fewer calls. */
  slowDown(tenant: string, maxRps: number): Promise<void>
  /** Raises a halved rate by one step, up to the configured rate. */
  speedUp(tenant: string, maxRps: number): Promise<void>
  /** When the next poll job can be claimed, or null when there is none. */
  nextDueAt(): Promise<Date | null>
  /** Calls `listener` when a poll job was added or may be due earlier. Returns the function that stops it. */
  onAdded(listener: () => void): () => void
  /** Calls the listeners. Must be called after the addition is committed. */
  added(): void
}

interface Parts {
  database: Kysely<Tables>
  secrets: Secrets
  /** Called with the row of an entity after a recorded change of it was committed. */
  onRecorded(row: EntityRow): void
}

/** The poll jobs in `database`. */
export function createPollJobs({ database, secrets, onRecorded }: Parts): PollJobs {
  const listeners = new Set<() => void>()

  async function recordPoll(
    job: ClaimedPollJob,
    observed: Snapshot<PolledKind> | null,
    then: AfterPoll,
    lock: ClaimLock,
  ): Promise<boolean> {
    const recorded = await database
      .transaction()
      .execute((trx) => endClaim(trx, job, observed, then, lock))
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

    conclude: (job, observed, then) => recordPoll(job, observed, then, lockHeld),
    concludeSent: (job, observed, then) => recordPoll(job, observed, then, takeSent),

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
