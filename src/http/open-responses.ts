import type { ServerResponse } from 'node:http'
import { setTimeout as pause } from 'node:timers/promises'
import { isAsyncIterable, type Plugin } from 'graphql-yoga'

/** The HTTP responses that have not been closed yet. */
export interface OpenResponses {
  add(response: ServerResponse): void
  /**
   * Resolves when every response to a complete request has been sent, or when `timeout` aborts. Does not wait for
   * subscriptions, which end only when they are closed, or for requests that have not arrived completely.
   */
  sent(timeout: AbortSignal): Promise<void>
}

const POLL_MS = 20

/** Creates the set of open responses. `isSubscription` says which of them are event streams. */
export function createOpenResponses(isSubscription: (response: ServerResponse) => boolean) {
  const open = new Set<ServerResponse>()

  const isAwaited = (response: ServerResponse) => response.req.complete && !isSubscription(response)

  return {
    add(response) {
      open.add(response)
      response.once('close', () => open.delete(response))
    },
    async sent(timeout) {
      // Poll, because a response may become an event stream, which must not block draining.
      while ([...open].some(isAwaited) && !timeout.aborted) await pause(POLL_MS)
    },
  } satisfies OpenResponses
}

/** Records, with its plugin, which responses belong to a subscription that has begun. */
export function createSubscriptionResponses() {
  const responses = new WeakSet<ServerResponse>()
  const plugin: Plugin<{ res?: ServerResponse }> = {
    onSubscribe({ args }) {
      return {
        onSubscribeResult({ result }) {
          const { res } = args.contextValue
          if (res && isAsyncIterable(result)) responses.add(res)
        },
      }
    },
  }
  return { plugin, has: (response: ServerResponse) => responses.has(response) }
}
