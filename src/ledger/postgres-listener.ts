import { setTimeout as pause } from 'node:timers/promises'
import { Client } from 'pg'
import { type ChangeNotifier, decodeNotification, NOTIFICATION_CHANNEL } from './change-notifier.ts'
import { closeStreams, streamOf } from './postgres-stream.ts'

const RECONNECT_MS = 250
const CONNECT_TIMEOUT_MS = 2_000
/** How often the connection is tried, so that one that died silently is noticed. */
const PROBE_MS = 5_000

/**
 * Passes on the notifications of all processes, over a connection of its own that is replaced whenever it breaks. After each
 * interruption, and for a notification that cannot be read, all listeners are told to look for themselves. Returns the
 * function that ends it.
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
    client.on('notification', ({ payload }) => passOn(payload ?? ''))
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

  /** Anyone who may connect to the database may notify; what is thrown here would end the process. */
  function passOn(payload: string): void {
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
