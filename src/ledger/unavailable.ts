import { setTimeout as pause } from 'node:timers/promises'

/** The database is away or cannot do its work now. Nothing was written; the same call may succeed later. */
export class LedgerUnavailable extends Error {
  override readonly name = 'LedgerUnavailable'
}

/** The same calls, failing with LedgerUnavailable when the database is away and with what they failed with otherwise. */
export function typedErrors<Calls extends object>(calls: Calls): Calls {
  const typed = Object.entries(calls).map(([name, call]) => [
    name,
    (...args: unknown[]) => {
      const result = call(...args)
      return result instanceof Promise ? result.catch(rethrow) : result
    },
  ])
  return Object.fromEntries(typed)
}

function rethrow(error: unknown): never {
  throw isUnavailable(error)
    ? new LedgerUnavailable('The database is away.', { cause: error })
    : error
}

const RETRY_MS = 200

/** What `write` gives, tried again for as long as the database is away: for what must not be forgotten. */
export async function persist<T>(write: () => Promise<T>): Promise<T> {
  while (true) {
    try {
      return await write()
    } catch (error) {
      if (!(error instanceof LedgerUnavailable)) throw error
      await pause(RETRY_MS)
    }
  }
}

/**
 * SQLSTATE classes of PostgreSQL (manual, appendix A): connection exceptions, insufficient resources, operator
 * intervention, system errors, and transactions it rolled back for its own reasons.
 */
const AWAY = /^(08|53|57|58|40)/
/** Result codes of SQLite (sqlite.org/rescode.html): busy, locked, read-only, I/O error, full, cannot open. */
const SQLITE_AWAY = new Set([5, 6, 8, 10, 13, 14])

function isUnavailable(error: unknown): boolean {
  if (!(error instanceof Error)) return false
  if ('severity' in error && 'code' in error) return AWAY.test(String(error.code))
  if ('errcode' in error) return SQLITE_AWAY.has(Number(error.errcode) & 0xff)
  if ('syscall' in error) return true
  // What the driver itself says has no code.
  return /terminated|timeout|not queryable|closed the connection|connection error|cannot use a pool/i.test(
    error.message,
  )
}
