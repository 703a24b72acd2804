import { sql, type Transaction } from 'kysely'
import { encodeNotification, NOTIFICATION_CHANNEL } from './change-notifier.ts'
import { runCompiled } from './compiled-query.ts'
import { isPostgres } from './database.ts'
import { decodeSnapshot } from './entity.ts'
import type { EntityRow } from './entity-row.ts'
import type { Tables } from './tables.ts'

/**
 * Appends the registration or the change of an entity to the changes of its tenant. On PostgreSQL, the other processes
 * are notified when the transaction commits.
 *
 * Call it as the last write of the transaction. On PostgreSQL it locks the changes of the tenant until the transaction
 * ends, so that they are numbered in the order in which they are committed: a reader never passes a number that is
 * committed later. Every transaction takes this lock last, which prevents deadlocks. SQLite has one writer at a time.
 */
export async function appendChange(
  trx: Transaction<Tables>,
  row: EntityRow,
  isNew: boolean,
): Promise<void> {
  const { tenant, kind, key } = row
  if (isPostgres(trx)) {
    const lock = `zerograph change ${tenant}`
    await sql`
      select pg_advisory_xact_lock(hashtextextended(${lock}, 0)),
        pg_notify(${NOTIFICATION_CHANNEL}, ${encodeNotification(row)})`.execute(trx)
  }
  const values = { tenant, kind, key, is_new: isNew ? 1 : 0, changed_at: Date.now() }
  const insert = () => trx.insertInto('change').values(values)
  await runCompiled(trx, 'insert change', insert, Object.values(values))
}

/**
 * Whether an entity changed in something that a caller sees: its status, its progress, the end of its polling, or
 * another value. `updatedAt` and the queries of URLs do not count: 0-0 can report a new time and a new signature of the
 * same file at each poll.
 */
export function isVisibleChange(before: EntityRow, after: EntityRow): boolean {
  if (before.seq !== after.seq || before.polling_ended !== after.polling_ended) return true
  if (before.snapshot === after.snapshot) return false
  return visibleText(before.snapshot) !== visibleText(after.snapshot)
}

function visibleText(snapshotText: string): string {
  const snapshot = decodeSnapshot(snapshotText)
  return JSON.stringify({ ...snapshot, updatedAt: null }, (name, value) =>
    name === 'url' && typeof value === 'string' ? value.replace(/[?#].*$/s, '') : value,
  )
}
