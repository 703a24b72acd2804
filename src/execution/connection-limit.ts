import { GraphQLError } from 'graphql'
import { isAsyncIterable, type Plugin, type YogaInitialContext } from 'graphql-yoga'
import { type RequestContext, tenantOf } from '../model/identity.ts'

/** Limits the open sockets and event streams of each tenant, in one process. */
export interface ConnectionLimit {
  /**
   * Counts one more connection. Returns the function that releases it, or null at the limit. All callers without valid
   * credentials share the tenant null.
   */
  acquire(tenant: string | null): (() => void) | null
}

/** Creates a limit of `maxEach` connections for each tenant. */
export function createConnectionLimit(maxEach: number): ConnectionLimit {
  const open = new Map<string | null, number>()
  return {
    acquire(tenant) {
      const before = open.get(tenant) ?? 0
      if (before >= maxEach) return null
      open.set(tenant, before + 1)
      let isReleased = false
      return () => {
        if (isReleased) return
        isReleased = true
        const others = (open.get(tenant) ?? 1) - 1
        if (others === 0) open.delete(tenant)
        else open.set(tenant, others)
      }
    },
  }
}

/** The message at the limit: the close reason of a socket and the error of an event stream. */
export function tooManyConnections(maxEach: number): string {
  return `At most ${maxEach} sockets and event streams of one tenant may be open at once (tenantSockets).`
}

/** An estimate, so that clients do not retry at once. When a connection will end is not known. */
const RETRY_AFTER_SECONDS = 5

/** 429 (RFC 6585, 4) and not 503, because the tenant is at its limit and the service is not. */
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
): Plugin<RequestContext & Partial<YogaInitialContext>> {
  return {
    onSubscribe({ args, setResultAndStopExecution }) {
      const { request, identity } = args.contextValue
      // Over a WebSocket the socket itself is counted.
      if (!request) return undefined
      const release = connectionLimit.acquire(tenantOf(identity))
      if (!release) {
        setResultAndStopExecution({ errors: [streamRefused(maxEach)] })
        return undefined
      }
      return {
        onSubscribeResult({ result }) {
          if (isAsyncIterable(result)) return { onEnd: release }
          release()
          return undefined
        },
      }
    },
  }
}
