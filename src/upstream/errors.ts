import { plainText } from './plain-text.ts'

export type UpstreamErrorCode =
  /** 0-0 does not accept the key. */
  | 'UNAUTHENTICATED'
  /** The key is good, but not for this. */
  | 'FORBIDDEN'
  | 'PAYMENT_REQUIRED'
  | 'NOT_FOUND'
  /** 0-0 or a provider behind it said no, and will say so again. */
  | 'UPSTREAM_REJECTED'
  | 'RATE_LIMITED'
  /** Nothing was done, and the same call may succeed later. */
  | 'UPSTREAM_UNAVAILABLE'
  /** An answer came that cannot be read. */
  | 'UPSTREAM_PROTOCOL'
  /** A create was sent, and what came of it is not known. */
  | 'OUTCOME_UNKNOWN'

const MESSAGES: Record<UpstreamErrorCode, string> = {
  UNAUTHENTICATED: '0-0 does not accept this API key',
  FORBIDDEN: '0-0 does not allow this with this API key',
  PAYMENT_REQUIRED: 'The balance at 0-0 does not suffice',
  NOT_FOUND: '0-0 does not know this resource',
  UPSTREAM_REJECTED: '0-0 refused the request',
  RATE_LIMITED: '0-0 asks for fewer requests',
  UPSTREAM_UNAVAILABLE: '0-0 cannot be reached or cannot answer now',
  UPSTREAM_PROTOCOL: '0-0 gave an answer that cannot be understood',
  OUTCOME_UNKNOWN: 'It is not known whether 0-0 did this; it is not sent again',
}

interface Details {
  /** Why, mostly in 0-0's own words. Made plain and short before it enters the message. */
  reason?: string | null
  /** 0-0's own words where `reason` does not have them. Made plain and short. */
  upstreamMessage?: string | null
  upstreamCode?: string | null
  retryAfterMs?: number | null
  /** Absent: true for OUTCOME_UNKNOWN alone. */
  mayBeDone?: boolean
  cause?: unknown
}

/** A call to 0-0 that did not succeed. `message` is ours and safe to show; `cause` is for logs only. */
export class UpstreamError extends Error {
  override readonly name = 'UpstreamError'
  readonly code: UpstreamErrorCode
  /** What upstream calls it, e.g. `9003` or `NotFound.group_id`. */
  readonly upstreamCode: string | null
  /** How long to wait before another call can succeed; null when 0-0 does not say. */
  readonly retryAfterMs: number | null
  /** 0-0's own words, in whatever language they are, when `message` does not have them: plain text, at most 300 characters. */
  readonly upstreamMessage: string | null
  /**
   * Whether 0-0 may have carried out the create that failed with this error (upstream-api 10.1): true when a provider
   * answered after the gateway's repeats, or when the connection broke after the request had left. Always false for a read,
   * for what was never sent, for the edge's and the gateway's own texts, and for a definite refusal.
   */
  readonly mayBeDone: boolean

  constructor(code: UpstreamErrorCode, details: Details = {}) {
    const reason = plainText(details.reason ?? '')
    super(reason === null ? `${MESSAGES[code]}.` : `${MESSAGES[code]}: ${reason}`, {
      cause: details.cause,
    })
    this.code = code
    this.upstreamCode = details.upstreamCode ?? null
    this.retryAfterMs = details.retryAfterMs ?? null
    this.upstreamMessage = plainText(details.upstreamMessage ?? '')
    this.mayBeDone = details.mayBeDone ?? code === 'OUTCOME_UNKNOWN'
  }
}
