import type { AnswerOrigin } from './answer-origin.ts'
import type { ErrorBody } from './error-body.ts'
import type { UpstreamErrorCode } from './errors.ts'
import type { Method } from './http-request.ts'
import type { Route } from './route.ts'

/** An error answer, and the request that it came for. */
export interface ErrorAnswer {
  method: Method
  route: Route
  status: number
  origin: AnswerOrigin
  body: ErrorBody
}

export interface Classification {
  code: UpstreamErrorCode
  /** As in UpstreamError. */
  mayBeDone: boolean
  /** How long to wait when the answer does not say; null when there is no telling. */
  retryAfterMs: number | null
}

/**
 * How long the gateway in Rust keeps a model closed, for every key, once a provider has answered 403 or 404 three times. Its
 * own repeats count, so one more call is enough to close it again (upstream-api 10.3).
 */
const CLOSED_MODEL_MS = 300_000

/* What tells the texts of the edge and the gateway apart, which `originOf` has recognised already. */
const FOREIGN_TASK = /belongs to/i
const BAD_KEY = /api key|not authenticated/i
const NO_BALANCE = /balance/i
const COOLING_DOWN = /cooling down/i

/** The classes of upstream-api 5.7, decided by who wrote the answer where 10.1 asks for it. `status` is not 2xx. */
export function classify(answer: ErrorAnswer): Classification {
  const { method, status, origin, body } = answer
  if (origin === 'EDGE' || origin === 'GATEWAY') return classifyOwn(status, body.text)
  if (status < 400) return classifyRedirect(method, status)
  if (status === 402 && origin === 'UNKNOWN') return notDone('PAYMENT_REQUIRED')
  if (isInconclusive(status)) return classifyInconclusive(answer)
  return notDone(classifyRefusal(answer))
}

/** What the edge and the gateway say themselves: no provider was asked. */
function classifyOwn(status: number, text: string): Classification {
  switch (status) {
    case 401:
      return notDone('UNAUTHENTICATED')
    case 402:
      return notDone('PAYMENT_REQUIRED')
    case 403:
      if (FOREIGN_TASK.test(text)) return notDone('NOT_FOUND')
      return notDone(BAD_KEY.test(text) ? 'UNAUTHENTICATED' : 'FORBIDDEN')
    case 429:
      if (COOLING_DOWN.test(text)) return notDone('UPSTREAM_UNAVAILABLE', CLOSED_MODEL_MS)
      return notDone(NO_BALANCE.test(text) ? 'PAYMENT_REQUIRED' : 'RATE_LIMITED')
    default:
      return notDone('UPSTREAM_UNAVAILABLE')
  }
}

/**
 * Whether a status proves nothing about a create: the gateway repeats the request after it, so it may be the answer to a
 * repeat of one that was carried out (upstream-api 5.4 and 10.1).
 */
function isInconclusive(status: number): boolean {
  return [401, 402, 403, 409, 425, 429].includes(status) || isOutage(status)
}

/** A second group or asset costs nothing, so creating one may be tried again. A second video is paid for. */
function classifyInconclusive({ method, route, status }: ErrorAnswer): Classification {
  const mayBeDone = method === 'POST'
  const isPaid = mayBeDone && route === '/v1/video/tasks'
  if (status === 429 && !isPaid) return { code: 'RATE_LIMITED', mayBeDone, retryAfterMs: null }
  if ((status === 409 || status === 425) && !isPaid) {
    return { code: 'UPSTREAM_REJECTED', mayBeDone, retryAfterMs: null }
  }
  if (mayBeDone) return { code: 'OUTCOME_UNKNOWN', mayBeDone, retryAfterMs: null }
  // A provider that refuses the gateway's own credentials will do so for minutes, and each refusal helps to close the model.
  return notDone('UPSTREAM_UNAVAILABLE', isOutage(status) ? null : CLOSED_MODEL_MS)
}

/** Whether a status tells that 0-0 could not do its work, rather than what it thinks of the request. */
export function isOutage(status: number): boolean {
  return status >= 500 || status === 408 || status === 499
}

/**
 * A redirect is never followed. 307 and 308 ask for the same request elsewhere (RFC 9110, 15.4.8 and 15.4.9), so it was not
 * carried out; after the others a POST may have been.
 */
function classifyRedirect(method: Method, status: number): Classification {
  if (method === 'GET' || status === 307 || status === 308) return notDone('UPSTREAM_PROTOCOL')
  return { code: 'OUTCOME_UNKNOWN', mayBeDone: true, retryAfterMs: null }
}

const MISSING = /\bNotFound\.\w/
/** 404 also says that a model has no provider at present, which tells nothing about the resource asked for. */
const NO_PROVIDER = /no matching model found|no available providers?\b/i
const NO_ROUTE = /^(not found)?$/i
/** What the gateway in Rust says of a task that it does not remember (upstream-api 5.3 and 10.4). */
const UNKNOWN_TASK = /^no available providers at the moment: video$/i

/** What any attempt would have met: it is refused, and nothing was done. */
function classifyRefusal({ method, route, status, body }: ErrorAnswer): UpstreamErrorCode {
  const { text, place } = body
  if (MISSING.test(text)) return 'NOT_FOUND'
  if (status !== 404) return 'UPSTREAM_REJECTED'
  if (method === 'GET' && route === '/v1/video/tasks' && place === 'error.message') {
    if (UNKNOWN_TASK.test(text)) return 'NOT_FOUND'
  }
  if (NO_PROVIDER.test(text)) return 'UPSTREAM_REJECTED'
  // Nothing but "Not Found" is what a missing route says too; a create names no resource that could be meant.
  return method === 'POST' && NO_ROUTE.test(text) ? 'UPSTREAM_REJECTED' : 'NOT_FOUND'
}

/**
 * HTTP 200 with an envelope that says no (upstream-api 5.5). The gateway takes it for success, so it ends its repeats: a
 * refusal, whatever its code. A rate limit is one to wait for, except where another try might be a second video: an earlier
 * attempt may have been carried out, as with HTTP 429.
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

/** The class of an answer after which nothing was done. */
function notDone(code: UpstreamErrorCode, retryAfterMs: number | null = null): Classification {
  return { code, mayBeDone: false, retryAfterMs }
}
