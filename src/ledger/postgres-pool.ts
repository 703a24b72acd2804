import type { Duplex } from 'node:stream'
import type { PostgresPool } from 'kysely'
import { Pool, type PoolClient, types } from 'pg'
import { closeStreams, streamOf } from './postgres-stream.ts'
import { LedgerUnavailable } from './unavailable.ts'

/** The maximum number of connections of one process, without the connection of the listener. */
const MAX_CONNECTIONS = 10
/** Also the longest wait of a query for a free connection. */
const CONNECT_TIMEOUT_MS = 5_000
const QUERY_TIMEOUT_MS = 10_000
/** The type id of `bigint` in the system catalog `pg_type`. */
const INT8 = 20

/**
 * Creates a pool of PostgreSQL connections for Kysely. Its `connect` throws LedgerUnavailable when there is
 * no connection, whatever the cause. Calls `onError` with the error of a broken connection; the pool
 * replaces the connection.
 */
export function createPool(databaseUrl: string, onError: (error: unknown) => void): PostgresPool {
  const streams = new Set<Duplex>()
  const pool = new Pool({
    connectionString: databaseUrl,
    max: MAX_CONNECTIONS,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    query_timeout: QUERY_TIMEOUT_MS,
    application_name: 'zerograph',
    // A `bigint` becomes a number: positions, sequence numbers and milliseconds are far below 2^53.
    types: {
      getTypeParser: (id, format) => (id === INT8 ? Number : types.getTypeParser(id, format)),
    },
  })
  pool.on('error', onError)
  pool.on('connect', (client) => {
    // The pool handles errors of idle connections only. Without this handler, a connection that breaks
    // between two statements of a transaction would end the process.
    client.on('error', onError)
    closeOnQueryTimeout(client)
    const stream = streamOf(client)
    streams.add(stream)
    stream.once('close', () => streams.delete(stream))
  })
  return {
    options: pool.options,
    connect: () =>
      pool.connect().catch((cause) => {
        throw new LedgerUnavailable('AWAY', { cause })
      }),
    async end() {
      // Waits for running queries, at most for QUERY_TIMEOUT_MS.
      await pool.end()
      await closeStreams([...streams])
    },
  } as PostgresPool
}

/**
 * Closes the connection when a query times out. The driver only rejects the query, and the pool would reuse
 * a connection that still waits for the response.
 */
function closeOnQueryTimeout(client: PoolClient): void {
  const query = client.query.bind(client) as (...args: unknown[]) => Promise<unknown>
  const stream = streamOf(client)
  const queryOrClose = (...args: unknown[]) =>
    query(...args).catch((error: Error) => {
      if (error.message === QUERY_TIMED_OUT) stream.destroy()
      throw error
    })
  client.query = queryOrClose as typeof client.query
}

/** The message of the error that `pg` throws when a query times out. */
const QUERY_TIMED_OUT = 'Query read timeout'
