import { createHash } from 'node:crypto'
import { LRUCache } from 'lru-cache'
import { type Failure, RequestError } from '../model/failure.ts'
import type { UpstreamCall } from '../upstream/call.ts'
import type { UpstreamClient } from '../upstream/client.ts'
import { UpstreamError } from '../upstream/upstream-error.ts'

/** The upstream client, and which keys 0-0 has refused. */
export interface KeyGuard {
  upstream: UpstreamClient
  /** Whether 0-0 refused this key within the last minute and has not accepted it since. */
  isRefused(credential: string): boolean
}

const REMEMBERED_MS = 60_000
const MAX_REMEMBERED = 10_000

/**
 * For keys that callers send. A list is answered without a request to 0-0, so an invalid key would get an empty list.
 * Refusals are remembered so that a list can throw UNAUTHENTICATED instead.
 */
export function guardCallersKeys(upstream: UpstreamClient, rememberedMs = REMEMBERED_MS): KeyGuard {
  const refused = new LRUCache<string, true>({ max: MAX_REMEMBERED, ttl: rememberedMs })
  return {
    isRefused: (credential) => refused.size > 0 && refused.has(hashOf(credential)),
    upstream: intercept(upstream, async ({ credential }, answer) => {
      try {
        const value = await answer
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
 * For the key of the service. When 0-0 refuses it, the operator must act: `onRefused` is called, and the caller gets
 * SERVICE_UNAVAILABLE.
 */
export function guardHeldKey(
  upstream: UpstreamClient,
  onRefused: (error: unknown) => void,
): KeyGuard {
  return {
    isRefused: () => false,
    upstream: intercept(upstream, async (_call, answer) => {
      try {
        return await answer
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

/** A hash, so that the key itself is not kept in memory longer than its requests take. */
function hashOf(credential: string): string {
  return createHash('sha256').update(credential).digest('base64')
}

/** The same client. Each of its calls returns what `follow` returns for the answer. */
function intercept(
  upstream: UpstreamClient,
  follow: <T>(call: UpstreamCall, answer: Promise<T>) => Promise<T>,
): UpstreamClient {
  return {
    ...upstream,
    getAssetGroup: (ref, call) => follow(call, upstream.getAssetGroup(ref, call)),
    createAssetGroup: (request, call) => follow(call, upstream.createAssetGroup(request, call)),
    getAsset: (ref, call) => follow(call, upstream.getAsset(ref, call)),
    createAsset: (request, call) => follow(call, upstream.createAsset(request, call)),
    getVideoTask: (ref, call) => follow(call, upstream.getVideoTask(ref, call)),
    createVideoTask: (request, call) => follow(call, upstream.createVideoTask(request, call)),
  }
}
