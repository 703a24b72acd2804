import type { HonoRequest } from 'hono'
import type { ApiContext } from './api-context.ts'
import { type ApiRequest, type ApiRoutes, parseJsonObject } from './api-request.ts'
import { findCredentialError } from './credential-error.ts'
import type { RouteName, Switches } from './fault.ts'
import { gatewayError, type Runtime } from './gateway-error.ts'
import { callProvider } from './provider-attempt.ts'
import type { Reply } from './reply.ts'
import { MODELS } from './task-input.ts'

/** The route that a request matched, the faults that apply to it, and the handlers. */
interface MatchedRoute {
  route: RouteName
  switches: Switches
  routes: ApiRoutes
}

/**
 * The gateway routes groups and assets by this model when a request names none (upstream-api 1).
 */
const DEFAULT_MODEL = 'seedance-2-0'

/**
 * Returns what the gateway replies to a request: the error of the first check that fails, else the
 * reply of the route. The checks run in the order of 0-0: key, limits, model, body.
 */
export async function handleRequest(context: ApiContext, matched: MatchedRoute): Promise<Reply> {
  const { req } = context
  const { route, switches, routes } = matched
  const runtime = switches.runtime ?? 'edge'
  const query = req.query()
  const errorReply =
    findCredentialError(req, switches.badKeyStatus && runtime === 'edge' ? 'python' : runtime) ??
    findLimitError(req, switches, runtime) ??
    findModelError(req, route, runtime) ??
    findRouteMemoryError(req, matched, runtime)
  if (errorReply) return errorReply

  const parsed = req.method === 'POST' ? parseJsonObject(await req.text(), runtime) : { body: {} }
  if ('errorReply' in parsed) return parsed.errorReply
  const { body } = parsed
  const request: ApiRequest = {
    account: context.var.record.account as string,
    id: req.param('id') ?? '',
    query,
    body,
    origin: new URL(req.url).origin,
    switches,
    runtime,
  }
  if (switches.duplicatePost) routes[route](request)
  const model = typeof body.model === 'string' ? body.model : (query.model ?? DEFAULT_MODEL)
  const attempt = { route, runtime, switches, model, id: request.id }
  return callProvider(attempt, () => routes[route](request))
}

/**
 * The faults that limit a key: rate, closed routes (upstream-api 10.3) and balance (5.1 to 5.3).
 */
function findLimitError(req: HonoRequest, switches: Switches, runtime: Runtime): Reply | null {
  const { rateLimit, coolingDown, insufficientBalance } = switches
  if (rateLimit) {
    const reply = gatewayError.rateLimited(runtime)
    return typeof rateLimit === 'object'
      ? { ...reply, headers: { 'retry-after': String(rateLimit.retryAfter) } }
      : reply
  }
  if (coolingDown) return gatewayError.coolingDown()
  if (insufficientBalance && (req.method === 'POST' || runtime === 'rust')) {
    return gatewayError.insufficientBalance(runtime)
  }
  return null
}

/**
 * Groups and assets: the query must name a known model or none. Task routes check it themselves.
 */
function findModelError(req: HonoRequest, route: RouteName, runtime: Runtime): Reply | null {
  if (isTaskRoute(route)) return null
  // Rust looks for a model called "video" when a read names none (upstream-api 1).
  const fallback = runtime === 'rust' && req.method === 'GET' ? 'video' : undefined
  const model = req.query('model') ?? fallback
  return model === undefined || MODELS.includes(model)
    ? null
    : gatewayError.unknownModel(runtime, model)
}

/**
 * The switch `forgetRoutes`: a restarted gateway needs `?model=` to find the route (upstream-api
 * 3.7).
 */
function findRouteMemoryError(
  req: HonoRequest,
  { route, switches }: MatchedRoute,
  runtime: Runtime,
): Reply | null {
  if (!switches.forgetRoutes || req.query('model') !== undefined) return null
  return route === 'getVideoTask'
    ? gatewayError.unknownTask(runtime === 'edge' ? 'python' : runtime)
    : gatewayError.unknownModel(runtime, 'video')
}

function isTaskRoute(route: RouteName): boolean {
  return route === 'createVideoTask' || route === 'getVideoTask'
}
