import { GraphQLError } from 'graphql'
import { failureOf, isAbort, originalErrorOf } from '../model/failure.ts'
import type { Operation, OperationObserver, Progress } from './operation.ts'
import type { UpstreamAttempt } from './upstream-attempt.ts'

/** One operation from its beginning to its end. Collects its progress and reports it to the observers. */
export interface RunningOperation {
  /** Adds the codes of these errors. A GraphQL error without a code gets `defaultCode`. */
  addErrors(errors: readonly unknown[], defaultCode?: string): void
  /** Reports an attempt that has ended. Counts it if it was sent. */
  addAttempt(attempt: UpstreamAttempt): void
  /** Reports that the subscription has been established. */
  subscribed(): void
  /** Counts an event of the subscription and adds the codes of its errors. */
  addEvent(result: unknown): void
  /** Reports the end. Later calls do nothing. */
  end(): void
}

/** Codes of attempts that were never sent. */
const NOT_SENT = ['BREAKER_OPEN', 'QUEUE_TIMEOUT']

/** Starts to measure an operation and tells the observers that it has begun. */
export function startOperation(
  operation: Operation,
  observers: OperationObserver[],
): RunningOperation {
  const startedAt = performance.now()
  const observations = observers.map((observe) => observe(operation))
  const errorCodes = new Set<string>()
  let upstreamCalls = 0
  let events = 0
  let hasEnded = false
  const progress = (): Progress => ({
    durationMs: performance.now() - startedAt,
    upstreamCalls,
    events,
    errors: [...errorCodes],
  })
  const addErrors = (errors: readonly unknown[], defaultCode?: string) => {
    for (const error of errors) errorCodes.add(codeOf(error, defaultCode))
  }
  return {
    addErrors,
    addAttempt(attempt) {
      if (!NOT_SENT.includes(attempt.errorCode ?? '')) upstreamCalls += 1
      for (const observation of observations) observation.attempted?.(attempt)
    },
    subscribed() {
      for (const observation of observations) observation.began?.(progress())
    },
    addEvent(result) {
      events += 1
      addErrors(errorsOf(result))
    },
    end() {
      if (hasEnded) return
      hasEnded = true
      for (const observation of observations) observation.ended(progress())
    },
  }
}

/** Returns the errors of an execution result; an empty list when it has none or is not an execution result. */
export function errorsOf(result: unknown): readonly unknown[] {
  const errors = result && typeof result === 'object' && 'errors' in result ? result.errors : null
  return Array.isArray(errors) ? errors : []
}

/** A GraphQL error without a code is caused by what the caller sent; the error mapping uses the same default. */
function codeOf(error: unknown, defaultCode = 'BAD_USER_INPUT'): string {
  if (isAbort(error)) return 'ABORTED'
  const failure = failureOf(error)
  if (failure) return failure.code
  if (!(error instanceof GraphQLError)) return 'INTERNAL'
  if (!(originalErrorOf(error) instanceof GraphQLError)) return 'INTERNAL'
  return typeof error.extensions.code === 'string' ? error.extensions.code : defaultCode
}
