import { type Kysely, type Selectable, sql, type Transaction } from 'kysely'
import { type AssetSnapshot, keyOf } from '../model.ts'
import { wakeWaitingTasks } from './awaited-assets.ts'
import { encodeNotification, NOTIFICATION_CHANNEL } from './change-notifier.ts'
import { deleteUnusedCredential } from './credentials.ts'
import { isPostgres } from './database.ts'
import {
  type Address,
  decodeOrigin,
  decodeSnapshot,
  encodeJson,
  isStale,
  isTerminal,
  type Kind,
  mergeSnapshot,
  type Origin,
  type Resource,
  type Snapshot,
} from './resource.ts'
import type { ResourceTable, Tables } from './tables.ts'

export type Row = Selectable<ResourceTable>

/** The key of the group a resource belongs to, or null. */
export function parentOf(kind: Kind, snapshot: Snapshot): string | null {
  if (kind !== 'asset') return null
  const { platform, groupId } = snapshot as AssetSnapshot
  return groupId === null ? null : keyOf({ platform, id: groupId })
}

export function resourceOf<K extends Kind>(
  row: Pick<Row, 'key' | 'snapshot' | 'origin' | 'note' | 'settled' | 'seq' | 'observed_at'>,
): Resource<K> {
  return {
    key: row.key,
    snapshot: decodeSnapshot<K>(row.snapshot),
    origin: decodeOrigin<K>(row.origin),
    note: row.note,
    settled: row.settled === 1,
    seq: row.seq,
    observedAt: new Date(row.observed_at),
  }
}

/** The row of a resource, by its key or its alias; within a transaction kept from being changed by others. */
export async function findRow(
  database: Kysely<Tables>,
  { tenant, kind, key }: Address,
): Promise<Row | null> {
  const row = await database
    .selectFrom('resource')
    .selectAll()
    .where('tenant', '=', tenant)
    .where('kind', '=', kind)
    .where(({ or, eb }) => or([eb('key', '=', key), eb('alias', '=', key)]))
    .$if(database.isTransaction && isPostgres(database), (query) => query.forUpdate())
    .executeTakeFirst()
  return row ?? null
}

/**
 * Writes the first thing known of a resource: its row and its first transition.
 * Gives null, writing nothing, when it is registered already.
 */
export async function insert<K extends Kind>(
  trx: Transaction<Tables>,
  { tenant, kind, key }: Address<K>,
  snapshot: Snapshot<K>,
  origin: Origin<K>,
): Promise<Row | null> {
  const row = await trx
    .insertInto('resource')
    .values({
      tenant,
      kind,
      key,
      ...columnsOf({ kind, key }, snapshot),
      origin: origin === null ? null : encodeJson(origin),
      settled: isTerminal(kind, snapshot.status) ? 1 : 0,
      note: null,
      seq: 0,
      observed_at: Date.now(),
    })
    .onConflict((conflict) => conflict.columns(['tenant', 'kind', 'key']).doNothing())
    .returningAll()
    .executeTakeFirst()
  return row ? appendTransition(trx, row, null) : null
}

/**
 * What is known of the resource in `row` once `seen` is recorded, or null when nothing changes: `seen` says the same
 * again, or can only be an old answer.
 */
export function nextSnapshot(row: Row, seen: Snapshot): Snapshot | null {
  const before = decodeSnapshot(row.snapshot)
  if (isStale(row.kind as Kind, before.status, seen.status)) return null
  const after = mergeSnapshot(before, seen)
  return encodeJson(after) === row.snapshot ? null : after
}

/**
 * Records what was now seen of the resource in `row`, and returns the row as it is then. What changes nothing writes
 * nothing; a new status appends a transition, and a terminal one ends the poll job.
 */
export async function update(trx: Transaction<Tables>, row: Row, seen: Snapshot): Promise<Row> {
  const snapshot = nextSnapshot(row, seen)
  if (!snapshot) return row

  const kind = row.kind as Kind
  const terminal = isTerminal(kind, snapshot.status)
  const after = await write(trx, row, {
    ...columnsOf(row, snapshot),
    ...(terminal ? { settled: 1, note: null } : {}),
    observed_at: Date.now(),
  })
  const noted = after.status === row.status ? after : await appendTransition(trx, after, row.status)
  // After the poll jobs of waiting tasks: it locks the credential, which everyone locks last.
  if (terminal) await deletePollJob(trx, row)
  return noted
}

/** Ends the poll job of a resource that did not settle; its status stays, `note` says why. */
export async function giveUp(trx: Transaction<Tables>, row: Row, note: string): Promise<Row> {
  const after = await write(trx, row, { settled: 1, note, observed_at: Date.now() })
  const noted = await appendTransition(trx, after, row.status)
  await deletePollJob(trx, row)
  return noted
}

/** Takes back that nothing more is expected of a resource: it is polled again. */
export async function reopen(trx: Transaction<Tables>, row: Row): Promise<Row> {
  return row.settled === 0 ? row : write(trx, row, { settled: 0, note: null })
}

async function write(trx: Transaction<Tables>, row: Row, values: Partial<Row>): Promise<Row> {
  await trx.updateTable('resource').set(values).where('position', '=', row.position).execute()
  return { ...row, ...values }
}

/** The snapshot, and out of it what rows are found by. */
function columnsOf({ kind, key }: { kind: string; key: string }, snapshot: Snapshot) {
  const taskId = 'taskId' in snapshot ? snapshot.taskId : null
  return {
    snapshot: encodeJson(snapshot),
    alias: taskId === key ? null : taskId,
    status: snapshot.status,
    parent: parentOf(kind as Kind, snapshot),
    type: 'type' in snapshot ? snapshot.type : null,
  }
}

/**
 * Appends the transition that led to `row`, wakes the tasks that waited for it, and tells the other processes when it is
 * committed.
 */
async function appendTransition(
  trx: Transaction<Tables>,
  row: Row,
  previous: string | null,
): Promise<Row> {
  const { tenant, kind, key, status, settled, snapshot, note, observed_at } = row
  const { seq } = await trx
    .insertInto('transition')
    .values({ tenant, kind, key, previous, current: status, settled, snapshot, note, observed_at })
    .returning('seq')
    .executeTakeFirstOrThrow()
  if (isPostgres(trx)) {
    await sql`select pg_notify(${NOTIFICATION_CHANNEL}, ${encodeNotification(row)})`.execute(trx)
  }
  if (kind === 'asset' && settled === 1) await wakeWaitingTasks(trx, tenant, key)
  return write(trx, row, { seq })
}

/** Deletes the poll job of an entity, and the tenant's credential when no other poll job needs it. */
async function deletePollJob(trx: Transaction<Tables>, { tenant, kind, key }: Row): Promise<void> {
  const { numDeletedRows } = await trx
    .deleteFrom('poll_job')
    .where('tenant', '=', tenant)
    .where('kind', '=', kind)
    .where('key', '=', key)
    .executeTakeFirst()
  if (numDeletedRows > 0n) await deleteUnusedCredential(trx, tenant)
}
