/** One issue of an input. `path` is its path in the input, e.g. `['resources', '0', 'role']`. */
export interface InputIssue {
  path: string[]
  message: string
}

/** A failure whose only detail is its code. One member per code, so that codes discriminate the union. */
type Plain<Code extends string> = Code extends string ? { code: Code } : never

/** The failures that a create returns as its result. */
export type CreateFailure = { message: string; retryable: boolean } & (
  | { code: 'INVALID_INPUT'; issues: InputIssue[] }
  | { code: 'RATE_LIMITED'; retryAfterSeconds: number; upstreamMessage?: string }
  | { code: 'UPSTREAM_REJECTED'; upstreamCode: string | null }
  | { code: 'UPSTREAM_UNAVAILABLE'; retryAfterSeconds: number }
  | Plain<'NOT_FOUND' | 'PAYMENT_REQUIRED'>
  | Plain<'OUTCOME_UNKNOWN' | 'IDEMPOTENCY_CONFLICT'>
)

/** The failures that a create throws. They concern the caller, this service or an invalid upstream response. */
type ThrownFailure = { message: string; retryable: boolean } & Plain<(typeof THROWN)[number]>

/** The data of a failure as the caller receives it. */
export type Failure =
  | CreateFailure
  /** `ids`: for a subscription, every id in the request that 0-0 does not know. */
  | { message: string; retryable: boolean; code: 'NOT_FOUND'; ids?: string[] }
  | ThrownFailure

const THROWN = ['UNAUTHENTICATED', 'FORBIDDEN', 'UPSTREAM_PROTOCOL', 'SERVICE_UNAVAILABLE'] as const

/** Returns whether a create returns this failure as its result. It throws any other failure. */
export function isCreateFailure(failure: Failure): failure is CreateFailure {
  return !THROWN.some((code) => code === failure.code)
}

/** Seconds to wait before a retry when the response of 0-0 does not contain them (upstream-api 5.1 and 5.2). */
export const DEFAULT_RETRY_AFTER_SECONDS = 5

/** An error whose failure is sent to the caller. Its subclasses are errors of 0-0 and of the storage. */
export class RequestError extends Error {
  override readonly name: string = 'RequestError'
  readonly failure: Failure
  constructor(failure: Failure, options?: ErrorOptions) {
    super(failure.message, options)
    this.failure = failure
  }
}

/** Creates the error INVALID_INPUT for an input with these issues. */
export function invalidInput(issues: InputIssue[]): RequestError {
  const [first] = issues
  const message =
    issues.length === 1 && first
      ? `${first.path.join('.')}: ${first.message}`
      : `The input has ${issues.length} issues.`
  return new RequestError({ code: 'INVALID_INPUT', message, retryable: false, issues })
}

/**
 * Returns the failure of an error, or null when the error is not meant for the caller. The results of creates, GraphQL
 * errors, log lines and metrics all use this function.
 */
export function failureOf(error: unknown): Failure | null {
  const original = originalErrorOf(error)
  return original instanceof RequestError ? original.failure : null
}

/** Returns whether an error only means that the caller has disconnected. */
export function isAbort(error: unknown): boolean {
  const original = originalErrorOf(error)
  return original instanceof Error && original.name === 'AbortError'
}

/** Returns the error that was thrown first. graphql-js can wrap an error several times. */
export function originalErrorOf(error: unknown): unknown {
  let original = error
  while (original instanceof Error && 'originalError' in original) {
    if (!(original.originalError instanceof Error)) break
    original = original.originalError
  }
  return original
}
