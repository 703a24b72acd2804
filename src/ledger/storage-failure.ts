/**
 * Why the storage of the ledger cannot do its work: it does not answer, its disk is full, another process holds its
 * lock, it takes no writes, it failed to read or write, or its file was deleted or replaced.
 */
export type UnavailableReason = 'AWAY' | 'FULL' | 'LOCKED' | 'READ_ONLY' | 'BROKEN' | 'GONE'

/** Why the storage failed, or null when `error` is not about the storage. Codes decide wherever there is one. */
export function unavailableReasonOf(error: unknown): UnavailableReason | null {
  if (!(error instanceof Error)) return null
  if ('errcode' in error) return reasonOfSqlite(Number(error.errcode))
  if ('severity' in error && 'code' in error) return reasonOfPostgres(String(error.code))
  if ('syscall' in error) return 'AWAY'
  return WITHOUT_CODE.test(error.message) ? 'AWAY' : null
}

/** Whether another process holds the lock of the SQLite file. */
export function isLocked(error: unknown): boolean {
  return unavailableReasonOf(error) === 'LOCKED'
}

/** Primary result codes (sqlite.org/rescode.html). The higher bits of an extended code only say more. */
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
  15: 'LOCKED', // PROTOCOL: the locks of the write-ahead log could not be had
  22: 'BROKEN', // NOLFS: the file is larger than the system allows
  26: 'BROKEN', // NOTADB
}

function reasonOfSqlite(code: number): UnavailableReason | null {
  return SQLITE_REASONS[code & 0xff] ?? null
}

/** SQLSTATE (PostgreSQL manual, appendix A), whole codes before their classes. */
const POSTGRES_REASONS: [pattern: RegExp, reason: UnavailableReason][] = [
  [/^53100/, 'FULL'], // disk_full
  [/^25006/, 'READ_ONLY'], // read_only_sql_transaction: a standby answers
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

/** What pg says of a broken or silent connection, and Kysely of a database that was closed. */
const WITHOUT_CODE = /terminated|timeout|not queryable|been destroyed/i
