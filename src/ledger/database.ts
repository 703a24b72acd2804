import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { type Dialect, Kysely, PostgresAdapter, PostgresDialect } from 'kysely'
import { createSqliteDialect } from './node-sqlite.ts'
import type { Tables } from './tables.ts'

export interface DatabaseOptions {
  /** Folder of the SQLite file; made when missing. */
  dataDir: string
  /** `postgres://…`; when absent, SQLite. */
  databaseUrl?: string | undefined
  /** What happened to an idle connection; the pool replaces it by itself. */
  onError(error: unknown): void
}

/** The same queries run on both engines; nothing is connected before the first one. */
export async function openDatabase(options: DatabaseOptions): Promise<Kysely<Tables>> {
  return new Kysely<Tables>({ dialect: await dialectOf(options) })
}

async function dialectOf({ dataDir, databaseUrl, onError }: DatabaseOptions): Promise<Dialect> {
  if (databaseUrl === undefined) {
    mkdirSync(dataDir, { recursive: true, mode: 0o700 })
    return createSqliteDialect({ path: join(dataDir, 'ledger.db') })
  }
  // Its driver is not even loaded for SQLite.
  const { createPool } = await import('./postgres-pool.ts')
  return new PostgresDialect({ pool: createPool(databaseUrl, onError) })
}

/** Whether several processes may be at work, so that rows must be locked and changes told to the others. */
export function isPostgres(database: Kysely<Tables>): boolean {
  return database.getExecutor().adapter instanceof PostgresAdapter
}
