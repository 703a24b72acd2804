import { type Kysely, sql } from 'kysely'
import { claimPollJobs } from './claim-poll-jobs.ts'
import { runCompiled } from './compiled-query.ts'
import { isPostgres } from './database.ts'
import { type ClaimLock, endClaim, held, lockHeld, takeSent } from './end-claim.ts'
import { changedSnapshot, type Snapshot } from './entity.ts'
import type { EntityRow } from './entity-row.ts'
import { slowDown, speedUp } from './poll-budget.ts'
import type { AfterPoll, ClaimedPollJob, ClaimOptions, NextPoll, PolledKind } from './poll-job.ts'
import { createRescheduleBatch } from './reschedule-batch.ts'
import type { Secrets } from './secrets.ts'
import type { Tables } from './tables.ts'

/**
 * The poll jobs of all tenants. A claim ends when `conclude` ends it. When its lease expires, another
 * process can claim the job, and the first claim is lost.
 */
export interface PollJobs {
  /** Claims due poll jobs, longest overdue first, within the poll budget of each tenant. */
  claim(options: ClaimOptions): Promise<ClaimedPollJob[]>
  /** Extends the leases of these claims to `leaseMs` milliseconds from now. Skips claims that were lost. */
  extend(jobs: ClaimedPollJob[], leaseMs: number): Promise<void>
  /**
   * Records that a waiting task is about to be sent to 0-0. Returns false when the claim was lost or the
   * task was sent already; then the task must not be sent.
   */
  markSent(job: ClaimedPollJob): Promise<boolean>
  /**
   * Like `conclude`, for a task after `markSent`. It also succeeds when another process has claimed the job
   * since then, because only the sender knows the outcome. Returns false and writes nothing when an
   * outcome is already recorded.
   */
  concludeSent(
    job: ClaimedPollJob,
    observed: Snapshot<PolledKind> | null,
    afterPoll: AfterPoll,
  ): Promise<boolean>
  /**
   * Ends a claim: records the observed snapshot, if any, and schedules the next poll or ends polling.
   * Returns false and writes nothing when the claim was lost.
   */
  conclude(
    job: ClaimedPollJob,
    observed: Snapshot<PolledKind> | null,
    afterPoll: AfterPoll,
  ): Promise<boolean>
  /** Halves the poll rate of a tenant, because 0-0 asked for fewer requests. */
  slowDown(tenant: string, maxRps: number): Promise<void>
  /** Raises a halved rate by one step, up to the configured rate. */
  speedUp(tenant: string, maxRps: number): Promise<void>
  /** Returns when the next poll job can be claimed, or null when there is no poll job. */
  nextDueAt(): Promise<Date | null>
  /** Adds a listener, called when a poll job was added or may be due earlier. Returns a function that removes it. */
  onAdded(listener: () => void): () => void
  /** Calls the listeners of `onAdded`. Call it after the commit. */
  added(): void
}

/** What `createPollJobs` needs. */
interface PollJobsOptions {
  database: Kysely<Tables>
  secrets: Secrets
  /** Called with the row of an entity after a recorded change of it was committed. */
  onRecorded(row: EntityRow): void
}

/** Creates the calls that read and write the poll jobs in `database`. */
export function createPollJobs({ database, secrets, onRecorded }: PollJobsOptions): PollJobs {
  const listeners = new Set<() => void>()
  const rescheduleBatch = createRescheduleBatch(database)

  async function recordPoll(
    job: ClaimedPollJob,
    observed: Snapshot<PolledKind> | null,
    afterPoll: AfterPoll,
    lock: ClaimLock,
  ): Promise<boolean> {
    const recorded = await database
      .transaction()
      .execute((trx) => endClaim(trx, job, observed, afterPoll, lock))
    if (recorded?.isChanged) onRecorded(recorded.row)
    return recorded !== null
  }

  return {
    claim: (options) => claimPollJobs(database, secrets, options),

    extend: (jobs, leaseMs) => extendLeases(database, jobs, leaseMs),
    markSent: (job) => markSent(database, job),
    async conclude(job, observed, afterPoll) {
      if (isUnchanged(job, observed) && isNextPoll(afterPoll)) {
        if (await rescheduleBatch.add(job, afterPoll)) return true
      }
      return recordPoll(job, observed, afterPoll, lockHeld)
    },
    concludeSent: (job, observed, afterPoll) => recordPoll(job, observed, afterPoll, takeSent),

    slowDown: (tenant, maxRps) => slowDown(database, tenant, maxRps),
    speedUp: (tenant, maxRps) => speedUp(database, tenant, maxRps),

    nextDueAt: () => findNextDueAt(database),

    onAdded(listener) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },

    added() {
      for (const listener of listeners) listener()
    },
  }
}

/** Whether a poll observed what was stored when its job was claimed, so that there is nothing to record. */
function isUnchanged(job: ClaimedPollJob, observed: Snapshot<PolledKind> | null): boolean {
  if (job.submission !== null || observed === null) return false
  return changedSnapshot(job.kind, job.snapshot, observed) === null
}

function isNextPoll(afterPoll: AfterPoll): afterPoll is NextPoll {
  return 'nextPollAt' in afterPoll
}

/**
 * One statement for all claims, because a process extends its claims several times per lease. On PostgreSQL it skips rows
 * that another statement is changing, and so never waits: those claims are being ended.
 */
async function extendLeases(
  database: Kysely<Tables>,
  jobs: ClaimedPollJob[],
  leaseMs: number,
): Promise<void> {
  if (jobs.length === 0) return
  const held = database
    .selectFrom('poll_job')
    .select(['tenant', 'kind', 'key'])
    .where(({ eb, or, and }) =>
      or(
        jobs.map(({ tenant, kind, key, fence }) =>
          and([
            eb('tenant', '=', tenant),
            eb('kind', '=', kind),
            eb('key', '=', key),
            eb('fence', '=', fence),
          ]),
        ),
      ),
    )
    .$if(isPostgres(database), (query) => query.forUpdate().skipLocked())
  await database
    .updateTable('poll_job')
    .set({ lease_until: Date.now() + leaseMs })
    .where(({ eb, refTuple }) =>
      eb(refTuple('tenant', 'kind', 'key'), 'in', held.$asTuple('tenant', 'kind', 'key')),
    )
    .execute()
}

async function markSent(database: Kysely<Tables>, job: ClaimedPollJob): Promise<boolean> {
  const { numUpdatedRows } = await held(database, job)
    .set({ submission: 'SENT', not_before: 0 })
    .where('submission', '=', 'WAITING')
    .executeTakeFirst()
  return numUpdatedRows === 1n
}

/**
 * A poll job can be claimed when it is due and the lease of an earlier claim has expired. Each of the two queries reads
 * the beginning of an index.
 */
async function findNextDueAt(database: Kysely<Tables>): Promise<Date | null> {
  const [free, claimed] = [
    await runCompiled(database, 'next free', () => nextFree(database), [0]),
    await runCompiled(database, 'next claimed', () => nextClaimed(database), []),
  ]
  const times = [...free.rows, ...claimed.rows].map(({ time }) => Number(time))
  return times.length === 0 ? null : new Date(Math.min(...times))
}

function nextFree(database: Kysely<Tables>) {
  return database
    .selectFrom('poll_job')
    .select('next_poll_at as time')
    .where('lease_until', '=', 0)
    .orderBy('next_poll_at')
    .limit(sql.lit(1))
}

function nextClaimed(database: Kysely<Tables>) {
  return (
    database
      .selectFrom('poll_job')
      .select('lease_until as time')
      // A literal, because SQLite does not use the partial index for a parameter.
      .where('lease_until', '>', sql.lit(0))
      .orderBy('lease_until')
      .limit(sql.lit(1))
  )
}

/** Returns the number of poll jobs of all tenants. */
export async function countPollJobs(database: Kysely<Tables>): Promise<number> {
  const { count } = await database
    .selectFrom('poll_job')
    .select(({ fn }) => fn.countAll().as('count'))
    .executeTakeFirstOrThrow()
  return Number(count)
}
