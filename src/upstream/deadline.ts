export interface Deadline {
  /** Aborts when the time is over or the caller leaves, whichever is first. */
  signal: AbortSignal
  /** On the clock of `performance.now()`. */
  endsAtMs: number
  /** From now on only time counts. */
  ignoreCaller(): void
  /** Whether it was the caller that ended it. */
  isCallerGone(): boolean
  /** To be called when the work is done: stops the clock and leaves no listener on the caller's signal. */
  end(): void
}

/** Starts a clock of `timeoutMs` that also watches the caller's signal, which may outlive it by far. */
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
