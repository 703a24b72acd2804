import { type ExecutionResult, GraphQLError } from 'graphql'
import { isAsyncIterable, mapAsyncIterator, type Plugin } from 'graphql-yoga'
import { withResponseExtensions } from './error-mapping.ts'

/** Completes the extensions of every error in an HTTP response, including parse and validation errors. */
export function useErrorExtensions(): Plugin<object, { requestId: string }> {
  return {
    onResultProcess({ result, setResult, serverContext: { requestId } }) {
      const complete = (one: ExecutionResult) => withErrorExtensions(one, requestId)
      if (isAsyncIterable(result)) setResult(mapAsyncIterator(result, complete))
      else setResult(Array.isArray(result) ? result.map(complete) : complete(result))
    },
  }
}

function withErrorExtensions(result: ExecutionResult, requestId: string): ExecutionResult {
  if (!result.errors) return result
  const errors = result.errors.map((error) =>
    error instanceof GraphQLError ? withResponseExtensions(error, requestId) : error,
  )
  return { ...result, errors }
}
