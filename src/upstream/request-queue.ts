export interface RequestQueue {
  /** Resolves when it is this request's turn; rejects when `signal` aborts, after `maxWaitMs`, or when it is closed. */
  enter(signal: AbortSignal, maxWaitMs: number): Promise<void>
  /** To be called once for each turn, when it is over. */
  leave(): void
  /** Lets no more requests in; resolves when those that are in it, also those that wait, have left. */
  close(): Promise<void>
}

/** Lets `maxInFlight` requests go on at once; the others wait in the order in which they came. */
export function createRequestQueue(maxInFlight: number): RequestQueue {
  const waiting = new Set<() => void>()
  const emptied = Promise.withResolvers<void>()
  let inFlight = 0
  let isClosed = false

  function settle(): void {
    if (isClosed && inFlight === 0) emptied.resolve()
  }

  return {
    async enter(signal, maxWaitMs) {
      signal.throwIfAborted()
      if (isClosed) throw new Error('the connections to 0-0 are closed')
      if (inFlight < maxInFlight) {
        inFlight++
        return
      }
      const turn = Promise.withResolvers<void>()
      const giveUp = (reason: unknown) => {
        waiting.delete(turn.resolve)
        turn.reject(reason)
      }
      const onAbort = () => giveUp(signal.reason)
      const timer = setTimeout(() => giveUp(new Error(`no turn within ${maxWaitMs} ms`)), maxWaitMs)
      signal.addEventListener('abort', onAbort)
      waiting.add(turn.resolve)
      try {
        await turn.promise
      } finally {
        clearTimeout(timer)
        signal.removeEventListener('abort', onAbort)
      }
    },

    leave() {
      const [next] = waiting
      if (next === undefined) {
        inFlight--
        return settle()
      }
      // The turn is handed on, so that nobody who comes meanwhile can take it.
      waiting.delete(next)
      next()
    },

    close() {
      isClosed = true
      settle()
      return emptied.promise
    },
  }
}
