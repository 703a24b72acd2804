/** Lets those who want the same thing at the same moment share one attempt to get it. */
export interface SingleFlight {
  /**
   * What `work` gives, or what an attempt already under way for `key` gives.
   * An aborted `signal` rejects this caller alone; the attempt is aborted when its last caller has left.
   */
  share<T>(
    key: string,
    signal: AbortSignal | undefined,
    work: (signal: AbortSignal) => Promise<T>,
  ): Promise<T>
}

interface Flight {
  result: Promise<unknown>
  abort: AbortController
  callers: number
}

export function createSingleFlight(): SingleFlight {
  const flights = new Map<string, Flight>()

  function start(key: string, work: (signal: AbortSignal) => Promise<unknown>): Flight {
    const abort = new AbortController()
    const flight = { result: work(abort.signal), abort, callers: 0 }
    flights.set(key, flight)
    const land = () => {
      if (flights.get(key) === flight) flights.delete(key)
    }
    flight.result.then(land, land)
    return flight
  }

  return {
    async share<T>(
      key: string,
      signal: AbortSignal | undefined,
      work: (signal: AbortSignal) => Promise<T>,
    ): Promise<T> {
      signal?.throwIfAborted()
      const flight = flights.get(key) ?? start(key, work)
      flight.callers += 1
      const left = Promise.withResolvers<never>()
      const leave = () => left.reject(signal?.reason)
      signal?.addEventListener('abort', leave, { once: true })
      try {
        return (await Promise.race([flight.result, left.promise])) as T
      } finally {
        signal?.removeEventListener('abort', leave)
        flight.callers -= 1
        if (flight.callers === 0 && flights.get(key) === flight) {
          flights.delete(key)
          flight.abort.abort(signal?.reason)
        }
      }
    },
  }
}
