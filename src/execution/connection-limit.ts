import { GraphQLError } from 'graphql'
import { isAsyncIterable, type Plugin, type YogaInitialContext } from 'graphql-yoga'
import { type Arrival, tenantOf } from './operation-context.ts'

/** Limits the open sockets and event streams of each tenant, in one process. */
export interface ConnectionLimit {
  /** Counts one more connection. Returns the function that ends it, or null at the limit. Unknown callers are tenant null. */
  take(tenant: string | null): (() => void) | null
}

export function createConnectionLimit(maxEach: number): ConnectionLimit {
  const taken = new Map<string | null, number>()
  return {
    take(tenant) {
      const before = taken.get(tenant) ?? 0
      if (before >= maxEach) return null
      taken.set(tenant, before + 1)
      let isFree = false
      return () => {
        if (isFree) return
        isFree = true
        const others = (taken.get(tenant) ?? 1) - 1
        if (others === 0) taken.delete(tenant)
        else taken.set(tenant, others)
      }
    },
  }
}

/** The message at the limit: the close reason of a socket and the error of an event stream. */
export function tooManyConnections(maxEach: number): string {
  return `At most ${maxEach} sockets and event streams of one tenant may be open at once (tenantSockets).`
}

/** A guess, so that clients do not retry at once: when a connection will end is not known. */
const RETRY_AFTER_SECONDS = 5

/** 429 (RFC 6585, 4) and not 503: the tenant is at its limit, the service is not. */
function streamRefused(maxEach: number): GraphQLError {
  return new GraphQLError(tooManyConnections(maxEach), {
    extensions: {
      code: 'RATE_LIMITED',
      retryable: true,
      retryAfterSeconds: RETRY_AFTER_SECONDS,
      bound: 'tenantSockets',
      limit: maxEach,
      http: { status: 429, headers: { 'retry-after': String(RETRY_AFTER_SECONDS) } },
    },
  })
}

/** Counts event streams under the same limit as sockets. */
export function useConnectionLimit(
  connectionLimit: ConnectionLimit,
  maxEach: number,
): Plugin<{ arrival: Arrival } & Partial<YogaInitialContext>> {
  return {
    onSubscribe({ args, setResultAndStopExecution }) {
      const { request, arrival } = args.contextValue
      // Over a WebSocket the socket itself is counted.
      if (!request) return undefined
      const free = connectionLimit.take(tenantOf(arrival.identity))
      if (!free) {
        setResultAndStopExecution({ errors: [streamRefused(maxEach)] })
        return undefined
      }
      return {
        onSubscribeResult({ result }) {
          if (isAsyncIterable(result)) return { onEnd: free }
          free()
          return undefined
        },
      }
    },
  }
}
