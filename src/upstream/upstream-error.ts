import { FAILURE_CODES } from '../model/error-codes.ts'
import { DEFAULT_RETRY_AFTER_SECONDS, type Failure, RequestError } from '../model/failure.ts'
import { plainText } from './plain-text.ts'

/** Why a request to 0-0 failed (upstream-api 5.7). */
export type UpstreamErrorCode =
  /** 0-0 does not accept the API key. */
  | 'UNAUTHENTICATED'
  /** The API key is valid, but does not allow this request. */
  | 'FORBIDDEN'
  /** The balance at 0-0 is not sufficient. */
  | 'PAYMENT_REQUIRED'
  /** 0-0 does not know the entity. */
  | 'NOT_FOUND'
  /** 0-0 or a provider refused the request. The same request would be refused again. */
  | 'UPSTREAM_REJECTED'
  /** 0-0 or a provider asks for fewer requests. */
  | 'RATE_LIMITED'
  /** Nothing was done. The same request may succeed later. */
  | 'UPSTREAM_UNAVAILABLE'
  /** The response cannot be understood. Nothing was done. */
  | 'UPSTREAM_PROTOCOL'
  /** A create was sent, and it is not known whether 0-0 carried it out. */
  | 'OUTCOME_UNKNOWN'

const MESSAGES: Record<UpstreamErrorCode, string> = {
  UNAUTHENTICATED: '0-0 does not accept this API key',
  FORBIDDEN: '0-0 does not allow this with this API key',
  PAYMENT_REQUIRED: 'The balance at 0-0 does not suffice',
  NOT_FOUND: '0-0 does not know this entity',
  UPSTREAM_REJECTED: '0-0 refused the request',
  RATE_LIMITED: '0-0 asks for fewer requests',
  UPSTREAM_UNAVAILABLE: '0-0 cannot be reached or cannot answer now',
  UPSTREAM_PROTOCOL: '0-0 gave an answer that cannot be understood',
  OUTCOME_UNKNOWN: 'It is not known whether 0-0 did this; it is not sent again',
}

interface Details {
  /** For NOT_FOUND: the unknown entity, such as `the asset Asset-1`. */
  entity?: string | undefined
  /** The reason, usually the text of 0-0. It becomes part of the message, after `plainText`. */
  reason?: string | null
  /** The text of 0-0, when it is not in `reason`. `plainText` is applied to it. */
  upstreamMessage?: string | null
  upstreamCode?: string | null
  retryAfterMs?: number | null
  /** Default: true for OUTCOME_UNKNOWN, false for every other code. */
  mayBeDone?: boolean
  cause?: unknown
}

/** A failed request to 0-0. `message` is safe to show to users; `cause` is for logs only. */
export class UpstreamError extends RequestError {
  override readonly name = 'UpstreamError'
  readonly code: UpstreamErrorCode
  /** The error code of 0-0 or a provider, such as `9003` or `NotFound.group_id`. Null when there is none. */
  readonly upstreamCode: string | null
  /** How long to wait before the next request can succeed. Null when this is unknown. */
  readonly retryAfterMs: number | null
  /**
   * The text of 0-0, in any language, when `message` does not include it. Plain text of at most 300
   * characters. Null when there is none.
   */
  readonly upstreamMessage: string | null
  /**
   * Whether 0-0 may have carried out the create that failed with this error (upstream-api 10.1). True
   * when the response may be a provider's response to a retry of the gateway, when the response is
   * invalid, and when the connection broke after the request was sent. False for a read, for a request
   * that was never sent, for errors that the edge or the gateway wrote itself, and for a definite
   * refusal.
   */
  readonly mayBeDone: boolean

  constructor(code: UpstreamErrorCode, details: Details = {}) {
    const { upstreamCode = null, retryAfterMs = null, cause } = details
    const reason = plainText(details.reason ?? '')
    const summary = summaryOf(code, details.entity)
    const message = reason === null ? `${summary}.` : `${summary}: ${reason}`
    const upstreamMessage = plainText(details.upstreamMessage ?? '')
    super(failureFor(code, message, { upstreamCode, retryAfterMs, upstreamMessage }), { cause })
    this.code = code
    this.upstreamCode = upstreamCode
    this.retryAfterMs = retryAfterMs
    this.upstreamMessage = upstreamMessage
    this.mayBeDone = details.mayBeDone ?? code === 'OUTCOME_UNKNOWN'
  }
}

function summaryOf(code: UpstreamErrorCode, entity: string | undefined): string {
  return code === 'NOT_FOUND' && entity !== undefined
    ? `0-0 does not know ${entity}`
    : MESSAGES[code]
}

function failureFor(
  code: UpstreamErrorCode,
  message: string,
  {
    upstreamCode,
    retryAfterMs,
    upstreamMessage,
  }: Record<'upstreamCode' | 'upstreamMessage', string | null> & { retryAfterMs: number | null },
): Failure {
  const retryAfterSeconds =
    retryAfterMs === null ? DEFAULT_RETRY_AFTER_SECONDS : retryAfterMs / 1000
  const { retryable } = FAILURE_CODES[code]
  switch (code) {
    case 'RATE_LIMITED': {
      const details = upstreamMessage !== null && { upstreamMessage }
      return { code, message, retryable, retryAfterSeconds, ...details }
    }
    case 'UPSTREAM_REJECTED':
      return { code, message, retryable, upstreamCode }
    case 'UPSTREAM_UNAVAILABLE':
      return { code, message, retryable, retryAfterSeconds }
    default:
      return { code, message, retryable }
  }
}
