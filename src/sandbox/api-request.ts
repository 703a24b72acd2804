import type { RouteName, Switches } from './fault.ts'
import { gatewayError, type Runtime } from './gateway-error.ts'
import type { Reply } from './reply.ts'

/** A request that passed the checks of the gateway, as the routes receive it. */
export interface ApiRequest {
  account: string
  /** The id in the path; empty on creates. */
  id: string
  query: Record<string, string>
  /** The JSON object of a create; empty on reads. */
  body: Record<string, unknown>
  /** Scheme, host and port under which the client reached the sandbox. */
  origin: string
  switches: Switches
  /** The layer of 0-0 whose error texts and rules apply. */
  runtime: Runtime
}

/** The handler of each route. A handler never throws: failures are replies too. */
export type ApiRoutes = Record<RouteName, (request: ApiRequest) => Reply>

/**
 * Parses the body of a create. Returns the object, or the error reply of the given runtime when the
 * text is not JSON or not an object (upstream-api 5).
 */
export function parseJsonObject(
  text: string,
  runtime: Runtime,
): { body: Record<string, unknown> } | { errorReply: Reply } {
  let body: unknown
  try {
    body = JSON.parse(text)
  } catch {
    return { errorReply: gatewayError.invalidJson(runtime) }
  }
  const isObject = typeof body === 'object' && body !== null && !Array.isArray(body)
  return isObject
    ? { body: body as Record<string, unknown> }
    : { errorReply: gatewayError.notAnObject(runtime) }
}
