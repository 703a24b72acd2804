/** One problem with an input. `path` leads to it, e.g. `['resources', '0', 'role']`. */
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

/** The failures that are thrown: they are about the caller, about this service, or about a broken upstream. */
export type ThrownFailure = { message: string; retryable: boolean } & Plain<(typeof THROWN)[number]>

/** Why a request failed, as the caller is told. */
export type Failure =
  | CreateFailure
  /** `ids`: of a subscription, every id that 0-0 does not know, as the caller wrote it. */
  | { message: string; retryable: boolean; code: 'NOT_FOUND'; ids?: string[] }
  | ThrownFailure

const THROWN = ['UNAUTHENTICATED', 'FORBIDDEN', 'UPSTREAM_PROTOCOL', 'SERVICE_UNAVAILABLE'] as const

/** Whether a create returns this failure as its result. It throws any other. */
export function isCreateFailure(failure: Failure): failure is CreateFailure {
  return !THROWN.some((code) => code === failure.code)
}

/** Seconds to wait when nobody says how long. 0-0 does not say it when it limits calls (upstream-api 5.1 and 5.2). */
export const DEFAULT_RETRY_AFTER_SECONDS = 5

/** An error that is meant for the caller. Its subclasses are failures of 0-0 and of the storage. */
export class RequestError extends Error {
  override readonly name: string = 'RequestError'
  readonly failure: Failure
  constructor(failure: Failure, options?: ErrorOptions) {
    super(failure.message, options)
    this.failure = failure
  }
}

/** The error for an input with these issues. */
export function invalidInput(issues: InputIssue[]): RequestError {
  const [first] = issues
  const message =
    issues.length === 1 && first
      ? `${first.path.join('.')}: ${first.message}`
      : `The input has ${issues.length} issues.`
  return new RequestError({ code: 'INVALID_INPUT', message, retryable: false, issues })
}

/**
 * The failure that an error stands for, or null when the error is not meant for the caller. Results of creates, GraphQL
 * errors, log lines and metrics all get their failure from here.
 */
export function failureOf(error: unknown): Failure | null {
  const original = originalErrorOf(error)
  return original instanceof RequestError ? original.failure : null
}

/** Whether an error only says that the caller has disconnected. */
export function isAbort(error: unknown): boolean {
  const original = originalErrorOf(error)
  return original instanceof Error && original.name === 'AbortError'
}

/** The error as it was thrown first: graphql-js wraps an error in each layer that it passes. */
export function originalErrorOf(error: unknown): unknown {
  let original = error
  while (original instanceof Error && 'originalError' in original) {
    if (!(original.originalError instanceof Error)) break
    original = original.originalError
  }
  return original
}
