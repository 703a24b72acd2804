/** Deduplicates concurrent work by key. */
interface SingleFlight {
  /**
   * Returns the result of the running work for `key`, or starts `work` when none is running. Rejects when the work
   * fails. Aborting `signal` rejects only this call. The work is aborted when all of its callers have aborted.
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

/** Creates an independent set of keys. */
export function createSingleFlight(): SingleFlight {
  const flights = new Map<string, Flight>()

  function start(key: string, work: (signal: AbortSignal) => Promise<unknown>): Flight {
    const abort = new AbortController()
    const flight = { result: work(abort.signal), abort, callers: 0 }
    flights.set(key, flight)
    const remove = () => {
      if (flights.get(key) === flight) flights.delete(key)
    }
    flight.result.then(remove, remove)
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
      const aborted = Promise.withResolvers<never>()
      const onAbort = () => aborted.reject(signal?.reason)
      signal?.addEventListener('abort', onAbort, { once: true })
      try {
        return (await Promise.race([flight.result, aborted.promise])) as T
      } finally {
        signal?.removeEventListener('abort', onAbort)
        flight.callers -= 1
        if (flight.callers === 0 && flights.get(key) === flight) {
          flights.delete(key)
          flight.abort.abort(signal?.reason)
        }
      }
    },
  }
}
