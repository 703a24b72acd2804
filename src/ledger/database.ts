import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import type { Duplex } from 'node:stream'
import { Kysely, PostgresAdapter, PostgresDialect, SqliteDialect } from 'kysely'
import type { PoolClient } from 'pg'
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
  pool.on('connect', (client) => {
    // The pool hears only idle connections; one that breaks between two statements of a transaction would end the process.
    client.on('error', onError)
    dropSilent(client)
  })
  return new Kysely<Tables>({ dialect: new PostgresDialect({ pool }) })
}

/**
 * Ends the connection whose query got no answer in time: the driver gives up the query alone, and the pool would hand out
 * a connection that waits for ever.
 */
function dropSilent(client: PoolClient): void {
  const query = client.query.bind(client) as (...args: unknown[]) => Promise<unknown>
  const { stream } = (client as unknown as { connection: { stream: Duplex } }).connection
  const watched = (...args: unknown[]) =>
    query(...args).catch((error: Error) => {
      if (error.message === QUERY_TIMED_OUT) stream.destroy()
      throw error
    })
  client.query = watched as typeof client.query
}

/** As the driver says it. */
const QUERY_TIMED_OUT = 'Query read timeout'

/** Whether several processes may be at work, so that rows must be locked and changes told to the others. */
export function isPostgres(database: Kysely<Tables>): boolean {
  return database.getExecutor().adapter instanceof PostgresAdapter
}
