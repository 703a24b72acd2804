import { GraphQLError, type GraphQLErrorExtensions, type GraphQLFormattedError } from 'graphql'
import { type MaskError, maskError } from 'graphql-yoga'
import { type Failure, failureOf, isAbort, originalErrorOf } from '../model/failure.ts'

/** Options of the error mapper. */
export interface ErrorMapperOptions {
  /** Called with errors that are neither a failure for the caller nor an error of GraphQL. */
  onUnexpected(error: unknown): void
}

/**
 * Creates the function that maps every error to a GraphQL error, for both transports. A RequestError keeps its message, and
 * its code and details become extensions. Unexpected errors are passed to `onUnexpected` and masked.
 */
export function createErrorMapper({ onUnexpected }: ErrorMapperOptions): MaskError {
  return (error, message, isDev) => {
    const failure = failureOf(error)
    if (failure) return toGraphQLError(error as GraphQLError, failure)
    const mapped = maskError(error, message, isDev)
    if (mapped !== error && !isAbort(error)) onUnexpected(originalErrorOf(error))
    // An error of GraphQL without a code is about what the caller sent: variables, arguments or the operation name.
    return mapped instanceof GraphQLError ? withCode(mapped, 'BAD_USER_INPUT') : mapped
  }
}

function toGraphQLError({ nodes, path }: GraphQLError, failure: Failure): GraphQLError {
  const { message, ...extensions } = failure
  return new GraphQLError(message, { nodes: nodes ?? null, path: path ?? null, extensions })
}

/** The error with `code`; unchanged when it already has a code. */
export function withCode(error: GraphQLError, code: string): GraphQLError {
  return error.extensions.code === undefined ? withExtensions(error, { code }) : error
}

/** The error with the id of its request, by which its log lines are found. */
export function withRequestId(error: GraphQLError, requestId: string): GraphQLError {
  return withExtensions(error, { requestId })
}

/** A copy, because GraphQL uses some errors for several requests. */
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

/** The error as it is sent over a WebSocket, without the extension that Yoga uses for HTTP. */
export function formatError(error: Error, requestId: string): GraphQLFormattedError {
  if (!(error instanceof GraphQLError)) {
    return { message: error.message, extensions: { requestId } }
  }
  const formatted = withRequestId(error, requestId).toJSON()
  const { http: _, ...extensions } = formatted.extensions ?? {}
  return { ...formatted, extensions }
}
