import { type AnswerOrigin, originOf } from './answer-origin.ts'
import { type ErrorBody, isRecord, parseJson, readErrorBody } from './error-body.ts'
import { classify, classifyEnvelope } from './error-classification.ts'
import { type HttpRequestError, type HttpResponse, isSuccess, type Method } from './http-request.ts'
import { plainText } from './plain-text.ts'
import { parseRetryAfter } from './retry.ts'
import type { Route } from './route.ts'
import { UpstreamError, type UpstreamErrorCode } from './upstream-error.ts'

/**
 * Returns the JSON of a successful response: `data` of the envelope (upstream-api 2), or the whole
 * body for a video task (upstream-api 3) or for the list of models. Throws an UpstreamError for any other response.
 *
 * `entity` is what a response NOT_FOUND means, for its message.
 *
 * Checks the HTTP status before the body. When a poll fails, the gateway can rewrite the error of
 * the provider into a body with status `running`; then only the HTTP status shows the failure
 * (upstream-api 3.5).
 */
export function parseResponse(
  method: Method,
  route: Route,
  response: HttpResponse,
  entity?: string,
): unknown {
  const json = parseJson(response.body)
  if (!isSuccess(response.status)) throw httpError(method, route, response, json, entity)
  if (!isRecord(json)) throw invalidResponseError(method, 'the answer is not a JSON object')

  const { code } = json
  if (route === '/v1/video/tasks' || route === '/v1/models') {
    // These bodies have no envelope. But when the provider returns no task id, the gateway passes on the
    // envelope of the provider (upstream-api 3.3).
    if (typeof code === 'number' && code !== 200) throw envelopeError(method, route, json, entity)
    return json
  }
  if (!/^\d+$/.test(String(code))) {
    throw invalidResponseError(method, 'the answer is not an envelope')
  }
  if (Number(code) !== 200) throw envelopeError(method, route, json, entity)
  return json.data
}

/**
 * Returns the error for a 2xx response that cannot be read: UPSTREAM_PROTOCOL for a read. For a
 * create it is OUTCOME_UNKNOWN, because 0-0 may have carried it out.
 */
export function invalidResponseError(method: Method, cause: unknown): UpstreamError {
  return new UpstreamError(method === 'POST' ? 'OUTCOME_UNKNOWN' : 'UPSTREAM_PROTOCOL', { cause })
}

/**
 * Returns the error for a request without a response: UPSTREAM_UNAVAILABLE. For a create that was
 * sent, also in part, it is OUTCOME_UNKNOWN, because 0-0 may have carried it out.
 */
export function noResponseError(method: Method, cause: HttpRequestError): UpstreamError {
  const isUnknown = method === 'POST' && cause.stage === 'SENT'
  return new UpstreamError(isUnknown ? 'OUTCOME_UNKNOWN' : 'UPSTREAM_UNAVAILABLE', {
    reason: cause.stage === 'QUEUED' ? 'no connection to it was free' : null,
    cause,
  })
}

/** The error for a response whose status is not 2xx. */
function httpError(
  method: Method,
  route: Route,
  response: HttpResponse,
  json: unknown,
  entity: string | undefined,
): UpstreamError {
  const { status, headers } = response
  const body = readErrorBody(json)
  const origin = originOf(response, body)
  const { code, mayBeDone, retryAfterMs } = classify({ method, route, status, origin, body })
  const headerMs = parseRetryAfter(headers['retry-after'], Date.now())
  return new UpstreamError(code, {
    ...upstreamText(code, body),
    entity,
    ...(code === 'OUTCOME_UNKNOWN' && { reason: describeResponse(status, origin, body) }),
    upstreamCode: body.code,
    // A create with an unknown outcome must not be sent again, so it has no retry time.
    retryAfterMs: code === 'OUTCOME_UNKNOWN' ? null : (headerMs ?? retryAfterMs),
    mayBeDone,
    cause: `HTTP ${status}, written by: ${origin}`,
  })
}

/** The error for a 2xx response whose envelope has another `code` than 200 (upstream-api 5.5). */
function envelopeError(
  method: Method,
  route: Route,
  json: Record<string, unknown>,
  entity: string | undefined,
): UpstreamError {
  const body = readErrorBody(json)
  const code = classifyEnvelope(method, route, Number(json.code), body.text)
  return new UpstreamError(code, {
    ...upstreamText(code, body),
    entity,
    upstreamCode: body.code,
  })
}

/**
 * The codes whose message includes the text of 0-0, because it helps the caller. For the other codes
 * the text would confuse the caller or reveal something about other users.
 */
const EXPLAINED: ReadonlySet<UpstreamErrorCode> = new Set([
  'FORBIDDEN',
  'PAYMENT_REQUIRED',
  'UPSTREAM_REJECTED',
])

/**
 * Where the text of 0-0 goes. The text on a rate limit is often in Chinese and adds nothing to our
 * message, so it goes into `upstreamMessage`.
 */
function upstreamText(code: UpstreamErrorCode, { text }: ErrorBody) {
  if (code === 'RATE_LIMITED') return { upstreamMessage: text }
  return { reason: EXPLAINED.has(code) ? text : null }
}

/**
 * Describes the response to a create whose outcome is unknown, for the error message. The text of a
 * 5xx is included only when it is from a provider and has a code. Other texts can name hosts and
 * programs inside the gateway (upstream-api 10.4).
 */
function describeResponse(status: number, origin: AnswerOrigin, body: ErrorBody): string {
  const text =
    status < 500 || (body.isFromProvider && body.code !== null) ? plainText(body.text) : null
  const summary = `${origin === 'PROVIDER' ? 'a provider' : '0-0'} answered HTTP ${status}`
  return text === null ? summary : `${summary}: ${text}`
}
