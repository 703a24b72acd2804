import type { Kysely, Transaction } from 'kysely'
import { appendChange, isVisibleChange } from './append-change.ts'
import { isPostgres } from './database.ts'
import type { Snapshot } from './entity.ts'
import { type EntityRow, findRow } from './entity-row.ts'
import type { AfterPoll, ClaimedPollJob, NextPoll, PolledKind } from './poll-job.ts'
import { endPolling, recordObservation } from './record-observation.ts'
import { scheduleOf } from './schedule-of.ts'
import type { Tables } from './tables.ts'

/** Locks the row of a poll job until the transaction ends. Returns null when the caller may no longer change the job. */
export type ClaimLock = (
  trx: Transaction<Tables>,
  job: ClaimedPollJob,
) => Promise<ClaimedPollJob | null>

/**
 * Ends a claim: records the observed snapshot, if any, and schedules the next poll or ends polling.
 * Returns the row of the entity, and whether it changed in something that a caller sees. Returns null and
 * writes nothing when the entity does not exist or `lock` returns null.
 */
export async function endClaim(
  trx: Transaction<Tables>,
  job: ClaimedPollJob,
  observed: Snapshot<PolledKind> | null,
  afterPoll: AfterPoll,
  lock: ClaimLock,
): Promise<{ row: EntityRow; isChanged: boolean } | null> {
  const before = await findRow(trx, job)
  const claim = before && (await lock(trx, job))
  if (!claim) return null
  const recorded = observed ? await recordObservation(trx, before, observed) : before
  const row =
    recorded.polling_ended === 1 ? recorded : await schedule(trx, claim, recorded, afterPoll)
  const isChanged = isVisibleChange(before, row)
  if (isChanged) await appendChange(trx, row, false)
  return { row, isChanged }
}

/** Ends polling or schedules the next poll. Returns the row of the entity after that. */
async function schedule(
  trx: Transaction<Tables>,
  claim: ClaimedPollJob,
  row: EntityRow,
  afterPoll: AfterPoll,
): Promise<EntityRow> {
  if ('pollingEndedReason' in afterPoll) return endPolling(trx, row, afterPoll)
  await reschedule(trx, claim, afterPoll)
  return row
}

/** Returns an update of the poll job that matches no row when the claim was lost. */
export function held(database: Kysely<Tables>, { tenant, kind, key, fence }: ClaimedPollJob) {
  return database
    .updateTable('poll_job')
    .where('tenant', '=', tenant)
    .where('kind', '=', kind)
    .where('key', '=', key)
    .where('fence', '=', fence)
}

/** A `ClaimLock` for a normal poll. Returns null when the claim was lost. */
export async function lockHeld(
  trx: Transaction<Tables>,
  job: ClaimedPollJob,
): Promise<ClaimedPollJob | null> {
  const row = await trx
    .selectFrom('poll_job')
    .select('fence')
    .where('tenant', '=', job.tenant)
    .where('kind', '=', job.kind)
    .where('key', '=', job.key)
    .$if(isPostgres(trx), (query) => query.forUpdate())
    .executeTakeFirst()
  return row?.fence === job.fence ? job : null
}

/**
 * A `ClaimLock` for a task that was sent to 0-0. Takes the claim over from any holder, because only the
 * sender knows the outcome. Returns null when an outcome is already recorded.
 */
export async function takeSent(
  trx: Transaction<Tables>,
  job: ClaimedPollJob,
): Promise<ClaimedPollJob | null> {
  const row = await trx
    .updateTable('poll_job')
    .set(({ eb }) => ({ fence: eb('fence', '+', 1) }))
    .where('tenant', '=', job.tenant)
    .where('kind', '=', job.kind)
    .where('key', '=', job.key)
    .where('submission', '=', 'SENT')
    .returning('fence')
    .executeTakeFirst()
  return row ? { ...job, fence: row.fence } : null
}

/**
 * Schedules the next poll and releases the lease. The poll is not later than the deadline.
 *
 * A changed `next_poll_at` shows that an asset of the waiting task has changed during the claim. The task
 * then keeps the changed time, but not before the end of a pause that 0-0 asked for. The deadline limits both.
 */
async function reschedule(
  trx: Transaction<Tables>,
  job: ClaimedPollJob,
  next: NextPoll,
): Promise<void> {
  const { next_poll_at, deadline_at, not_before, ...schedule } = scheduleOf(job, next)
  const submission = next.submission ?? null
  await held(trx, job)
    .set(({ eb, ref, val }) => ({
      ...schedule,
      deadline_at,
      not_before,
      next_poll_at:
        submission === null
          ? next_poll_at
          : eb
              .case()
              .when('next_poll_at', '=', job.dueAt.getTime())
              .then(val(next_poll_at))
              .when('next_poll_at', '<', not_before)
              .then(val(Math.min(not_before, deadline_at)))
              .else(ref('next_poll_at'))
              .end(),
      lease_until: 0,
      submission,
    }))
    .execute()
}
