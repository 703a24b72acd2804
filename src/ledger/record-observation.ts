import type { Transaction } from 'kysely'
import { wakeWaitingTasks } from './awaited-assets.ts'
import { deleteUnusedCredential } from './credentials.ts'
import {
  changedSnapshot,
  decodeOrigin,
  decodeSnapshot,
  type EntityRef,
  encodeJson,
  isTerminal,
  type Kind,
  type Origin,
  type Snapshot,
} from './entity.ts'
import { columnsOf, type EntityRow } from './entity-row.ts'
import type { PollingEnd } from './poll-job.ts'
import { firstTimesOf, nextTimesOf } from './stored-values.ts'
import type { Tables } from './tables.ts'

/**
 * Inserts an entity and its first transition. Returns its row. Returns null and writes nothing when the
 * entity is registered already.
 */
export async function insertEntity<K extends Kind>(
  trx: Transaction<Tables>,
  { tenant, kind, key }: EntityRef<K>,
  snapshot: Snapshot<K>,
  origin: Origin<K>,
): Promise<EntityRow | null> {
  const nowMs = Date.now()
  const row = await trx
    .insertInto('entity')
    .values({
      tenant,
      kind,
      key,
      ...columnsOf({ kind, key }, snapshot, origin),
      ...firstTimesOf(kind, snapshot, origin, nowMs),
      origin: origin === null ? null : encodeJson(origin),
      polling_ended: isTerminal(kind, snapshot.status) ? 1 : 0,
      polling_ended_reason: null,
      seq: 0,
      observed_at: nowMs,
    })
    .onConflict((conflict) => conflict.columns(['tenant', 'kind', 'key']).doNothing())
    .returningAll()
    .executeTakeFirst()
  return row ? appendTransition(trx, row, null) : null
}

/**
 * Returns the snapshot to store after `observed`. Returns null when nothing changes, because `observed` has
 * the stored values or is outdated (see `isStale`).
 */
function nextSnapshot(row: EntityRow, observed: Snapshot): Snapshot | null {
  return changedSnapshot(row.kind as Kind, decodeSnapshot(row.snapshot), observed, row.snapshot)
}

/**
 * Records an observed snapshot of the entity in `row`. Writes nothing when no value changed. A new status and a new
 * progress append a transition, and a terminal status ends polling. Returns the stored row.
 */
export async function recordObservation(
  trx: Transaction<Tables>,
  row: EntityRow,
  observed: Snapshot,
): Promise<EntityRow> {
  const snapshot = nextSnapshot(row, observed)
  if (!snapshot) return row

  const isTerminalNow = isTerminal(row.kind as Kind, snapshot.status)
  const nowMs = Date.now()
  const after = await write(trx, row, {
    ...columnsOf(row, snapshot, decodeOrigin(row.origin)),
    ...nextTimesOf(row, snapshot, nowMs),
    ...(isTerminalNow ? { polling_ended: 1, polling_ended_reason: null } : {}),
    observed_at: nowMs,
  })
  const isTransition = after.status !== row.status || isNewProgress(row, snapshot)
  const result = isTransition ? await appendTransition(trx, after, row.status) : after
  // Delete after `appendTransition`, which locks poll jobs of waiting tasks: this locks the credential, and
  // every transaction locks the credential last, which prevents deadlocks.
  if (isTerminalNow) await deletePollJob(trx, row)
  return result
}

/** Whether a task that is polled has a new progress. */
function isNewProgress(row: EntityRow, snapshot: Snapshot): boolean {
  if (!('progress' in snapshot) || row.polling_ended === 1) return false
  return snapshot.progress !== decodeSnapshot<'videoTask'>(row.snapshot).progress
}

/** Ends the polling of an entity whose status is not terminal. The status is unchanged. Returns the stored row. */
export async function endPolling(
  trx: Transaction<Tables>,
  row: EntityRow,
  { pollingEndedReason, failureCode }: PollingEnd,
): Promise<EntityRow> {
  const ended = {
    snapshot: withFailureCode(row.snapshot, failureCode),
    polling_ended: 1,
    polling_ended_reason: pollingEndedReason,
    observed_at: Date.now(),
  }
  const after = await appendTransition(trx, await write(trx, row, ended), row.status)
  await deletePollJob(trx, row)
  return after
}

/** Returns the JSON of a snapshot with this code instead of the code of an earlier end of polling. */
function withFailureCode(text: string, failureCode: PollingEnd['failureCode']): string {
  const snapshot = decodeSnapshot(text)
  const known = 'failureCode' in snapshot ? (snapshot.failureCode ?? undefined) : undefined
  if (known === failureCode) return text
  return encodeJson({ ...snapshot, failureCode })
}

/** Marks an entity as polled again after its polling ended early. Returns the stored row. */
export async function resumePolling(trx: Transaction<Tables>, row: EntityRow): Promise<EntityRow> {
  if (row.polling_ended === 0) return row
  return write(trx, row, { polling_ended: 0, polling_ended_reason: null })
}

/** Updates columns of an entity. Returns the row with the new values. */
async function write(
  trx: Transaction<Tables>,
  row: EntityRow,
  values: Partial<EntityRow>,
): Promise<EntityRow> {
  await trx.updateTable('entity').set(values).where('position', '=', row.position).execute()
  return { ...row, ...values }
}

/** Appends a transition from `previous` to the status of `row`, and makes the tasks due that wait for this asset. */
async function appendTransition(
  trx: Transaction<Tables>,
  row: EntityRow,
  previous: string | null,
): Promise<EntityRow> {
  const { tenant, kind, key, snapshot, polling_ended, polling_ended_reason, observed_at } = row
  const state = { snapshot, polling_ended, polling_ended_reason, observed_at }
  const { seq } = await trx
    .insertInto('transition')
    .values({ tenant, kind, key, previous, current: row.status, ...state })
    .returning('seq')
    .executeTakeFirstOrThrow()
  if (kind === 'asset' && polling_ended === 1) await wakeWaitingTasks(trx, tenant, key)
  return write(trx, row, { seq })
}

/** Deletes the poll job of an entity, and the bearer key of the tenant when no other poll job needs it. */
async function deletePollJob(
  trx: Transaction<Tables>,
  { tenant, kind, key }: EntityRow,
): Promise<void> {
  const { numDeletedRows } = await trx
    .deleteFrom('poll_job')
    .where('tenant', '=', tenant)
    .where('kind', '=', kind)
    .where('key', '=', key)
    .executeTakeFirst()
  if (numDeletedRows > 0n) await deleteUnusedCredential(trx, tenant)
}
