import { isAsyncIterable, type Plugin, type YogaInitialContext } from 'graphql-yoga'
import { type Arrival, tenantOf } from './operation-context.ts'
import { exceeded } from './operation-limits.ts'

/** Gives each tenant so many places at most, for sockets and streams alike. */
export interface Places {
  /** Gives the function that frees the place, or null when there is none left; null stands for whoever is not known. */
  take(tenant: string | null): (() => void) | null
}

export function createPlaces(maxEach: number): Places {
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

const TOO_MANY = 'more streams and sockets beside it'

/** Lets a stream of server-sent events take a place, as a socket does. */
export function useStreamPlaces(
  places: Places,
  maxEach: number,
): Plugin<{ arrival: Arrival } & Partial<YogaInitialContext>> {
  return {
    onSubscribe({ args, setResultAndStopExecution }) {
      const { request, arrival } = args.contextValue
      // Over a WebSocket it is the socket that has the place.
      if (!request) return undefined
      const free = places.take(tenantOf(arrival.identity))
      if (!free) {
        setResultAndStopExecution({ errors: [exceeded('tenantSockets', TOO_MANY, maxEach)] })
        return undefined
      }
      return {
        onSubscribeError: free,
        onSubscribeResult({ result }) {
          if (isAsyncIterable(result)) return { onEnd: free }
          free()
          return undefined
        },
      }
    },
  }
}
