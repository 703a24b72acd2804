import { GraphQLError } from 'graphql'
import type { Plugin } from 'graphql-yoga'
import type { Operations } from '../telemetry/operation-observer.ts'
import type { RefusedRequest } from '../telemetry/refused-request.ts'

/** Reports HTTP requests that are answered with an error before an operation begins. */
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
    // The status may be another than the error asks for: 406 when the client accepts no type that there is.
    onResponse({ request, response: { status }, serverContext: { requestId } }) {
      const error = errors.get(request)
      if (error) onRefused({ requestId, transport: 'http', status, ...reasonOf(error) })
    },
  }
}

/** Why a request was refused, as it is reported. */
export function reasonOf({ message, extensions }: GraphQLError) {
  return { code: String(extensions.code), message }
}
