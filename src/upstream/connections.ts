import { Pool } from 'undici'
import type { Deadline } from './deadline.ts'
import { ExchangeError, exchange, type HttpRequest, type HttpResponse } from './exchange.ts'
import { createRequestQueue } from './request-queue.ts'

/** Connections to 0-0, with a queue of their own in front. */
export interface Connections {
  /**
   * As `exchange`, after waiting for a free connection for at most half of the time that is left: the other half is 0-0's.
   * Fails with an ExchangeError `QUEUED` when the wait was in vain.
   */
  exchange(request: HttpRequest, deadline: Deadline, onSent: () => void): Promise<HttpResponse>
  /** Takes no more requests; resolves when those it has are done. */
  close(): Promise<void>
}

/**
 * Opens up to `limit` connections to `origin`, one request at a time on each.
 *
 * The queue is ours and not undici's, because only so can be told whether a request waited for us or for 0-0: whoever has
 * left the queue has a connection, or 0-0 does not accept one.
 */
export function openConnections(origin: string, limit: number): Connections {
  const pool = new Pool(origin, { connections: limit, allowH2: false })
  const queue = createRequestQueue(limit)
  let closed: Promise<void> | null = null

  return {
    async exchange(request, { signal, endsAtMs }, onSent) {
      const maxWaitMs = (endsAtMs - performance.now()) / 2
      await queue.enter(signal, maxWaitMs).catch((cause) => {
        throw new ExchangeError('QUEUED', cause)
      })
      try {
        return await exchange(pool, request, signal, onSent)
      } finally {
        queue.leave()
      }
    },

    close: () => (closed ??= queue.close().then(() => pool.close())),
  }
}
