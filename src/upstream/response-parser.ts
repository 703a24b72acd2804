import { type AnswerOrigin, originOf } from './answer-origin.ts'
import { type ErrorBody, isRecord, parseJson, readErrorBody } from './error-body.ts'
import { classify, classifyEnvelope } from './error-classification.ts'
import { UpstreamError, type UpstreamErrorCode } from './errors.ts'
import { type ExchangeError, type HttpResponse, isSuccess, type Method } from './exchange.ts'
import { plainText } from './plain-text.ts'
import { parseRetryAfter } from './retry.ts'
import type { Route } from './route.ts'

/**
 * The JSON a successful answer carries (the `data` of an envelope, or a task as it is); any other answer throws an
 * UpstreamError.
 *
 * The HTTP status is judged before the body: while polling, 0-0 rewrites some providers' errors into a body that says
 * `running`, and only the status still tells.
 */
export function parseResponse(method: Method, route: Route, response: HttpResponse): unknown {
  const json = parseJson(response.body)
  if (!isSuccess(response.status)) throw httpError(method, route, response, json)
  if (!isRecord(json)) throw unreadable(method, 'the answer is not a JSON object')

  const { code } = json
  if (route === '/v1/video/tasks') {
    // A task is a bare object; where a provider gave no task id, its own envelope comes through instead.
    if (typeof code === 'number' && code !== 200) throw envelopeError(method, route, json)
    return json
  }
  if (!/^\d+$/.test(String(code))) throw unreadable(method, 'the answer is not an envelope')
  if (Number(code) !== 200) throw envelopeError(method, route, json)
  return json.data
}

/** The error for an answer that claims success and cannot be read: a create may have happened all the same. */
export function unreadable(method: Method, cause: unknown): UpstreamError {
  return new UpstreamError(method === 'POST' ? 'OUTCOME_UNKNOWN' : 'UPSTREAM_PROTOCOL', { cause })
}

/** The error for an exchange without an answer: a create may have happened as soon as anything was sent. */
export function unanswered(method: Method, cause: ExchangeError): UpstreamError {
  const isUnknown = method === 'POST' && cause.stage === 'SENT'
  return new UpstreamError(isUnknown ? 'OUTCOME_UNKNOWN' : 'UPSTREAM_UNAVAILABLE', {
    reason: cause.stage === 'QUEUED' ? 'no connection to it was free' : null,
    cause,
  })
}

/** The error for an answer whose status is not 2xx. */
function httpError(
  method: Method,
  route: Route,
  response: HttpResponse,
  json: unknown,
): UpstreamError {
  const { status, headers } = response
  const body = readErrorBody(json)
  const origin = originOf(response, body)
  const { code, mayBeDone, retryAfterMs } = classify({ method, route, status, origin, body })
  const asked = parseRetryAfter(headers['retry-after'], Date.now())
  return new UpstreamError(code, {
    ...wordsFor(code, body),
    ...(code === 'OUTCOME_UNKNOWN' && { reason: describe(status, origin, body) }),
    upstreamCode: body.code,
    // What is never to be sent again needs no time at which to do so.
    retryAfterMs: code === 'OUTCOME_UNKNOWN' ? null : (asked ?? retryAfterMs),
    mayBeDone,
    cause: `HTTP ${status}, written by: ${origin}`,
  })
}

/** The error for HTTP 200 with an envelope that says no. */
function envelopeError(method: Method, route: Route, json: Record<string, unknown>): UpstreamError {
  const body = readErrorBody(json)
  const code = classifyEnvelope(method, route, Number(json.code), body.text)
  return new UpstreamError(code, { ...wordsFor(code, body), upstreamCode: body.code })
}

/** Those whose reason helps the caller; elsewhere upstream's words would only confuse, or tell of what belongs to others. */
const EXPLAINED: ReadonlySet<UpstreamErrorCode> = new Set([
  'FORBIDDEN',
  'PAYMENT_REQUIRED',
  'UPSTREAM_REJECTED',
])

/** Where 0-0's words go. Those on a rate limit are often in Chinese and add nothing to ours, so they are kept apart. */
function wordsFor(code: UpstreamErrorCode, { text }: ErrorBody) {
  if (code === 'RATE_LIMITED') return { upstreamMessage: text }
  return { reason: EXPLAINED.has(code) ? text : null }
}

/**
 * What was answered to a create whose outcome is unknown, for its message. On a 5xx the words go along only when they are a
 * provider's and have a code: others may name hosts and programs inside the gateway (upstream-api 10.4).
 */
function describe(status: number, origin: AnswerOrigin, body: ErrorBody): string {
  const words =
    status < 500 || (body.isFromProvider && body.code !== null) ? plainText(body.text) : null
  const answer = `${origin === 'PROVIDER' ? 'a provider' : '0-0'} answered HTTP ${status}`
  return words === null ? answer : `${answer}: ${words}`
}
