import type { ErrorBody } from './error-body.ts'
import type { HttpResponse } from './http-request.ts'

/**
 * Who wrote an error answer. Only what the EDGE or the GATEWAY wrote itself proves that no provider was asked; UNKNOWN, such
 * as a page of HTML, proves as little as PROVIDER (upstream-api 10.1).
 */
export type AnswerOrigin = 'EDGE' | 'GATEWAY' | 'PROVIDER' | 'UNKNOWN'

/** By status, what the edge says as `{"detail": text}` before it asks the gateway (upstream-api 5.1). */
const EDGE_TEXTS = new Map<number, RegExp>([
  [401, /^(missing api key|invalid api key|unauthorized)$/i],
  [402, /^insufficient balance$/i],
  [403, /^(banned|api_key_spend_limit_exceeded|model disabled)$/i],
  [429, /^上游已达到最大限制$/],
  [503, /^no channel configured$/i],
])

/** By status, what either runtime of the gateway says before it asks a provider (upstream-api 5.2, 5.3 and 10.1). */
const GATEWAY_TEXTS = new Map<number, RegExp>([
  [403, /^(invalid or missing api key|not authenticated|task belongs to .*)$/i],
  [
    429,
    /^(too many requests|balance is insufficient.*|all matching provider routes are cooling down)$/i,
  ],
])

/** Who wrote the answer. A known text counts only with its own status, and only when the body holds nothing else. */
export function originOf({ status, headers }: HttpResponse, body: ErrorBody): AnswerOrigin {
  const { text, place, type, isFromProvider } = body
  if (isFromProvider || headers['x-uni-api-status-origin'] === 'provider_http') return 'PROVIDER'
  if (place === 'detail') return EDGE_TEXTS.get(status)?.test(text) ? 'EDGE' : 'UNKNOWN'
  if (place !== null && GATEWAY_TEXTS.get(status)?.test(text)) return 'GATEWAY'
  // The gateway has no room for the request.
  return status === 503 && type === 'local_overload' ? 'GATEWAY' : 'UNKNOWN'
}
