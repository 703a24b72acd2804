import type { RouteName, Switches } from './fault.ts'
import { gatewayError, type Runtime } from './gateway-error.ts'
import { providerError, type Reply } from './reply.ts'

/** How often the gateway sends one request to its provider at most (upstream-api 5.4). */
const MAX_ATTEMPTS = 3

/** A request of the gateway to its provider. */
interface ProviderRequest {
  route: RouteName
  runtime: Runtime
  switches: Switches
  /** The model that the error texts of the Python gateway name. */
  model: string
  /** The id in the path; empty on creates. */
  id: string
}

/**
 * Returns what the gateway answers after up to three attempts at its provider (upstream-api 5.4).
 *
 * The switch `attempts` sets the outcome of each attempt, `providerStatus` the outcome of all of
 * them. An attempt without an outcome succeeds. `carryOut` does the work once and returns the
 * provider's reply; a lost attempt calls it and drops the reply.
 */
export function callProvider(request: ProviderRequest, carryOut: () => Reply): Reply {
  const { providerStatus, attempts = [] } = request.switches
  let outcome: number | 'lost' = 'lost'
  for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt += 1) {
    const next = providerStatus ?? attempts[attempt]
    if (next === undefined) return carryOut()
    outcome = next
    if (outcome === 'lost') carryOut()
    else if (!isRetried(request, outcome)) return relayError(request, outcome)
  }
  return outcome === 'lost'
    ? gatewayError.lostResponse(request)
    : replyAfterLastAttempt(request, outcome)
}

/** Whether the gateway repeats a request after this status of its provider (upstream-api 5.4). */
function isRetried({ route, runtime }: ProviderRequest, status: number): boolean {
  if (runtime === 'rust') return status !== 400 && status !== 413
  if (status >= 500 || [408, 409, 425, 429].includes(status)) return true
  const isVideo = route === 'createVideoTask' || route === 'getVideoTask'
  return isVideo && (status === 401 || status === 403)
}

/**
 * Python wraps the provider's last error in a text, Rust relays it unchanged (upstream-api 10.4).
 */
function replyAfterLastAttempt(request: ProviderRequest, status: number): Reply {
  if (request.runtime === 'rust' || request.route === 'getVideoTask') {
    return relayError(request, status)
  }
  const text = JSON.stringify(errorOf(status).body)
  return {
    status,
    body: { error: `All ${request.model} error: ${text}` },
    headers: PROVIDER_ORIGIN,
  }
}

/**
 * The provider's error unchanged. On a poll, Python turns the body into a running task but keeps
 * the status (upstream-api 3.5).
 */
function relayError({ route, runtime, model, id }: ProviderRequest, status: number): Reply {
  const reply = errorOf(status)
  if (runtime === 'rust') return reply
  const body = route === 'getVideoTask' ? gatewayError.maskedPoll(id, model).body : reply.body
  return { status, body, headers: PROVIDER_ORIGIN }
}

/** Sent by the Python gateway only (upstream-api 10.1). */
const PROVIDER_ORIGIN = { 'x-uni-api-status-origin': 'provider_http' }

const MESSAGES: Record<number, string> = {
  400: 'InvalidParameter: refused by the provider',
  401: 'Unauthorized: invalid access key',
  403: 'AccessDenied: the account may not do this',
  404: 'NotFound: no such resource',
  409: 'conflict',
  425: 'too early',
  429: 'RateLimitExceeded: too many requests',
}

function errorOf(status: number): Reply {
  return providerError(status, MESSAGES[status] ?? 'InternalServiceError', status)
}
