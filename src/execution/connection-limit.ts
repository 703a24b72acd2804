import { GraphQLError } from 'graphql'
import { isAsyncIterable, type Plugin, type YogaInitialContext } from 'graphql-yoga'
import { type RequestContext, tenantOf } from '../model/identity.ts'

/** Limits the open sockets and event streams of each tenant in one process. */
interface ConnectionLimit {
  /**
   * Counts one more connection. Returns the function that releases it, or null when the limit is reached. All callers
   * without valid credentials share the tenant null.
   */
  acquire(tenant: string | null): (() => void) | null
}

/** Creates a limit of `maxEach` open connections per tenant. */
export function createConnectionLimit(maxEach: number): ConnectionLimit {
  const open = new Map<string | null, number>()
  return {
    acquire(tenant) {
      const count = open.get(tenant) ?? 0
      if (count >= maxEach) return null
      open.set(tenant, count + 1)
      let isReleased = false
      return () => {
        if (isReleased) return
        isReleased = true
        const remaining = (open.get(tenant) ?? 1) - 1
        if (remaining === 0) open.delete(tenant)
        else open.set(tenant, remaining)
      }
    },
  }
}

/** Returns the message for a reached limit: the close reason of a socket and the error message of an event stream. */
export function tooManyConnections(maxEach: number): string {
  return `At most ${maxEach} sockets and event streams of one tenant may be open at once (tenantSockets).`
}

/** An estimate that prevents immediate retries. The service does not know when a connection will end. */
const RETRY_AFTER_SECONDS = 5

/** 429 (RFC 6585, 4) and not 503, because the tenant has reached its limit and the service has not. */
function rateLimited(maxEach: number): GraphQLError {
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

/**
 * Applies the limit to event streams. Rejects a subscription with RATE_LIMITED (status 429) when its tenant has reached
 * the limit, and releases the connection when the stream ends.
 */
export function useConnectionLimit(
  connectionLimit: ConnectionLimit,
  maxEach: number,
): Plugin<RequestContext & Partial<YogaInitialContext>> {
  return {
    onSubscribe({ args, setResultAndStopExecution }) {
      const { request, identity } = args.contextValue
      // Over a WebSocket there is no request. The socket itself is counted.
      if (!request) return undefined
      const release = connectionLimit.acquire(tenantOf(identity))
      if (!release) {
        setResultAndStopExecution({ errors: [rateLimited(maxEach)] })
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
