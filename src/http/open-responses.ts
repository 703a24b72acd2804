import type { ServerResponse } from 'node:http'
import { setTimeout as pause } from 'node:timers/promises'
import { isAsyncIterable, type Plugin } from 'graphql-yoga'

/** The HTTP responses that have not been closed yet. */
export interface OpenResponses {
  add(response: ServerResponse): void
  /**
   * Resolves when every response to a whole request has been sent, or when `patience` aborts. Subscriptions are not waited
   * for, as they end only when they are closed, nor are requests that have not wholly arrived.
   */
  sent(patience: AbortSignal): Promise<void>
}

const POLL_MS = 20

export function createOpenResponses(isSubscription: (response: ServerResponse) => boolean) {
  const open = new Set<ServerResponse>()

  const isAwaited = (response: ServerResponse) => response.req.complete && !isSubscription(response)

  return {
    add(response) {
      open.add(response)
      response.once('close', () => open.delete(response))
    },
    async sent(patience) {
      // Polled, because a response may turn out to be a subscription at any time.
      while ([...open].some(isAwaited) && !patience.aborted) await pause(POLL_MS)
    },
  } satisfies OpenResponses
}

/** Tells which responses are those of subscriptions that have begun; the plugin has to see the operations. */
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
