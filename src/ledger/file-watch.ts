import { statSync } from 'node:fs'
import { stat } from 'node:fs/promises'
import { setTimeout as pause } from 'node:timers/promises'

/** Checks whether paths still lead to the same files. */
export interface FileWatch {
  /** Whether one of the files was not there any more at the last check. */
  hasMoved(): boolean
  stop(): void
}

/**
 * Checks every `everyMs` whether each path still leads to the file that is there now; throws when one is missing now.
 * A process that has a file open can go on writing to it after it was deleted or replaced, and nobody reads that again.
 */
export function watchFiles(paths: string[], everyMs: number): FileWatch {
  const files = paths.map((path) => ({ path, opened: statSync(path, { bigint: true }) }))
  let moved = false
  let stopped = false

  async function run(): Promise<void> {
    while (!stopped) {
      await pause(everyMs, undefined, { ref: false })
      moved = (await Promise.all(files.map(isElsewhere))).includes(true)
    }
  }
  void run()

  return {
    hasMoved: () => moved,
    stop() {
      stopped = true
    },
  }
}

interface OpenedFile {
  path: string
  opened: { dev: bigint; ino: bigint }
}

async function isElsewhere({ path, opened }: OpenedFile): Promise<boolean> {
  try {
    const { dev, ino } = await stat(path, { bigint: true })
    return dev !== opened.dev || ino !== opened.ino
  } catch {
    return true
  }
}
