import { Pool } from 'undici'
import type { Deadline } from './deadline.ts'
import {
  type HttpRequest,
  HttpRequestError,
  type HttpResponse,
  sendHttpRequest,
} from './http-request.ts'
import { createRequestQueue } from './request-queue.ts'

/** A pool of connections to 0-0 with a request queue in front. */
interface Connections {
  /**
   * Waits for a free connection, then works like `sendHttpRequest`. The wait takes at most half of
   * the time until the deadline, which leaves the other half for 0-0. When no connection becomes
   * free in that time, it rejects with an HttpRequestError of stage QUEUED.
   */
  send(request: HttpRequest, deadline: Deadline, onSent: () => void): Promise<HttpResponse>
  /** Accepts no more requests. Resolves when the accepted requests have ended. */
  close(): Promise<void>
}

/**
 * Opens up to `limit` connections to `origin`. Each connection carries one request at a time.
 *
 * The queue is ours because undici's queue does not tell whether a request waited for a connection
 * or for 0-0. A request that has left our queue waits only for 0-0.
 */
export function openConnections(origin: string, limit: number): Connections {
  const pool = new Pool(origin, { connections: limit, allowH2: false })
  const queue = createRequestQueue(limit)
  let closed: Promise<void> | null = null

  return {
    async send(request, { signal, endsAtMs }, onSent) {
      const maxWaitMs = (endsAtMs - performance.now()) / 2
      await queue.enter(signal, maxWaitMs).catch((cause) => {
        throw new HttpRequestError('QUEUED', cause)
      })
      try {
        return await sendHttpRequest(pool, request, signal, onSent)
      } finally {
        queue.leave()
      }
    },

    close: () => (closed ??= queue.close().then(() => pool.close())),
  }
}
