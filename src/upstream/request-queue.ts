/** Limits how many requests run at the same time. */
interface RequestQueue {
  /**
   * Resolves when the request may start. Rejects when `signal` aborts, when the wait takes longer than
   * `maxWaitMs`, or when the queue is closed.
   */
  enter(signal: AbortSignal, maxWaitMs: number): Promise<void>
  /** Must be called once for each request that started, when it has ended. */
  leave(): void
  /** Accepts no more requests. Resolves when all accepted requests, also the waiting ones, have ended. */
  close(): Promise<void>
}

/** Creates a queue that runs at most `maxInFlight` requests at once and starts waiting requests in order. */
export function createRequestQueue(maxInFlight: number): RequestQueue {
  const waiting = new Set<() => void>()
  const drained = Promise.withResolvers<void>()
  let inFlight = 0
  let isClosed = false

  function resolveIfDrained(): void {
    if (isClosed && inFlight === 0) drained.resolve()
  }

  return {
    async enter(signal, maxWaitMs) {
      signal.throwIfAborted()
      if (isClosed) throw new Error('the connections to 0-0 are closed')
      if (inFlight < maxInFlight) {
        inFlight++
        return
      }
      const start = Promise.withResolvers<void>()
      const giveUp = (reason: unknown) => {
        waiting.delete(start.resolve)
        start.reject(reason)
      }
      const onAbort = () => giveUp(signal.reason)
      const timer = setTimeout(() => {
        giveUp(new Error(`no free connection within ${maxWaitMs} ms`))
      }, maxWaitMs)
      signal.addEventListener('abort', onAbort)
      waiting.add(start.resolve)
      try {
        await start.promise
      } finally {
        clearTimeout(timer)
        signal.removeEventListener('abort', onAbort)
      }
    },

    leave() {
      const [next] = waiting
      if (next === undefined) {
        inFlight--
        return resolveIfDrained()
      }
      // Keep inFlight unchanged, so that a new request cannot start before the next waiting one.
      waiting.delete(next)
      next()
    },

    close() {
      isClosed = true
      resolveIfDrained()
      return drained.promise
    },
  }
}
