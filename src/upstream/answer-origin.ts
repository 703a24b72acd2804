import type { ErrorBody } from './error-body.ts'
import type { HttpResponse } from './http-request.ts'

/**
 * Which layer of 0-0 wrote an error response. EDGE and GATEWAY prove that no provider received the
 * request. PROVIDER does not, and neither does UNKNOWN, for example an HTML page (upstream-api 10.1).
 */
export type AnswerOrigin = 'EDGE' | 'GATEWAY' | 'PROVIDER' | 'UNKNOWN'

/** Error texts of the edge by HTTP status, sent as `{"detail": text}` (upstream-api 5.1). */
const EDGE_TEXTS = new Map<number, RegExp>([
  [401, /^(missing api key|invalid api key|unauthorized)$/i],
  [402, /^insufficient balance$/i],
  [403, /^(banned|api_key_spend_limit_exceeded|model disabled)$/i],
  [429, /^上游已达到最大限制$/],
  [503, /^no channel configured$/i],
])

/** Error texts by HTTP status that the gateway sends without asking a provider (upstream-api 5.2, 5.3, 10.1). */
const GATEWAY_TEXTS = new Map<number, RegExp>([
  [403, /^(invalid or missing api key|not authenticated|task belongs to .*)$/i],
  [
    429,
    /^(too many requests|balance is insufficient.*|all matching provider routes are cooling down)$/i,
  ],
])

/**
 * Returns which layer wrote an error response. A known text counts only with the HTTP status listed
 * for it, and only when it is the only content of the body.
 */
export function originOf({ status, headers }: HttpResponse, body: ErrorBody): AnswerOrigin {
  const { text, place, type, isFromProvider } = body
  if (isFromProvider || headers['x-uni-api-status-origin'] === 'provider_http') return 'PROVIDER'
  if (place === 'detail') return EDGE_TEXTS.get(status)?.test(text) ? 'EDGE' : 'UNKNOWN'
  if (place !== null && GATEWAY_TEXTS.get(status)?.test(text)) return 'GATEWAY'
  // The gateway is overloaded (upstream-api 5.2).
  return status === 503 && type === 'local_overload' ? 'GATEWAY' : 'UNKNOWN'
}
