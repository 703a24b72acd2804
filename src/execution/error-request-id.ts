import { type ExecutionResult, GraphQLError } from 'graphql'
import { isAsyncIterable, mapAsyncIterator, type Plugin } from 'graphql-yoga'
import { withRequestId } from './error-mapping.ts'

/** Adds `requestId` to the extensions of every error in an HTTP response, including parse and validation errors. */
export function useErrorRequestId(): Plugin<object, { requestId: string }> {
  return {
    onResultProcess({ result, setResult, serverContext: { requestId } }) {
      const addId = (one: ExecutionResult) => withErrorRequestId(one, requestId)
      if (isAsyncIterable(result)) setResult(mapAsyncIterator(result, addId))
      else setResult(Array.isArray(result) ? result.map(addId) : addId(result))
    },
  }
}

function withErrorRequestId(result: ExecutionResult, requestId: string): ExecutionResult {
  if (!result.errors) return result
  const errors = result.errors.map((error) =>
    error instanceof GraphQLError ? withRequestId(error, requestId) : error,
  )
  return { ...result, errors }
}
