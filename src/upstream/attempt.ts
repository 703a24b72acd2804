import type { AttemptOutcome, Breaker } from './breaker.ts'
import type { UpstreamCall, UpstreamOptions } from './call.ts'
import type { Deadline } from './deadline.ts'
import { isOutage } from './error-classification.ts'
import { HttpRequestError, type HttpResponse, type Method } from './http-request.ts'
import { invalidResponseError, noResponseError, parseResponse } from './response-parser.ts'
import type { Route } from './route.ts'
import { UpstreamError } from './upstream-error.ts'
import type { UpstreamRequest } from './upstream-request.ts'

/** One attempt at an UpstreamRequest, and what it needs. */
interface Attempt<T> {
  call: UpstreamCall
  request: UpstreamRequest<T>
  /** The deadline of the whole request. All attempts share it. */
  deadline: Deadline
  breaker: Breaker
  /** 1 for the first attempt. Higher numbers are retries. */
  number: number
  /** Sends the HTTP request. Rejects with an HttpRequestError. */
  sendHttp(): Promise<HttpResponse>
  /** Called when the breaker allows the attempt, before anything is sent. */
  onAllowed(): void
  /** Called when the attempt has ended, for logs and metrics. */
  onCall: UpstreamOptions['onCall']
}

/**
 * Runs one attempt: asks the breaker, sends the request, reads the response, and reports the result
 * to the breaker and to `onCall`. Every failure is an UpstreamError.
 */
export async function runAttempt<T>(attempt: Attempt<T>): Promise<T> {
  const { call, request, deadline, breaker } = attempt
  const { method, route, entity, read } = request
  const startedMs = performance.now()
  const report = (status: number | null, errorCode: string | null) =>
    attempt.onCall?.({
      method,
      route,
      status,
      durationMs: performance.now() - startedMs,
      requestId: call.requestId,
      attempt: attempt.number,
      errorCode,
    })

  const leave = breaker.enter()
  if (leave === null) {
    report(null, 'BREAKER_OPEN')
    throw breakerOpenError(route, breaker)
  }
  attempt.onAllowed()
  let status: number | null = null
  let errorCode: string | null = null
  try {
    const response = await attempt.sendHttp()
    status = response.status
    return read(parseResponse(method, route, withoutKey(response, call.credential), entity))
  } catch (error) {
    const failure = toUpstreamError(method, error)
    errorCode = isQueueTimeout(failure) ? 'QUEUE_TIMEOUT' : failure.code
    if (deadline.isCallerGone()) errorCode = 'ABORTED'
    throw failure
  } finally {
    leave(outcomeOf(status, errorCode))
    report(status, errorCode)
  }
}

/** Whether an attempt failed because no connection of ours became free in time. */
export function isQueueTimeout({ cause }: UpstreamError): boolean {
  return cause instanceof HttpRequestError && cause.stage === 'QUEUED'
}

function breakerOpenError(route: Route, breaker: Breaker): UpstreamError {
  return new UpstreamError('UPSTREAM_UNAVAILABLE', {
    retryAfterMs: breaker.retryAfterMs(),
    cause: `the breaker of ${route} is open`,
  })
}

/**
 * Removes the API key from a response body that echoes it. Texts of the body can reach callers who
 * do not have the key.
 */
function withoutKey(response: HttpResponse, credential: string): HttpResponse {
  return { ...response, body: response.body.replaceAll(credential, '[key]') }
}

/** Any error that is neither from the parser nor from sending means that the response is invalid. */
function toUpstreamError(method: Method, error: unknown): UpstreamError {
  if (error instanceof UpstreamError) return error
  return error instanceof HttpRequestError
    ? noResponseError(method, error)
    : invalidResponseError(method, error)
}

/**
 * The outcome for the breaker. No response, or a status that reports an outage, is a failure. Any
 * other response shows that 0-0 works.
 *
 * Some outcomes are ignored because they say nothing about 0-0: the caller left, no connection of
 * ours was free, or the status is 401, 402 or 403. The edge checks the key and the balance before it
 * asks the services behind it, so a bad key must neither open nor close a breaker.
 */
function outcomeOf(status: number | null, errorCode: string | null): AttemptOutcome {
  if (status === null) {
    return errorCode === 'ABORTED' || errorCode === 'QUEUE_TIMEOUT' ? 'IGNORED' : 'FAILURE'
  }
  if (isOutage(status)) return 'FAILURE'
  return status >= 401 && status <= 403 ? 'IGNORED' : 'SUCCESS'
}
