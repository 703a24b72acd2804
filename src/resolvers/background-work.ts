/** Keeps the process alive until `work` has ended. Returns `work`. */
export type WaitUntil = <T>(work: Promise<T>) => Promise<T>

export interface BackgroundWork {
  waitUntil: WaitUntil
  /** Resolves when no work is left, also none that other work started. */
  ended(): Promise<void>
}

/** Keeps track of work that goes on after its response. */
export function createBackgroundWork(): BackgroundWork {
  const running = new Set<Promise<unknown>>()
  return {
    waitUntil(work) {
      running.add(work)
      const ended = () => running.delete(work)
      work.then(ended, ended)
      return work
    },
    async ended() {
      // Work may start other work.
      while (running.size > 0) await Promise.allSettled(running)
    },
  }
}
