/** The time limit of one request to 0-0, with all its attempts. */
export interface Deadline {
  /** Aborts when the time is over or when the caller's signal aborts, whichever is first. */
  signal: AbortSignal
  /** In the time base of `performance.now()`. */
  endsAtMs: number
  /** From now on the caller's signal no longer aborts `signal`; only the time limit does. */
  ignoreCaller(): void
  /** Whether `signal` aborted because the caller's signal did. */
  isCallerGone(): boolean
  /** Must be called when the work is done. Stops the timer and removes the listener from the caller's signal. */
  end(): void
}

/**
 * Starts a deadline of `timeoutMs` that also follows the caller's signal. The caller's signal can live
 * much longer than the deadline, so `end` must remove the listener.
 */
export function startDeadline(timeoutMs: number, caller: AbortSignal | undefined): Deadline {
  const controller = new AbortController()
  let isCallerGone = false
  const onCallerAbort = () => {
    isCallerGone = !controller.signal.aborted
    controller.abort(caller?.reason)
  }
  const ignoreCaller = () => caller?.removeEventListener('abort', onCallerAbort)
  caller?.addEventListener('abort', onCallerAbort)
  const timer = setTimeout(() => {
    controller.abort(new Error(`not done within ${timeoutMs} ms`))
  }, timeoutMs)

  return {
    signal: controller.signal,
    endsAtMs: performance.now() + timeoutMs,
    ignoreCaller,
    isCallerGone: () => isCallerGone,
    end() {
      clearTimeout(timer)
      ignoreCaller()
    },
  }
}
