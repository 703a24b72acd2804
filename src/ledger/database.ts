import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { Kysely, PostgresAdapter, PostgresDialect, SqliteDialect } from 'kysely'
import { openNodeSqlite } from './node-sqlite.ts'
import type { Tables } from './tables.ts'

/** Connections of one process to PostgreSQL, besides the one that listens. */
const MAX_CONNECTIONS = 10
/** Also how long a query may wait for a connection. */
const CONNECT_TIMEOUT_MS = 5_000
const QUERY_TIMEOUT_MS = 10_000
const INT8 = 20

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
  const { dataDir, databaseUrl, onError } = options
  if (databaseUrl === undefined) {
    mkdirSync(dataDir, { recursive: true, mode: 0o700 })
    const database = openNodeSqlite(join(dataDir, 'ledger.db'))
    return new Kysely<Tables>({ dialect: new SqliteDialect({ database }) })
  }
  const { Pool, types } = await import('pg')
  const pool = new Pool({
    connectionString: databaseUrl,
    max: MAX_CONNECTIONS,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    query_timeout: QUERY_TIMEOUT_MS,
    application_name: 'zerograph',
    // Positions, sequence numbers and milliseconds: all far below 2^53.
    types: {
      getTypeParser: (id, format) => (id === INT8 ? Number : types.getTypeParser(id, format)),
    },
  })
  pool.on('error', onError)
  // The pool hears only idle connections; one that breaks between two statements of a transaction would end the process.
  pool.on('connect', (client) => client.on('error', onError))
  return new Kysely<Tables>({ dialect: new PostgresDialect({ pool }) })
}

/** Whether several processes may be at work, so that rows must be locked and changes told to the others. */
export function isPostgres(database: Kysely<Tables>): boolean {
  return database.getExecutor().adapter instanceof PostgresAdapter
}
