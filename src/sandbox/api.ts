import { setTimeout as sleep } from 'node:timers/promises'
import { Hono } from 'hono'
import { type ApiContext, type ApiEnv, toResponse } from './api-context.ts'
import type { ApiRoutes } from './api-request.ts'
import type { CallLog } from './call-record.ts'
import { hangConnection, resetConnection, truncateResponse } from './connection-fault.ts'
import type { Faults, RouteName } from './fault.ts'
import { gatewayError } from './gateway-error.ts'
import { handleRequest } from './handle-request.ts'
import { addModelRoutes } from './model-route.ts'
import { recordCalls } from './record-calls.ts'
import type { Reply } from './reply.ts'

/** What the REST API needs from the rest of the sandbox. */
interface ApiOptions {
  routes: ApiRoutes
  faults: Faults
  calls: CallLog
  log: (line: Record<string, unknown>) => void
  /** Aborted when the sandbox closes; ends the waits of the switch `delayMs`. */
  closing: AbortSignal
}

const PATHS: Array<[RouteName, 'GET' | 'POST', string]> = [
  ['createAssetGroup', 'POST', '/asset-groups'],
  ['getAssetGroup', 'GET', '/asset-groups/:id'],
  ['createAsset', 'POST', '/assets'],
  ['getAsset', 'GET', '/assets/:id'],
  ['createVideoTask', 'POST', '/video/tasks'],
  ['getVideoTask', 'GET', '/video/tasks/:id'],
]

const BAD_GATEWAY =
  '<html><head><title>502 Bad Gateway</title></head><body><h1>502 Bad Gateway</h1></body></html>'

/**
 * Builds the emulated REST API (upstream-api 1), to be mounted on `/v1`.
 *
 * Requests to unknown paths and with wrong methods are answered as 0-0 answers them.
 */
export function createApi(options: ApiOptions): Hono<ApiEnv> {
  const { faults, calls, log } = options
  const api = new Hono<ApiEnv>()
  api.use(recordCalls(calls, log))
  for (const [route, method, path] of PATHS) {
    api.on(method, path, (context) => answer(context, route, options))
    api.all(path, (context) => toResponse(context, gatewayError.methodNotAllowed(faults.runtime())))
  }
  addModelRoutes(api, faults)
  api.all('*', (context) => toResponse(context, gatewayError.notFound(faults.runtime())))
  return api
}

/** Answers one request and applies the faults that change the connection or the whole response. */
async function answer(
  context: ApiContext,
  route: RouteName,
  { routes, faults, closing }: ApiOptions,
): Promise<Response> {
  const switches = faults.take(route, context.var.record.account)
  if (switches.reset === 'before') return resetConnection(context)
  if (switches.hang === 'before') return hangConnection(context)
  if (switches.html502) return context.html(BAD_GATEWAY, 502)

  const reply = await handleRequest(context, { route, switches, routes })
  if (switches.delayMs) await sleep(switches.delayMs, undefined, { signal: closing })
  if (switches.reset === 'after') return resetConnection(context)
  if (switches.hang === 'after') return hangConnection(context)
  if (switches.truncate) return truncateResponse(context, reply)
  if (switches.runtime === 'rust' && !isRustGatewayError(reply)) {
    context.header('x-uni-api-runtime', 'rust')
  }
  return toResponse(context, reply)
}

/** Rust does not send `x-uni-api-runtime` with its own 403, 404, 405 and 429 (upstream-api 1). */
function isRustGatewayError({ status, body }: Reply): boolean {
  const isErrorObject = typeof body === 'object' && body !== null && 'error' in body
  return isErrorObject && [403, 404, 405, 429].includes(status)
}
