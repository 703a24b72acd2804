import { isQueueTimeout, runAttempt } from './attempt.ts'
import { type Breaker, type BreakerState, createBreaker } from './breaker.ts'
import type { UpstreamCall, UpstreamOptions } from './call.ts'
import { openConnections } from './connections.ts'
import { startDeadline } from './deadline.ts'
import { withRetries } from './retry.ts'
import { createRetryBudget } from './retry-budget.ts'
import type { Route } from './route.ts'
import { buildHttpRequest, type UpstreamRequest } from './upstream-request.ts'

/** Sends UpstreamRequests, and owns the connections and breakers for them. */
interface Sender {
  /**
   * Sends a read with retries, or a create once, and resolves with what `request.read` returns.
   * Rejects with an UpstreamError, or with the reason of the caller's signal.
   */
  send<T>(call: UpstreamCall, request: UpstreamRequest<T>): Promise<T>
  /** The state of the breaker of each route. */
  breakers(): { group: Route; state: BreakerState }[]
  /** Accepts no more requests. Resolves when the accepted requests have ended. */
  close(): Promise<void>
}

/** The average delay before the first retry is half of this. */
const DEFAULT_RETRY_BASE_DELAY_MS = 200

/**
 * Creates a sender. Every request has a deadline. Every attempt passes the breaker of its route.
 * All reads share one retry budget.
 */
export function createSender(options: UpstreamOptions): Sender {
  const { origin, basePath } = parseBaseUrl(options.url)
  // Separate pools, so that slow creates do not delay reads.
  const connections = {
    GET: openConnections(origin, options.maxConcurrency),
    POST: openConnections(origin, options.maxCreates),
  }
  const breakers = createBreakers(options)
  const retryBudget = createRetryBudget()

  async function send<T>(call: UpstreamCall, request: UpstreamRequest<T>): Promise<T> {
    call.signal?.throwIfAborted()
    const { method, route } = request
    const breaker = breakers[route]
    const httpRequest = buildHttpRequest(basePath, request, call)
    const timeoutMs = method === 'GET' ? options.getTimeoutMs : options.postTimeoutMs
    const deadline = startDeadline(timeoutMs, call.signal)
    const onSent = () => {
      if (method === 'GET') return
      deadline.ignoreCaller()
      call.onSent?.()
    }
    const attempt = (number: number) =>
      runAttempt({
        call,
        request,
        deadline,
        breaker,
        number,
        sendHttp: () => connections[method].send(httpRequest, deadline, onSent),
        onAllowed: () => number === 1 && retryBudget.addRequest(),
        onCall: options.onCall,
      })
    try {
      if (method === 'POST') return await attempt(1)
      return await withRetries(attempt, {
        baseDelayMs: options.retryBaseDelayMs ?? DEFAULT_RETRY_BASE_DELAY_MS,
        deadlineMs: deadline.endsAtMs,
        signal: deadline.signal,
        // No retry unless the breaker is closed: otherwise the retry would be refused, or would be a
        // probe. No retry after a queue timeout: the retry would only wait in the same queue again.
        mayRetry: (failure) =>
          breaker.state === 'CLOSED' && !isQueueTimeout(failure) && retryBudget.spend(),
      })
    } catch (error) {
      throw deadline.isCallerGone() ? call.signal?.reason : error
    } finally {
      deadline.end()
    }
  }

  return {
    send,
    breakers: () =>
      Object.entries(breakers).map(([group, { state }]) => ({ group: group as Route, state })),
    close: async () => {
      await Promise.all(Object.values(connections).map((each) => each.close()))
    },
  }
}

/** Splits the URL of 0-0. The routes begin with `/v1`, so the base path must not end with it. */
function parseBaseUrl(url: string): { origin: string; basePath: string } {
  const { origin, pathname } = new URL(url)
  return { origin, basePath: pathname.replace(/\/+$/, '').replace(/\/v1$/, '') }
}

function createBreakers({ breaker }: UpstreamOptions): Record<Route, Breaker> {
  return {
    '/v1/asset-groups': createBreaker(breaker),
    '/v1/assets': createBreaker(breaker),
    '/v1/video/tasks': createBreaker(breaker),
    '/v1/models': createBreaker(breaker),
  }
}
