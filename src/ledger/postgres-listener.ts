import { setTimeout as pause } from 'node:timers/promises'
import { Client } from 'pg'
import { type ChangeNotifier, decodeNotification, NOTIFICATION_CHANNEL } from './change-notifier.ts'
import { closeStreams, streamOf } from './postgres-stream.ts'

/** The pause before a new connection. */
const RECONNECT_MS = 250
const CONNECT_TIMEOUT_MS = 2_000
/** The interval of the queries that detect a connection that broke without an error. */
const PROBE_MS = 5_000

/**
 * Forwards the notifications of all processes to `notifier`. Uses a separate connection, and reconnects
 * whenever it breaks. Calls `sendAll` after each connect, because notifications may have been lost before
 * it, and for a notification that cannot be decoded. Passes each error to `onError`. Returns the function
 * that stops it; its promise resolves when the connection is closed.
 */
export function listenForNotifications(
  databaseUrl: string,
  notifier: ChangeNotifier,
  onError: (error: unknown) => void,
): () => Promise<void> {
  const stopping = new AbortController()
  const { signal } = stopping
  const running = run()

  async function run(): Promise<void> {
    while (!signal.aborted) {
      await listenUntilBroken().catch(onError)
      await pause(RECONNECT_MS, undefined, { signal }).catch(() => {})
    }
  }

  async function listenUntilBroken(): Promise<void> {
    const client = new Client({
      connectionString: databaseUrl,
      connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
      query_timeout: CONNECT_TIMEOUT_MS,
      application_name: 'zerograph listener',
    })
    const broken = Promise.withResolvers<void>()
    client.on('error', broken.reject)
    client.on('end', broken.resolve)
    client.on('notification', ({ payload }) => forward(payload ?? ''))
    signal.addEventListener('abort', () => broken.resolve(), { once: true })
    broken.promise.catch(() => {})
    try {
      await client.connect()
      await client.query(`listen ${NOTIFICATION_CHANNEL}`)
      notifier.sendAll()
      const probing = setInterval(() => client.query('select 1').catch(broken.reject), PROBE_MS)
      await broken.promise.finally(() => clearInterval(probing))
    } finally {
      client.end().catch(() => {})
      await closeStreams([streamOf(client)])
    }
  }

  /**
   * Forwards one notification. It must not throw, because an error in an event handler would end the
   * process, and any database user can send an invalid payload.
   */
  function forward(payload: string): void {
    try {
      notifier.send(decodeNotification(payload))
    } catch (error) {
      onError(error)
      notifier.sendAll()
    }
  }

  return async () => {
    stopping.abort()
    await running
  }
}
