import { GraphQLError, type GraphQLErrorExtensions, type GraphQLFormattedError } from 'graphql'
import { type MaskError, maskError } from 'graphql-yoga'
import { type Failure, failureOf } from '../resolvers/failure.ts'

export interface ErrorMapperOptions {
  /** Called with an error that is no failure of ours and not GraphQL's own. */
  onUnexpected(error: unknown): void
}

/**
 * The one place where failures become GraphQL errors, for HTTP and WebSocket alike. A failure of ours keeps its message
 * and gets its code and details as extensions; what is not GraphQL's own either is told to `onUnexpected` and masked.
 */
export function createErrorMapper({ onUnexpected }: ErrorMapperOptions): MaskError {
  return (error, message, isDev) => {
    const failure = failureBehind(error)
    if (failure) return toGraphQLError(error as GraphQLError, failure)
    const mapped = maskError(error, message, isDev)
    if (mapped !== error && !isAbort(error)) onUnexpected(innermost(error))
    // What GraphQL itself complains of without a code is what the caller sent: variables, arguments, operation names.
    return mapped instanceof GraphQLError ? withCode(mapped, 'BAD_USER_INPUT') : mapped
  }
}

function toGraphQLError({ nodes, path }: GraphQLError, failure: Failure): GraphQLError {
  const { message, ...extensions } = failure
  return new GraphQLError(message, { nodes: nodes ?? null, path: path ?? null, extensions })
}

/** The failure of ours that an error was made from, or null. */
export function failureBehind(error: unknown): Failure | null {
  return failureOf(innermost(error))
}

/** Whether an error only says that the caller has left. */
export function isAbort(error: unknown): boolean {
  const cause = innermost(error)
  return cause instanceof Error && cause.name === 'AbortError'
}

/** The error with `code`, unless it has one. */
export function withCode(error: GraphQLError, code: string): GraphQLError {
  return error.extensions.code === undefined ? withExtensions(error, { code }) : error
}

/** The error with the id of the request it answers, by which its log lines are found. */
export function withRequestId(error: GraphQLError, requestId: string): GraphQLError {
  return withExtensions(error, { requestId })
}

/** A copy of the error: GraphQL reuses some errors for several requests. */
function withExtensions(error: GraphQLError, added: GraphQLErrorExtensions): GraphQLError {
  const { message, nodes, source, positions, path, extensions } = error
  return new GraphQLError(message, {
    nodes: nodes ?? null,
    source: source ?? null,
    positions: positions ?? null,
    path: path ?? null,
    extensions: { ...extensions, ...added },
  })
}

/** The error as it is sent over a WebSocket, where what Yoga notes for HTTP means nothing. */
export function formatError(error: Error, requestId: string): GraphQLFormattedError {
  if (!(error instanceof GraphQLError)) {
    return { message: error.message, extensions: { requestId } }
  }
  const formatted = withRequestId(error, requestId).toJSON()
  const { http: _, ...extensions } = formatted.extensions ?? {}
  return { ...formatted, extensions }
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
