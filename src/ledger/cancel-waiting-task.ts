import type { Kysely, Transaction } from 'kysely'
import { appendChange } from './append-change.ts'
import { decodeSnapshot, type Entity, type EntityRef } from './entity.ts'
import { type EntityRow, entityOf, findRow } from './entity-row.ts'
import { recordObservation } from './record-observation.ts'
import type { Tables } from './tables.ts'

/** The result of `cancelWaitingTask`: the task after the call, and whether this call cancelled it. */
export interface Cancellation {
  task: Entity<'videoTask'>
  isCancelled: boolean
}

/**
 * Makes a task CANCELLED that waits for its assets and was not marked as sent. Changes no other task. Returns null when
 * the task is not registered.
 *
 * `markSent` changes the same row of `poll_job` under a condition. When both run at the same time, one of them finds the
 * row changed or deleted, and does nothing.
 */
export async function cancelWaitingTask(
  database: Kysely<Tables>,
  ref: EntityRef<'videoTask'>,
  notifyChange: (row: EntityRow) => void,
): Promise<Cancellation | null> {
  const { before, after } = await database.transaction().execute(async (trx) => {
    const before = await findRow(trx, ref)
    return { before, after: before && (await cancel(trx, before)) }
  })
  if (!after) return null
  const isCancelled = after.seq !== before?.seq
  if (isCancelled) notifyChange(after)
  return { task: entityOf(after), isCancelled }
}

/** Returns the row of the task after the cancellation, or the unchanged row when it cannot be cancelled. */
async function cancel(trx: Transaction<Tables>, row: EntityRow): Promise<EntityRow> {
  if (row.status !== 'WAITING_FOR_ASSETS' || !(await endClaims(trx, row))) return row
  const snapshot = decodeSnapshot<'videoTask'>(row.snapshot)
  const cancelled = await recordObservation(trx, row, { ...snapshot, status: 'CANCELLED' })
  await appendChange(trx, cancelled, false)
  return cancelled
}

/** Locks the poll job and makes all claims of it invalid. Returns false when the task was marked as sent. */
async function endClaims(
  trx: Transaction<Tables>,
  { tenant, kind, key }: EntityRow,
): Promise<boolean> {
  const { numUpdatedRows } = await trx
    .updateTable('poll_job')
    .set(({ eb }) => ({ fence: eb('fence', '+', 1) }))
    .where('tenant', '=', tenant)
    .where('kind', '=', kind)
    .where('key', '=', key)
    .where('submission', '=', 'WAITING')
    .executeTakeFirst()
  return numUpdatedRows === 1n
}
