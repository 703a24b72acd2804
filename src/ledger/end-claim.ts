import type { Kysely, Transaction } from 'kysely'
import { isPostgres } from './database.ts'
import type { Snapshot } from './entity.ts'
import { type EntityRow, findRow } from './entity-row.ts'
import type { AfterPoll, ClaimedPollJob, NextPoll, PolledKind } from './poll-job.ts'
import { endPolling, recordObservation } from './record-observation.ts'
import type { Tables } from './tables.ts'

/** Locks the row of a poll job until the transaction ends. Returns null when the job must not be changed any more. */
export type ClaimLock = (
  trx: Transaction<Tables>,
  job: ClaimedPollJob,
) => Promise<ClaimedPollJob | null>

/**
 * Ends a claim: records what the poll observed (null: nothing), and schedules the next poll or ends polling. Returns the row
 * of the entity, and whether its status changed or its polling ended. Returns null, recording nothing, when `lock` does.
 */
export async function endClaim(
  trx: Transaction<Tables>,
  job: ClaimedPollJob,
  observed: Snapshot<PolledKind> | null,
  then: AfterPoll,
  lock: ClaimLock,
): Promise<{ row: EntityRow; isChanged: boolean } | null> {
  const before = await findRow(trx, job)
  const claim = before && (await lock(trx, job))
  if (!claim) return null
  const recorded = observed ? await recordObservation(trx, before, observed) : before
  const row = recorded.polling_ended === 1 ? recorded : await schedule(trx, claim, recorded, then)
  return { row, isChanged: row.seq !== before.seq }
}

async function schedule(
  trx: Transaction<Tables>,
  claim: ClaimedPollJob,
  row: EntityRow,
  then: AfterPoll,
): Promise<EntityRow> {
  if ('pollingEndedReason' in then) return endPolling(trx, row, then.pollingEndedReason)
  await reschedule(trx, claim, then)
  return row
}

/** An update of the poll job that changes nothing when its claim is lost. */
export function held(database: Kysely<Tables>, { tenant, kind, key, fence }: ClaimedPollJob) {
  return database
    .updateTable('poll_job')
    .where('tenant', '=', tenant)
    .where('kind', '=', kind)
    .where('key', '=', key)
    .where('fence', '=', fence)
}

/** Locks a claim until the transaction ends. Returns null when it was lost. */
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

/** Takes over the claim of a task that was sent, from any holder. Returns null when its outcome is already recorded. */
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
 * Schedules the next poll, at the deadline at the latest. When a change of an asset has made a waiting task due since it was
 * claimed, the task keeps that time, or the end of a pause that 0-0 has asked for meanwhile.
 */
async function reschedule(
  trx: Transaction<Tables>,
  job: ClaimedPollJob,
  next: NextPoll,
): Promise<void> {
  const deadline = (next.deadlineAt ?? job.deadlineAt).getTime()
  const at = Math.min(next.nextPollAt.getTime(), deadline)
  const notBefore = next.notBefore?.getTime() ?? 0
  const submission = next.submission ?? null
  await held(trx, job)
    .set(({ eb, ref, val }) => ({
      next_poll_at:
        submission === null
          ? at
          : eb
              .case()
              .when('next_poll_at', '=', job.dueAt.getTime())
              .then(val(at))
              .when('next_poll_at', '<', notBefore)
              .then(val(Math.min(notBefore, deadline)))
              .else(ref('next_poll_at'))
              .end(),
      gap_ms: next.gapMs,
      deadline_at: deadline,
      not_before: notBefore,
      refused_polls: next.refusedPolls ?? job.refusedPolls,
      lease_until: 0,
      submission,
    }))
    .execute()
}
