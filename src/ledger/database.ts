import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { type Dialect, Kysely, PostgresAdapter, PostgresDialect } from 'kysely'
import { createSqliteDialect } from './node-sqlite.ts'
import type { Tables } from './tables.ts'

/** Options of the database connection. */
interface DatabaseOptions {
  /** Folder of the SQLite file; created when missing. */
  dataDir: string
  /** `postgres://…`; when absent, SQLite. */
  databaseUrl?: string | undefined
  /** Called with the error of a broken PostgreSQL connection. The pool replaces the connection. */
  onError(error: unknown): void
}

/**
 * Creates the query builder for PostgreSQL or SQLite. The first query opens the database or connects to
 * it. Throws when `dataDir` cannot be created.
 */
export async function openDatabase(options: DatabaseOptions): Promise<Kysely<Tables>> {
  return new Kysely<Tables>({ dialect: await dialectOf(options) })
}

async function dialectOf({ dataDir, databaseUrl, onError }: DatabaseOptions): Promise<Dialect> {
  if (databaseUrl === undefined) {
    mkdirSync(dataDir, { recursive: true, mode: 0o700 })
    return createSqliteDialect({ path: join(dataDir, 'ledger.db') })
  }
  // Import the PostgreSQL driver only when it is used.
  const { createPool } = await import('./postgres-pool.ts')
  return new PostgresDialect({ pool: createPool(databaseUrl, onError) })
}

/**
 * Whether the database is PostgreSQL. If so, several processes may use it: rows must be locked, and the
 * other processes must be notified of changes.
 */
export function isPostgres(database: Kysely<Tables>): boolean {
  return database.getExecutor().adapter instanceof PostgresAdapter
}
