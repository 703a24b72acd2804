import { once } from 'node:events'
import type { Duplex } from 'node:stream'
import { setTimeout as pause } from 'node:timers/promises'
import type { ClientBase } from 'pg'

/** How long the server may take to close connections that we have ended. */
const CLOSE_TIMEOUT_MS = 1_000

/** The socket of a connection to PostgreSQL, which the driver does not publish. */
export function streamOf(client: ClientBase): Duplex {
  return (client as unknown as { connection: { stream: Duplex } }).connection.stream
}

/**
 * Resolves when the server has closed the sockets of connections that were ended, or closes them after a second: a server
 * that has gone silent never does, and an open socket keeps the process from ending.
 */
export async function closeStreams(streams: Duplex[]): Promise<void> {
  const open = streams.filter((stream) => !stream.closed)
  const closed = Promise.all(open.map((stream) => once(stream, 'close')))
  await Promise.race([closed, pause(CLOSE_TIMEOUT_MS)])
  for (const stream of open) stream.destroy()
}
