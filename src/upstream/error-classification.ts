import type { AnswerOrigin } from './answer-origin.ts'
import type { ErrorBody } from './error-body.ts'
import type { Method } from './http-request.ts'
import type { Route } from './route.ts'
import type { UpstreamErrorCode } from './upstream-error.ts'

/** An error response and the request it belongs to. */
interface ErrorResponse {
  method: Method
  route: Route
  /** Not 2xx. */
  status: number
  origin: AnswerOrigin
  body: ErrorBody
}

/** What an error response means for the caller. */
interface Classification {
  code: UpstreamErrorCode
  /** See UpstreamError.mayBeDone. */
  mayBeDone: boolean
  /** How long to wait when the response has no Retry-After. Null when this is unknown. */
  retryAfterMs: number | null
}

/**
 * How long the Rust gateway blocks a model, for all keys, after a provider has answered 403 or 404
 * three times. The gateway's own retries count, so a single request can block it again
 * (upstream-api 10.3).
 */
const MODEL_BLOCKED_MS = 300_000

/* Parts of the texts of the edge and the gateway. `originOf` has already recognised the whole texts. */
const FOREIGN_TASK = /belongs to/i
const BAD_KEY = /api key|not authenticated/i
const NO_BALANCE = /balance/i
const COOLING_DOWN = /cooling down/i

/**
 * Classifies an error response by the classes of upstream-api 5.7. Where the
 * status is not enough, the layer that wrote the response decides (upstream-api 10.1).
 */
export function classify(response: ErrorResponse): Classification {
  const { method, status, origin, body } = response
  if (origin === 'EDGE' || origin === 'GATEWAY') return classifyBeforeProvider(status, body.text)
  if (status < 400) return classifyRedirect(method, status)
  if (status === 402 && origin === 'UNKNOWN') return notDone('PAYMENT_REQUIRED')
  if (isInconclusive(status)) return classifyInconclusive(response)
  return notDone(classifyRefusal(response))
}

/** An error that the edge or the gateway wrote itself: no provider received the request. */
function classifyBeforeProvider(status: number, text: string): Classification {
  switch (status) {
    case 401:
      return notDone('UNAUTHENTICATED')
    case 402:
      return notDone('PAYMENT_REQUIRED')
    case 403:
      if (FOREIGN_TASK.test(text)) return notDone('NOT_FOUND')
      return notDone(BAD_KEY.test(text) ? 'UNAUTHENTICATED' : 'FORBIDDEN')
    case 429:
      if (COOLING_DOWN.test(text)) return notDone('UPSTREAM_UNAVAILABLE', MODEL_BLOCKED_MS)
      return notDone(NO_BALANCE.test(text) ? 'PAYMENT_REQUIRED' : 'RATE_LIMITED')
    default:
      return notDone('UPSTREAM_UNAVAILABLE')
  }
}

/**
 * Whether a status leaves the outcome of a create unknown. The gateway retries a request after such a
 * status. So the response may belong to a retry, while the first attempt was carried out
 * (upstream-api 5.4 and 10.1).
 */
function isInconclusive(status: number): boolean {
  return [401, 402, 403, 409, 425, 429].includes(status) || isOutage(status)
}

/** A duplicate group or asset is free, so that create may be sent again. A duplicate video costs money. */
function classifyInconclusive({ method, route, status }: ErrorResponse): Classification {
  const mayBeDone = method === 'POST'
  const isPaid = mayBeDone && route === '/v1/video/tasks'
  if (status === 429 && !isPaid) return { code: 'RATE_LIMITED', mayBeDone, retryAfterMs: null }
  if ((status === 409 || status === 425) && !isPaid) {
    return { code: 'UPSTREAM_REJECTED', mayBeDone, retryAfterMs: null }
  }
  if (mayBeDone) return { code: 'OUTCOME_UNKNOWN', mayBeDone, retryAfterMs: null }
  // The provider refuses the gateway's own credentials. That lasts for minutes, and each refusal
  // counts towards blocking the model.
  return notDone('UPSTREAM_UNAVAILABLE', isOutage(status) ? null : MODEL_BLOCKED_MS)
}

/** Whether a status reports a failure of 0-0 and not a fault of the request: 5xx, 408 and 499 (upstream-api 5.7). */
export function isOutage(status: number): boolean {
  return status >= 500 || status === 408 || status === 499
}

/**
 * Redirects are not followed. 307 and 308 mean that the request was not carried out, because they ask
 * to repeat it at another URL (RFC 9110, 15.4.8 and 15.4.9). After any other status below 400, a POST
 * may have been carried out.
 */
function classifyRedirect(method: Method, status: number): Classification {
  if (method === 'GET' || status === 307 || status === 308) return notDone('UPSTREAM_PROTOCOL')
  return { code: 'OUTCOME_UNKNOWN', mayBeDone: true, retryAfterMs: null }
}

const MISSING = /\bNotFound\.\w/
/** A 404 with this text means that the model has no provider now. It does not mean that the entity is missing. */
const NO_PROVIDER = /no matching model found|no available providers?\b/i
const NO_ROUTE = /^(not found)?$/i
/** The Rust gateway's text for an unknown task (upstream-api 5.3 and 10.4). */
const UNKNOWN_TASK = /^no available providers at the moment: video$/i

/** The code for a definite refusal: every attempt of the gateway gets the same response, so nothing was done. */
function classifyRefusal({ method, route, status, body }: ErrorResponse): UpstreamErrorCode {
  const { text, place } = body
  if (MISSING.test(text)) return 'NOT_FOUND'
  if (status !== 404) return 'UPSTREAM_REJECTED'
  if (method === 'GET' && route === '/v1/video/tasks' && place === 'error.message') {
    if (UNKNOWN_TASK.test(text)) return 'NOT_FOUND'
  }
  if (NO_PROVIDER.test(text)) return 'UPSTREAM_REJECTED'
  // A bare "Not Found" can mean a missing route. For a create it does, because a create has no id in
  // its path.
  return method === 'POST' && NO_ROUTE.test(text) ? 'UPSTREAM_REJECTED' : 'NOT_FOUND'
}

/**
 * Returns the code for a 2xx response whose envelope has another `code` than 200 (upstream-api 5.5).
 * The gateway treats it as a success and does not retry, so it is a refusal. RATE_LIMITED lets the
 * caller send the request again. It is not used for a video task, because an earlier attempt of the
 * gateway may have been carried out, as with HTTP 429, and a duplicate costs money.
 */
export function classifyEnvelope(
  method: Method,
  route: Route,
  code: number,
  text: string,
): UpstreamErrorCode {
  if (code === 404 || MISSING.test(text)) return 'NOT_FOUND'
  const isRateLimit = code === 429 || /^RateLimit/i.test(text)
  const isPaid = method === 'POST' && route === '/v1/video/tasks'
  return isRateLimit && !isPaid ? 'RATE_LIMITED' : 'UPSTREAM_REJECTED'
}

/** The classification of a response that proves that nothing was done. */
function notDone(code: UpstreamErrorCode, retryAfterMs: number | null = null): Classification {
  return { code, mayBeDone: false, retryAfterMs }
}
