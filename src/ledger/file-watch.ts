import { statSync } from 'node:fs'
import { stat } from 'node:fs/promises'
import { setTimeout as pause } from 'node:timers/promises'

/** Checks periodically whether files were deleted or replaced. */
export interface FileWatch {
  /** Whether the last check found that a file was deleted or replaced. */
  hasMoved(): boolean
  /** Ends the checks. */
  stop(): void
}

/**
 * Checks every `everyMs` milliseconds whether each path still refers to the file that it refers to now.
 * Throws when a file does not exist now. Without this check, a process would continue to write to an open
 * file that was deleted or replaced, and the data would be lost.
 */
export function watchFiles(paths: string[], everyMs: number): FileWatch {
  const files = paths.map((path) => ({ path, opened: statSync(path, { bigint: true }) }))
  let hasMoved = false
  let stopped = false

  async function run(): Promise<void> {
    while (!stopped) {
      await pause(everyMs, undefined, { ref: false })
      hasMoved = (await Promise.all(files.map(wasReplaced))).includes(true)
    }
  }
  void run()

  return {
    hasMoved: () => hasMoved,
    stop() {
      stopped = true
    },
  }
}

interface OpenedFile {
  path: string
  opened: { dev: bigint; ino: bigint }
}

/** Whether the path has no file now, or another file (another device or inode number). */
async function wasReplaced({ path, opened }: OpenedFile): Promise<boolean> {
  try {
    const { dev, ino } = await stat(path, { bigint: true })
    return dev !== opened.dev || ino !== opened.ino
  } catch {
    return true
  }
}
