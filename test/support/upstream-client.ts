import { onTestFinished } from 'vitest'
import type { UpstreamOptions } from '../../src/upstream/call.ts'
import { createUpstreamClient, type UpstreamClient } from '../../src/upstream/client.ts'
import { UpstreamError } from '../../src/upstream/upstream-error.ts'

/** A client of the upstream at `url`, by default with twenty concurrent reads and twenty concurrent creates. It closes with the test. */
export function startClient(url: string, options: Partial<UpstreamOptions> = {}): UpstreamClient {
  const client = createUpstreamClient({
    url,
    maxConcurrency: 20,
    maxCreates: 20,
    getTimeoutMs: 5000,
    postTimeoutMs: 5000,
    retryBaseDelayMs: 1,
    ...options,
  })
  onTestFinished(() => void client.close())
  return client
}

/** The UpstreamError of a failed call. Throws when the call succeeded or failed with another error. */
export async function failureOf(result: Promise<unknown>): Promise<UpstreamError> {
  const error = await result.then(
    () => new Error('the call succeeded'),
    (reason: unknown) => reason,
  )
  if (error instanceof UpstreamError) return error
  throw error
}
