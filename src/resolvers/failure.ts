import { LedgerUnavailable } from '../ledger/unavailable.ts'
import type { InputIssue } from '../model.ts'
import { UpstreamError } from '../upstream/errors.ts'

/** A failure with nothing more to say than its code; one member for each, so that they can be told apart. */
type Plain<Code extends string> = Code extends string ? { code: Code } : never

/** The failures any create may answer with. */
export type CreateFailure = { message: string; retryable: boolean } & (
  | { code: 'INVALID_INPUT'; issues: InputIssue[] }
  | { code: 'RATE_LIMITED'; retryAfterSeconds: number; upstreamMessage?: string }
  | { code: 'UPSTREAM_REJECTED'; upstreamCode: string | null }
  | { code: 'UPSTREAM_UNAVAILABLE'; retryAfterSeconds: number }
  | Plain<'NOT_FOUND' | 'PAYMENT_REQUIRED'>
  | Plain<'OUTCOME_UNKNOWN' | 'IDEMPOTENCY_CONFLICT'>
)

/** Failures that are thrown, because they are about the caller, the service or a broken upstream. */
export type ThrownFailure = { message: string; retryable: boolean } & Plain<(typeof THROWN)[number]>

/** Why something was not done. */
export type Failure =
  | CreateFailure
  /** `ids`: of a subscription, every id that 0-0 does not know, as the caller wrote it. */
  | { message: string; retryable: boolean; code: 'NOT_FOUND'; ids?: string[] }
  | ThrownFailure

const THROWN = ['UNAUTHENTICATED', 'FORBIDDEN', 'UPSTREAM_PROTOCOL', 'SERVICE_UNAVAILABLE'] as const

/** Refuses what was asked before anything was sent to 0-0. */
export class RequestError extends Error {
  override readonly name = 'RequestError'
  readonly failure: Failure
  constructor(failure: Failure) {
    super(failure.message)
    this.failure = failure
  }
}

export function invalidInput(issues: InputIssue[]): RequestError {
  const [first] = issues
  const message =
    issues.length === 1 && first
      ? `${first.path.join('.')}: ${first.message}`
      : `The input has ${issues.length} issues.`
  return new RequestError({ code: 'INVALID_INPUT', message, retryable: false, issues })
}

/** A guess at what to wait, for when nobody says. 0-0 does not when it limits calls (upstream-api, 5.1 and 5.2). */
export const DEFAULT_RETRY_AFTER_SECONDS = 5

/** What could not be recorded was not sent, whatever is wrong with the storage. */
function serviceUnavailable({ message }: LedgerUnavailable): Failure {
  return {
    code: 'SERVICE_UNAVAILABLE',
    message: `${message} Nothing was created at 0-0.`,
    retryable: true,
  }
}

/** The failure an error stands for, or null when it is not one of ours. */
export function failureOf(error: unknown): Failure | null {
  if (error instanceof RequestError) return error.failure
  if (error instanceof LedgerUnavailable) return serviceUnavailable(error)
  if (!(error instanceof UpstreamError)) return null
  const { code, message, retryAfterMs, upstreamCode, upstreamMessage } = error
  const retryAfterSeconds =
    retryAfterMs === null ? DEFAULT_RETRY_AFTER_SECONDS : retryAfterMs / 1000
  switch (code) {
    case 'RATE_LIMITED': {
      const words = upstreamMessage !== null && { upstreamMessage }
      return { code, message, retryable: true, retryAfterSeconds, ...words }
    }
    case 'UPSTREAM_REJECTED':
      return { code, message, retryable: false, upstreamCode }
    case 'UPSTREAM_UNAVAILABLE':
      return { code, message, retryable: true, retryAfterSeconds }
    default:
      return { code, message, retryable: false }
  }
}

/** What `create` gives, or the failure to answer with instead; any other failure throws. */
export async function orFailure<T>(create: () => Promise<T>): Promise<T | CreateFailure> {
  try {
    return await create()
  } catch (error) {
    const failure = failureOf(error)
    if (failure === null || !isCreateFailure(failure)) throw error
    return failure
  }
}

function isCreateFailure(failure: Failure): failure is CreateFailure {
  return !THROWN.some((code) => code === failure.code)
}
