import type { Duplex } from 'node:stream'
import type { PostgresPool } from 'kysely'
import { Pool, type PoolClient, types } from 'pg'
import { closeStreams, streamOf } from './postgres-stream.ts'
import { LedgerUnavailable } from './unavailable.ts'

/** Connections of one process to PostgreSQL, besides the one that listens. */
const MAX_CONNECTIONS = 10
/** Also how long a query may wait for a connection. */
const CONNECT_TIMEOUT_MS = 5_000
const QUERY_TIMEOUT_MS = 10_000
const INT8 = 20

/**
 * Connections to PostgreSQL in the shape Kysely asks for. Having none to give is a LedgerUnavailable, whatever the
 * cause. `onError` is told of idle connections that broke; the pool replaces them by itself.
 */
export function createPool(databaseUrl: string, onError: (error: unknown) => void): PostgresPool {
  const streams = new Set<Duplex>()
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
      // Resolves when no connection is in use any more, which a query's timeout bounds.
      await pool.end()
      await closeStreams([...streams])
    },
  } as PostgresPool
}

/**
 * Ends the connection whose query got no answer in time: the driver gives up the query alone, and the pool would hand out
 * a connection that waits for ever.
 */
function dropSilent(client: PoolClient): void {
  const query = client.query.bind(client) as (...args: unknown[]) => Promise<unknown>
  const stream = streamOf(client)
  const watched = (...args: unknown[]) =>
    query(...args).catch((error: Error) => {
      if (error.message === QUERY_TIMED_OUT) stream.destroy()
      throw error
    })
  client.query = watched as typeof client.query
}

/** As the driver says it. */
const QUERY_TIMED_OUT = 'Query read timeout'
