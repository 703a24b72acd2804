import type { GraphQLError } from 'graphql'
import { createGraphQLError, type MaskError, maskError } from 'graphql-yoga'
import { type Failure, failureOf } from './resolvers/failure.ts'

/**
 * The one place where failures become GraphQL errors, for HTTP and WebSocket alike. A failure of ours keeps its message
 * and gets its code and details as extensions; what is not GraphQL's own either is told to `onUnexpected` and masked.
 */
export function createErrorMapper(onUnexpected: (error: unknown) => void): MaskError {
  return (error, message, isDev) => {
    const failure = failureBehind(error)
    if (failure) {
      const { nodes, path } = error as GraphQLError
      const { message: reason, ...extensions } = failure
      return createGraphQLError(reason, { nodes: nodes ?? null, path: path ?? null, extensions })
    }
    const mapped = maskError(error, message, isDev)
    if (mapped !== error) onUnexpected(innermost(error))
    return mapped
  }
}

/** The failure of ours that an error was made from, or null. */
export function failureBehind(error: unknown): Failure | null {
  return failureOf(innermost(error))
}

/** graphql-js wraps an error once for each layer it passes. */
function innermost(error: unknown): unknown {
  let inner = error
  while (inner instanceof Error) {
    const wrapped = 'originalError' in inner ? inner.originalError : undefined
    if (!(wrapped instanceof Error)) break
    inner = wrapped
  }
  return inner
}
