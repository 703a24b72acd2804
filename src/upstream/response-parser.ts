import { UpstreamError, type UpstreamErrorCode } from './errors.ts'
import { type ExchangeError, type HttpResponse, isSuccess, type Method } from './exchange.ts'
import { parseRetryAfter } from './retry.ts'

export type Route = '/v1/asset-groups' | '/v1/assets' | '/v1/video/tasks'

/**
 * The JSON a successful answer carries (the `data` of an envelope, or a task as it is); any other answer throws an
 * UpstreamError.
 *
 * The HTTP status is judged before the body: while polling, 0-0 rewrites some providers' errors into a body that says
 * `running`, and only the status still tells.
 */
export function parseResponse(method: Method, route: Route, response: HttpResponse): unknown {
  const json = parseJson(response.body)
  if (!isSuccess(response.status)) throw refusal(method, response, json)
  if (!isRecord(json)) throw unreadable(method, 'the answer is not a JSON object')

  const { code } = json
  if (route === '/v1/video/tasks') {
    // A task is a bare object; where a provider gave no task id, its own envelope comes through instead.
    if (typeof code === 'number' && code !== 200) throw providerRefusal(json)
    return json
  }
  if (!/^\d+$/.test(String(code))) throw unreadable(method, 'the answer is not an envelope')
  if (Number(code) !== 200) throw providerRefusal(json)
  return json.data
}

/** The error for an answer that claims success and cannot be read: a create may have happened all the same. */
export function unreadable(method: Method, cause: unknown): UpstreamError {
  return new UpstreamError(method === 'POST' ? 'OUTCOME_UNKNOWN' : 'UPSTREAM_PROTOCOL', { cause })
}

/** The error for an exchange without an answer: a create may have happened as soon as anything was sent. */
export function unanswered(method: Method, cause: ExchangeError): UpstreamError {
  const isUnknown = method === 'POST' && cause.sent
  return new UpstreamError(isUnknown ? 'OUTCOME_UNKNOWN' : 'UPSTREAM_UNAVAILABLE', { cause })
}

/** Those whose reason helps the caller; elsewhere upstream's words would only confuse, or tell of what belongs to others. */
const EXPLAINED: ReadonlySet<UpstreamErrorCode> = new Set([
  'FORBIDDEN',
  'PAYMENT_REQUIRED',
  'RATE_LIMITED',
  'UPSTREAM_REJECTED',
])

function refusal(method: Method, { status, headers }: HttpResponse, json: unknown): UpstreamError {
  const reason = readReason(json)
  const code = classify(method, status, reason ?? '', json)
  return new UpstreamError(code, {
    reason: EXPLAINED.has(code) ? reason : null,
    upstreamCode: readUpstreamCode(json, reason ?? ''),
    retryAfterMs: parseRetryAfter(headers['retry-after'], Date.now()),
    cause: `HTTP ${status}`,
  })
}

/** HTTP 200 with an envelope that says no (upstream-api 5.5). */
function providerRefusal(json: Record<string, unknown>): UpstreamError {
  const reason = readReason(json)
  const code = classifyEnvelope(Number(json.code), reason ?? '')
  return new UpstreamError(code, {
    reason: EXPLAINED.has(code) ? reason : null,
    upstreamCode: readUpstreamCode(json, reason ?? ''),
  })
}

function classifyEnvelope(code: number, reason: string): UpstreamErrorCode {
  if (code === 404 || MISSING.test(reason)) return 'NOT_FOUND'
  if (code === 429 || /^RateLimit/i.test(reason)) return 'RATE_LIMITED'
  return 'UPSTREAM_REJECTED'
}

const MISSING = /\bNotFound\.\w/
const BAD_KEY = /not authenticated|unauthorized|\b(invalid|missing)\b.*\bkey\b/i
const FOREIGN_TASK = /belongs to a different api key/i
const NO_BALANCE = /balance|余额/i
/** 404 also says that a model has no provider at present, which tells nothing about the resource asked for. */
const NO_PROVIDER = /no matching model found|no available providers?\b/i
const NO_ROUTE = /^(not found)?$/i

/** The classes of upstream-api 5.7, with the exceptions its other sections name. */
function classify(
  method: Method,
  status: number,
  reason: string,
  json: unknown,
): UpstreamErrorCode {
  switch (status) {
    case 401:
      return 'UNAUTHENTICATED'
    case 402:
      return 'PAYMENT_REQUIRED'
    case 403:
      if (FOREIGN_TASK.test(reason)) return 'NOT_FOUND'
      return BAD_KEY.test(reason) ? 'UNAUTHENTICATED' : 'FORBIDDEN'
    case 429:
      return NO_BALANCE.test(reason) ? 'PAYMENT_REQUIRED' : 'RATE_LIMITED'
  }
  if (status < 400) return classifyRedirect(method, status)
  if (isOutage(status)) {
    const mayBeDone = method === 'POST' && !isTurnedAway(status, json)
    return mayBeDone ? 'OUTCOME_UNKNOWN' : 'UPSTREAM_UNAVAILABLE'
  }
  if (MISSING.test(reason)) return 'NOT_FOUND'
  if (status !== 404 || NO_PROVIDER.test(reason)) return 'UPSTREAM_REJECTED'
  // Nothing but "Not Found" is what a missing route says too; a create names no resource that could be meant.
  return method === 'POST' && NO_ROUTE.test(reason) ? 'UPSTREAM_REJECTED' : 'NOT_FOUND'
}

/** Whether a status tells that 0-0 could not do its work, rather than what it thinks of the request. */
export function isOutage(status: number): boolean {
  return status >= 500 || status === 408 || status === 499
}

/**
 * A redirect is never followed. 307 and 308 ask for the same request elsewhere (RFC 9110, 15.4.8 and 15.4.9), so it was not
 * carried out; after the others a POST may have been.
 */
function classifyRedirect(method: Method, status: number): UpstreamErrorCode {
  const isHarmless = method === 'GET' || status === 307 || status === 308
  return isHarmless ? 'UPSTREAM_PROTOCOL' : 'OUTCOME_UNKNOWN'
}

/** The one 5xx that comes before any work: the gateway has no room for the request (upstream-api 5.2). */
function isTurnedAway(status: number, json: unknown): boolean {
  if (status !== 503 || !isRecord(json)) return false
  return isRecord(json.error) && json.error.type === 'local_overload'
}

/** The beginning of an error's words: long enough to show and to classify, too short to be a burden. */
function readReason(json: unknown): string | null {
  return findReason(json)?.slice(0, 2000) ?? null
}

/** The words of an error body, whichever of the layers behind the URL wrote it, in the order of upstream-api 5. */
function findReason(json: unknown): string | null {
  if (!isRecord(json)) return null
  const { detail, message, error, msg } = json
  if (typeof detail === 'string') return detail
  if (Array.isArray(detail)) return detail.map(describeInvalid).filter(Boolean).join('; ')
  if (typeof message === 'string') return message
  if (typeof error === 'string') return error
  if (isRecord(error) && typeof error.message === 'string') return error.message
  return typeof msg === 'string' ? msg : null
}

/** One entry of a 422: where and what, without the input, which may be long. */
function describeInvalid(item: unknown): string {
  if (!isRecord(item) || typeof item.msg !== 'string') return ''
  const where = Array.isArray(item.loc) ? item.loc.filter((step) => typeof step === 'string') : []
  return where.length === 0 ? item.msg : `${where.join('.')}: ${item.msg}`
}

const NAMED_CODE =
  /\b(?:(?:NotFound|InvalidParameter|MissingParameter|AccessDenied|RateLimit\w*)(?:\.\w+)*|\w+SensitiveContentDetected(?:\.\w+)?)/

function readUpstreamCode(json: unknown, reason: string): string | null {
  const named = NAMED_CODE.exec(reason)
  if (named !== null) return named[0].slice(0, 100)
  if (!isRecord(json)) return null
  const code = json.code ?? (isRecord(json.error) ? json.error.code : null)
  return typeof code === 'number' || (typeof code === 'string' && /^[\w.-]{1,100}$/.test(code))
    ? String(code)
    : null
}

/** Undefined for what is not JSON. Depth does no harm: the parser does not recurse, and nothing here walks the result. */
function parseJson(body: string): unknown {
  try {
    return JSON.parse(body)
  } catch {
    return undefined
  }
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
