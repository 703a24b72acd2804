import { GraphQLError } from 'graphql'
import type { Plugin } from 'graphql-yoga'
import type { Operations } from '../telemetry/operation-observer.ts'
import type { RefusedRequest } from '../telemetry/refused-request.ts'

/** Reports HTTP requests that are answered with an error before an operation begins. */
export function useRefusedRequests(
  operations: Operations,
  onRefused: (refused: RefusedRequest) => void,
): Plugin<object, { requestId: string }> {
  return {
    onResultProcess({ request, result, serverContext }) {
      if (operations.hasBegun(request) || !('errors' in result)) return
      const [error] = result.errors ?? []
      if (error instanceof GraphQLError) {
        onRefused(refusedRequest(error, serverContext.requestId, 'http'))
      }
    },
  }
}

/** What is reported of a request that is refused with `error`. */
export function refusedRequest(
  { message, extensions }: GraphQLError,
  requestId: string,
  transport: RefusedRequest['transport'],
): RefusedRequest {
  const { status = 200 } = (extensions.http ?? {}) as { status?: number }
  const code = String(extensions.code)
  return { requestId, transport, status: transport === 'http' ? status : null, code, message }
}
