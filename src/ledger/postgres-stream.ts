import { once } from 'node:events'
import type { Duplex } from 'node:stream'
import { setTimeout as pause } from 'node:timers/promises'
import type { ClientBase } from 'pg'

/** How long the server may take to close its side of a connection. */
const CLOSE_TIMEOUT_MS = 1_000

/** Returns the socket of a PostgreSQL connection. `pg` does not expose it in its public types. */
export function streamOf(client: ClientBase): Duplex {
  return (client as unknown as { connection: { stream: Duplex } }).connection.stream
}

/**
 * Waits until the server has closed the sockets of ended connections, and destroys them after
 * `CLOSE_TIMEOUT_MS`. A server that does not respond never closes them, and an open socket prevents the
 * process from exiting.
 */
export async function closeStreams(streams: Duplex[]): Promise<void> {
  const open = streams.filter((stream) => !stream.closed)
  const closed = Promise.all(open.map((stream) => once(stream, 'close')))
  await Promise.race([closed, pause(CLOSE_TIMEOUT_MS)])
  for (const stream of open) stream.destroy()
}
