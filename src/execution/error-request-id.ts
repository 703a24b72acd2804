import { type ExecutionResult, GraphQLError } from 'graphql'
import { isAsyncIterable, mapAsyncIterator, type Plugin } from 'graphql-yoga'
import { withRequestId } from './error-mapping.ts'

/** Puts `requestId` into the extensions of every error that is answered over HTTP, also of parse and validation errors. */
export function useErrorRequestId(): Plugin<object, { requestId: string }> {
  return {
    onResultProcess({ result, setResult, serverContext: { requestId } }) {
      const identify = (answer: ExecutionResult) => identified(answer, requestId)
      if (isAsyncIterable(result)) setResult(mapAsyncIterator(result, identify))
      else setResult(Array.isArray(result) ? result.map(identify) : identify(result))
    },
  }
}

function identified<Answer extends ExecutionResult>(answer: Answer, requestId: string): Answer {
  if (!answer.errors) return answer
  const errors = answer.errors.map((error) =>
    error instanceof GraphQLError ? withRequestId(error, requestId) : error,
  )
  return { ...answer, errors }
}
