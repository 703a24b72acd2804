import { GraphQLError } from 'graphql'
import type { Plugin } from 'graphql-yoga'
import { codeAndMessageOf } from '../execution/graphql-handler.ts'
import type { Operations } from '../telemetry/operation-observer.ts'
import type { RefusedRequest } from '../telemetry/refused-request.ts'

/** Calls `onRefused` for each HTTP request that is answered with an error before an operation begins. */
export function useRefusedRequests(
  operations: Operations,
  onRefused: (refused: RefusedRequest) => void,
): Plugin<object, { requestId: string }> {
  const errors = new WeakMap<Request, GraphQLError>()
  return {
    onResultProcess({ request, result }) {
      if (operations.hasBegun(request) || !('errors' in result)) return
      const [error] = result.errors ?? []
      if (error instanceof GraphQLError) errors.set(request, error)
    },
    // The status may differ from that of the error: it is 406 when the client accepts no available media type.
    onResponse({ request, response: { status }, serverContext: { requestId } }) {
      const error = errors.get(request)
      if (error) onRefused({ requestId, transport: 'http', status, ...codeAndMessageOf(error) })
    },
  }
}
