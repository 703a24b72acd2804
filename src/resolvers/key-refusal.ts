import { createHash } from 'node:crypto'
import { LRUCache } from 'lru-cache'
import { type Failure, RequestError } from '../model/failure.ts'
import type { UpstreamCall } from '../upstream/call.ts'
import type { UpstreamClient } from '../upstream/client.ts'
import { UpstreamError } from '../upstream/upstream-error.ts'

/** An upstream client that observes which keys 0-0 refuses. */
export interface KeyGuard {
  upstream: UpstreamClient
  /** Returns whether 0-0 refused this key within the last minute and has not accepted it since. */
  isRefused(credential: string): boolean
}

const REFUSED_TTL_MS = 60_000
const MAX_REFUSED_KEYS = 10_000

/**
 * Creates the guard for keys that callers send. Lists are answered without a request to 0-0, so an invalid key would
 * receive an empty list. The guard caches refused keys for `refusedTtlMs` milliseconds, so that a list can throw
 * UNAUTHENTICATED.
 */
export function guardCallersKeys(
  upstream: UpstreamClient,
  refusedTtlMs = REFUSED_TTL_MS,
): KeyGuard {
  const refused = new LRUCache<string, true>({ max: MAX_REFUSED_KEYS, ttl: refusedTtlMs })
  return {
    isRefused: (credential) => refused.size > 0 && refused.has(hashOf(credential)),
    upstream: intercept(upstream, async ({ credential }, response) => {
      try {
        const value = await response
        accept(credential)
        return value
      } catch (error) {
        if (isKeyRefused(error)) refused.set(hashOf(credential), true)
        else if (error instanceof UpstreamError && error.code === 'NOT_FOUND') accept(credential)
        throw error
      }
    }),
  }

  function accept(credential: string): void {
    if (refused.size > 0) refused.delete(hashOf(credential))
  }
}

/**
 * Creates the guard for the key of this service. When 0-0 refuses the key, the operator must replace it: `onRefused` is
 * called, and the call throws SERVICE_UNAVAILABLE.
 */
export function guardHeldKey(
  upstream: UpstreamClient,
  onRefused: (error: unknown) => void,
): KeyGuard {
  return {
    isRefused: () => false,
    upstream: intercept(upstream, async (_call, response) => {
      try {
        return await response
      } catch (error) {
        if (!isKeyRefused(error)) throw error
        onRefused(error)
        throw new RequestError(HELD_KEY_REFUSED)
      }
    }),
  }
}

const HELD_KEY_REFUSED: Failure = {
  code: 'SERVICE_UNAVAILABLE',
  message: 'This service cannot ask 0-0 now.',
  retryable: true,
}

function isKeyRefused(error: unknown): boolean {
  return error instanceof UpstreamError && error.code === 'UNAUTHENTICATED'
}

/** Hashes a key, so that the cache does not contain keys. */
function hashOf(credential: string): string {
  return createHash('sha256').update(credential).digest('base64')
}

/** Wraps the client: each of its calls returns the result of `follow` for the response. */
function intercept(
  upstream: UpstreamClient,
  follow: <T>(call: UpstreamCall, response: Promise<T>) => Promise<T>,
): UpstreamClient {
  return {
    ...upstream,
    getAssetGroup: (ref, call) => follow(call, upstream.getAssetGroup(ref, call)),
    createAssetGroup: (request, call) => follow(call, upstream.createAssetGroup(request, call)),
    getAsset: (ref, call) => follow(call, upstream.getAsset(ref, call)),
    createAsset: (request, call) => follow(call, upstream.createAsset(request, call)),
    getVideoTask: (ref, call) => follow(call, upstream.getVideoTask(ref, call)),
    createVideoTask: (request, call) => follow(call, upstream.createVideoTask(request, call)),
    listModels: (call) => follow(call, upstream.listModels(call)),
  }
}
