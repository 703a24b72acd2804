import { GraphQLError, type GraphQLErrorExtensions, type GraphQLFormattedError } from 'graphql'
import { type MaskError, maskError } from 'graphql-yoga'
import { errorHelpOf } from '../model/error-codes.ts'
import { type Failure, failureOf, isAbort, originalErrorOf } from '../model/failure.ts'

/** Options of the error mapper. */
interface ErrorMapperOptions {
  /** Called with errors that are neither a RequestError nor a GraphQL error. */
  onUnexpected(error: unknown): void
}

/**
 * Creates the function that maps any error to a GraphQL error, for HTTP and WebSocket. A RequestError keeps its
 * message, and its code and details become extensions. Unexpected errors are passed to `onUnexpected` and masked.
 */
export function createErrorMapper({ onUnexpected }: ErrorMapperOptions): MaskError {
  return (error, message, isDev) => {
    const failure = failureOf(error)
    if (failure) return toGraphQLError(error as GraphQLError, failure)
    const mapped = maskError(error, message, isDev)
    if (mapped !== error && !isAbort(error)) onUnexpected(originalErrorOf(error))
    // GraphQL errors without a code are caused by the request: its variables, arguments or operation name.
    return mapped instanceof GraphQLError ? withCode(mapped, 'BAD_USER_INPUT') : mapped
  }
}

function toGraphQLError({ nodes, path }: GraphQLError, failure: Failure): GraphQLError {
  const { message, ...extensions } = failure
  return new GraphQLError(message, { nodes: nodes ?? null, path: path ?? null, extensions })
}

/** Returns a copy of the error with `code`, or the error itself when it already has a code. */
export function withCode(error: GraphQLError, code: string): GraphQLError {
  return error.extensions.code === undefined ? withExtensions(error, { code }) : error
}

/**
 * Returns a copy of the error with the extensions of every error in a response: `requestId`, which also identifies its log
 * lines, and `hint` and `docs` of its code.
 */
export function withResponseExtensions(error: GraphQLError, requestId: string): GraphQLError {
  return withExtensions(error, { requestId, ...errorHelpOf(error.extensions.code) })
}

/** Copies the error, because graphql-js returns the same error object for several requests. */
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

/** Formats an error for a WebSocket message. Removes the `http` extension, which Yoga uses for the HTTP status. */
export function formatError(error: Error, requestId: string): GraphQLFormattedError {
  if (!(error instanceof GraphQLError)) {
    return { message: error.message, extensions: { requestId } }
  }
  const formatted = withResponseExtensions(error, requestId).toJSON()
  const { http: _, ...extensions } = formatted.extensions ?? {}
  return { ...formatted, extensions }
}
