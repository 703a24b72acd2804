import { LRUCache } from 'lru-cache'
import { type RequestContext, requireIdentity } from '../model/identity.ts'
import type { UpstreamClient } from '../upstream/client.ts'
import { createSingleFlight } from './single-flight.ts'

/**
 * Returns the names of the models that 0-0 offers to the key of a request. Throws UpstreamError, or UNAUTHENTICATED
 * without an identity.
 */
export type OfferedModels = (request: RequestContext) => Promise<readonly string[]>

/** A form asks each time it opens, and the list changes rarely. */
const TTL_MS = 60_000
const MAX_TENANTS = 1_000

/** Creates the read. A list is cached for one minute for its tenant. Failures are not cached. */
export function createOfferedModels(upstream: UpstreamClient): OfferedModels {
  const inFlight = createSingleFlight()
  const cache = new LRUCache<string, readonly string[]>({ max: MAX_TENANTS, ttl: TTL_MS })

  return async (request) => {
    const { tenant, credential } = requireIdentity(request)
    const cached = cache.get(tenant)
    if (cached) return cached
    return inFlight.share(tenant, request.signal, async (signal) => {
      const models = await upstream.listModels({ credential, requestId: request.requestId, signal })
      cache.set(tenant, models)
      return models
    })
  }
}
