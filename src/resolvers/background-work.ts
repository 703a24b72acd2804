/** Delays the end of the process until `work` has ended. Returns `work`. */
export type WaitUntil = <T>(work: Promise<T>) => Promise<T>

/** Work that continues after its response has been sent. */
interface BackgroundWork {
  waitUntil: WaitUntil
  /** Resolves when all work has ended, including work that other work started. Does not reject. */
  ended(): Promise<void>
}

/** Creates the record of background work of one process. */
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
      while (running.size > 0) await Promise.allSettled(running)
    },
  }
}
