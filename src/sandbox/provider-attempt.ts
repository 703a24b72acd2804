import type { RouteName, Switches } from './fault.ts'
import { type ErrorShape, gatewayError, providerRefusal, type Reply } from './reply.ts'

/** How often the gateway sends one request to its provider at most (upstream-api 5.4). */
const MAX_ATTEMPTS = 3

export interface ProviderRequest {
  route: RouteName
  shape: ErrorShape
  switches: Switches
  /** The model in the texts of the Python gateway. */
  model: string
  /** The id in the path of a read. */
  id: string
}

/**
 * What the gateway answers after up to three attempts at its provider.
 *
 * The switch `attempts` says what becomes of each attempt, `providerStatus` of all of them; an attempt without an entry
 * succeeds. `carryOut` does the work once and returns the reply of the provider.
 */
export function askProvider(request: ProviderRequest, carryOut: () => Reply): Reply {
  const { providerStatus, attempts = [] } = request.switches
  let outcome: number | 'lost' = 'lost'
  for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt += 1) {
    const next = providerStatus ?? attempts[attempt]
    if (next === undefined) return carryOut()
    outcome = next
    if (outcome === 'lost') carryOut()
    else if (!isRepeated(request, outcome)) return relayed(request, outcome)
  }
  return outcome === 'lost' ? gatewayError.lostAnswer(request) : exhausted(request, outcome)
}

/** Whether the gateway repeats a request after this status of its provider (upstream-api 5.4). */
function isRepeated({ route, shape }: ProviderRequest, status: number): boolean {
  if (shape === 'rust') return status !== 400 && status !== 413
  if (status >= 500 || [408, 409, 425, 429].includes(status)) return true
  const isVideo = route === 'createVideoTask' || route === 'getVideoTask'
  return isVideo && (status === 401 || status === 403)
}

/** The last reply of the provider, once no attempt is left. */
function exhausted(request: ProviderRequest, status: number): Reply {
  if (request.shape === 'rust' || request.route === 'getVideoTask') return relayed(request, status)
  const text = JSON.stringify(refusalOf(status).body)
  return {
    status,
    body: { error: `All ${request.model} error: ${text}` },
    headers: PROVIDER_SAID,
  }
}

/** The reply of the provider as it is. Of a poll, Python makes a task that runs, and keeps the status (upstream-api 3.5). */
function relayed({ route, shape, model, id }: ProviderRequest, status: number): Reply {
  if (shape === 'rust') return refusalOf(status)
  const body =
    route === 'getVideoTask' ? gatewayError.maskedPoll(id, model).body : refusalOf(status).body
  return { status, body, headers: PROVIDER_SAID }
}

/** Sent by the Python gateway alone (upstream-api 10.1). */
const PROVIDER_SAID = { 'x-uni-api-status-origin': 'provider_http' }

const WORDS: Record<number, string> = {
  400: 'InvalidParameter: refused by the provider',
  401: 'Unauthorized: invalid access key',
  403: 'AccessDenied: the account may not do this',
  404: 'NotFound: no such resource',
  409: 'conflict',
  425: 'too early',
  429: 'RateLimitExceeded: too many requests',
}

function refusalOf(status: number): Reply {
  return providerRefusal(status, WORDS[status] ?? 'InternalServiceError', status)
}
