import type { HonoRequest } from 'hono'
import { authenticate } from './account.ts'
import { gatewayError, type Runtime } from './gateway-error.ts'
import type { Reply } from './reply.ts'

/**
 * Returns the reply to a missing or invalid key (upstream-api 5.1 to 5.3), or null for a valid key.
 */
export function findCredentialError(req: HonoRequest, runtime: Runtime): Reply | null {
  const authentication = authenticate(req.header('authorization'))
  if (!('failure' in authentication)) return null
  const { failure } = authentication
  const hasOnlyApiKeyHeader = failure === 'missingKey' && req.header('x-api-key') !== undefined
  // Python answers a key in `x-api-key` alone with another text (upstream-api 1).
  if (hasOnlyApiKeyHeader && runtime === 'python') return gatewayError.notAuthenticated()
  return gatewayError[failure](runtime)
}
