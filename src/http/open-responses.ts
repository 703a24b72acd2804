import type { ServerResponse } from 'node:http'
import { setTimeout as pause } from 'node:timers/promises'
import { isAsyncIterable, type Plugin } from 'graphql-yoga'

/** The HTTP responses that are not closed. */
interface OpenResponses {
  /** Adds a response until it is closed. */
  add(response: ServerResponse): void
  /**
   * Resolves when every response to a complete request has been sent, or when `timeout` aborts. Does not wait for
   * subscriptions, which end only when they are closed, or for requests whose body is incomplete.
   */
  sent(timeout: AbortSignal): Promise<void>
}

const POLL_MS = 20

/** Creates the set of open responses. `isSubscription` returns whether a response is an event stream. */
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

/** Creates a plugin that records the responses of running subscriptions, and the function that looks them up. */
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
