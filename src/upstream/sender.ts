import { type Breaker, type BreakerState, createBreaker, type Verdict } from './breaker.ts'
import type { UpstreamCall, UpstreamOptions } from './call.ts'
import { openConnections } from './connections.ts'
import { type Deadline, startDeadline } from './deadline.ts'
import { isOutage } from './error-classification.ts'
import { UpstreamError } from './errors.ts'
import { ExchangeError, type HttpResponse, type Method } from './exchange.ts'
import { buildRequest, type RequestOutline } from './request.ts'
import { parseResponse, unanswered, unreadable } from './response-parser.ts'
import { withRetries } from './retry.ts'
import { createRetryBudget } from './retry-budget.ts'
import type { Route } from './route.ts'

/** One request to 0-0: what is sent, and how its answer is read. */
export interface UpstreamRequest<T> extends RequestOutline {
  read: (json: unknown) => T
}

export interface Sender {
  /** Sends a read with retries, or a create once. Fails with an UpstreamError, or with the reason of the caller's signal. */
  send<T>(call: UpstreamCall, request: UpstreamRequest<T>): Promise<T>
  breakers(): { group: Route; state: BreakerState }[]
  /** Accepts no more calls, and resolves when those under way have ended. */
  close(): Promise<void>
}

/** Sends requests to 0-0 within their deadlines, circuit breakers and the retry budget. */
export function createSender(options: UpstreamOptions): Sender {
  const { origin, pathname } = new URL(options.url)
  const basePath = pathname.replace(/\/+$/, '').replace(/\/v1$/, '')
  const connections = {
    GET: openConnections(origin, options.maxConcurrency),
    POST: openConnections(origin, options.maxCreates),
  }
  const breakers = {
    '/v1/asset-groups': createBreaker(options.breaker),
    '/v1/assets': createBreaker(options.breaker),
    '/v1/video/tasks': createBreaker(options.breaker),
  } satisfies Record<Route, Breaker>
  const retryBudget = createRetryBudget()

  async function send<T>(call: UpstreamCall, request: UpstreamRequest<T>): Promise<T> {
    call.signal?.throwIfAborted()
    const { method, route } = request
    const breaker = breakers[route]
    const http = buildRequest(basePath, request, call)
    const deadline = startDeadline(
      method === 'GET' ? options.getTimeoutMs : options.postTimeoutMs,
      call.signal,
    )
    const onSent = () => {
      if (method === 'GET') return
      deadline.ignoreCaller()
      call.onSent?.()
    }
    const exchange = () => connections[method].exchange(http, deadline, onSent)
    const attempt = (number: number) => {
      const onEntered = () => number === 1 && retryBudget.addRequest()
      return sendOnce({ call, request, deadline, breaker, number, exchange, onEntered })
    }
    try {
      if (method === 'POST') return await attempt(1)
      return await withRetries(attempt, {
        baseDelayMs: options.retryBaseDelayMs ?? 200,
        deadlineMs: deadline.endsAtMs,
        signal: deadline.signal,
        // A breaker that is not closed lets one probe pass, and the failure of the probe is the answer. A call that got no
        // connection would only wait again.
        mayRetry: (failure) =>
          breaker.state === 'CLOSED' && !isQueueTimeout(failure) && retryBudget.spend(),
      })
    } catch (error) {
      throw deadline.isCallerGone() ? call.signal?.reason : error
    } finally {
      deadline.end()
    }
  }

  async function sendOnce<T>(attempt: Attempt<T>): Promise<T> {
    const { call, deadline, breaker, number, exchange, onEntered } = attempt
    const { method, route, read } = attempt.request
    const startedMs = performance.now()
    const report = (status: number | null, errorCode: string | null) => {
      const durationMs = performance.now() - startedMs
      const { requestId } = call
      options.onCall?.({ method, route, status, durationMs, requestId, attempt: number, errorCode })
    }
    const leave = breaker.enter()
    if (leave === null) {
      report(null, 'BREAKER_OPEN')
      throw breakerOpen(route, breaker)
    }
    onEntered()
    let status: number | null = null
    let errorCode: string | null = null
    try {
      const answer = await exchange()
      status = answer.status
      return read(parseResponse(method, route, withoutKey(answer, call.credential)))
    } catch (error) {
      const failure = toUpstreamError(method, error)
      errorCode = isQueueTimeout(failure) ? 'QUEUE_TIMEOUT' : failure.code
      if (deadline.isCallerGone()) errorCode = 'ABORTED'
      throw failure
    } finally {
      leave(verdictOn(status, errorCode))
      report(status, errorCode)
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

interface Attempt<T> {
  call: UpstreamCall
  request: UpstreamRequest<T>
  deadline: Deadline
  breaker: Breaker
  /** From 1; those beyond it are retries. */
  number: number
  exchange(): Promise<HttpResponse>
  /** Called when the breaker let the attempt pass. */
  onEntered(): void
}

function breakerOpen(route: Route, breaker: Breaker): UpstreamError {
  return new UpstreamError('UPSTREAM_UNAVAILABLE', {
    retryAfterMs: breaker.retryAfterMs(),
    cause: `the breaker of ${route} is open`,
  })
}

/** Removes the API key from a response body that echoes it: its words may reach callers who do not hold the key. */
function withoutKey(response: HttpResponse, credential: string): HttpResponse {
  return { ...response, body: response.body.replaceAll(credential, '[key]') }
}

/** What is neither a refusal nor an exchange without an answer is an answer that could not be read. */
function toUpstreamError(method: Method, error: unknown): UpstreamError {
  if (error instanceof UpstreamError) return error
  return error instanceof ExchangeError ? unanswered(method, error) : unreadable(method, error)
}

/** Whether the call waited for a connection of ours until its time was over. */
function isQueueTimeout({ cause }: UpstreamError): boolean {
  return cause instanceof ExchangeError && cause.stage === 'QUEUED'
}

/**
 * What an attempt tells of 0-0: silence, or an answer that it cannot work, is a failure; any other answer shows that it works.
 * Nothing is told by a caller who left, by a wait for a connection of ours, and by what is said about a key or a balance: the
 * edge says that whether or not anything behind it works, so a bad key neither opens nor closes a breaker.
 */
function verdictOn(status: number | null, errorCode: string | null): Verdict {
  if (status === null) {
    return errorCode === 'ABORTED' || errorCode === 'QUEUE_TIMEOUT' ? 'NOTHING' : 'FAILED'
  }
  if (isOutage(status)) return 'FAILED'
  return status >= 401 && status <= 403 ? 'NOTHING' : 'ANSWERED'
}
