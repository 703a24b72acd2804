/**
 * Why the storage of the ledger is not available:
 *
 * - AWAY: the database cannot be reached, does not respond, or rejected the connection or the transaction.
 * - FULL: the disk is full.
 * - LOCKED: another process holds a lock.
 * - READ_ONLY: the database does not accept writes.
 * - BROKEN: a read or write failed.
 * - GONE: the SQLite file was deleted or replaced.
 */
export type UnavailableReason = 'AWAY' | 'FULL' | 'LOCKED' | 'READ_ONLY' | 'BROKEN' | 'GONE'

/**
 * Returns why the storage failed, or null when `error` is not a storage failure. Uses the error code where
 * there is one, and the message otherwise.
 */
export function unavailableReasonOf(error: unknown): UnavailableReason | null {
  if (!(error instanceof Error)) return null
  if ('errcode' in error) return reasonOfSqlite(Number(error.errcode))
  if ('severity' in error && 'code' in error) return reasonOfPostgres(String(error.code))
  if ('syscall' in error) return 'AWAY'
  return MESSAGE_WITHOUT_CODE.test(error.message) ? 'AWAY' : null
}

/** Whether the statement failed because another process holds the lock. */
export function isLocked(error: unknown): boolean {
  return unavailableReasonOf(error) === 'LOCKED'
}

/**
 * Reasons by primary result code of SQLite (sqlite.org/rescode.html), the lowest eight bits of an extended
 * code.
 */
const SQLITE_REASONS: Record<number, UnavailableReason> = {
  3: 'BROKEN', // PERM
  5: 'LOCKED', // BUSY
  6: 'LOCKED', // LOCKED
  7: 'BROKEN', // NOMEM
  8: 'READ_ONLY', // READONLY
  10: 'BROKEN', // IOERR
  11: 'BROKEN', // CORRUPT
  13: 'FULL', // FULL
  14: 'BROKEN', // CANTOPEN
  15: 'LOCKED', // PROTOCOL: the locks of the write-ahead log could not be acquired
  22: 'BROKEN', // NOLFS: the file is larger than the system allows
  26: 'BROKEN', // NOTADB
}

function reasonOfSqlite(code: number): UnavailableReason | null {
  return SQLITE_REASONS[code & 0xff] ?? null
}

/** Reasons by SQLSTATE (PostgreSQL manual, appendix A). The first match counts: complete codes come before classes. */
const POSTGRES_REASONS: [pattern: RegExp, reason: UnavailableReason][] = [
  [/^53100/, 'FULL'], // disk_full
  [/^25006/, 'READ_ONLY'], // read_only_sql_transaction: the server is a standby
  [/^XX00[12]/, 'BROKEN'], // data_corrupted, index_corrupted
  [/^58/, 'BROKEN'], // system error, such as io_error
  [/^55P03/, 'LOCKED'], // lock_not_available
  [/^08/, 'AWAY'], // connection exception
  [/^28/, 'AWAY'], // invalid authorization: the password was changed
  [/^3D/, 'AWAY'], // the database does not exist
  [/^40/, 'AWAY'], // transaction rolled back, such as a deadlock
  [/^53/, 'AWAY'], // insufficient resources
  [/^57/, 'AWAY'], // operator intervention
]

function reasonOfPostgres(code: string): UnavailableReason | null {
  return POSTGRES_REASONS.find(([pattern]) => pattern.test(code))?.[1] ?? null
}

/** Messages without a code: from `pg` for a broken connection or a timeout, from Kysely for a closed database. */
const MESSAGE_WITHOUT_CODE = /terminated|timeout|not queryable|been destroyed/i
