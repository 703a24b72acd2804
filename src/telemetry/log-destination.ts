import { write, writeSync } from 'node:fs'

/** The destination that pino writes log lines to. */
interface LogDestination {
  /** Buffers one line for writing. Never throws and never blocks. Drops the line when the buffer is full. */
  write(line: string): void
  /**
   * Writes the buffered lines synchronously, for use when the process ends. Stops at the first error, without throwing;
   * the remaining lines are lost.
   */
  flushSync(): void
}

/** Buffer size, in characters, while the output accepts no data. Later lines are dropped and counted. */
const MAX_BUFFERED_CHARS = 1024 * 1024
/** Delay after a failed write, in milliseconds. A full disk does not have free space again immediately. */
const RETRY_MS = 200

/**
 * Creates a destination that writes lines to the file descriptor `fd` in the background, in order, several lines in one
 * call. A failed write is retried. When lines were dropped, a line in pino's format says how many.
 *
 * pino's own destination is not used, because in synchronous mode it ends the process on the first ENOSPC, and its
 * `flushSync` repeats a write that fails with ENOSPC without end.
 */
export function createLogDestination(
  fd: number,
  maxBufferedChars = MAX_BUFFERED_CHARS,
): LogDestination {
  let lines: string[] = []
  let bufferedChars = 0
  let lostLines = 0
  /** The bytes of the write that is in progress or has failed. */
  let batch: Buffer = Buffer.alloc(0)
  let state: 'IDLE' | 'SCHEDULED' | 'WRITING' | 'PAUSED' = 'IDLE'

  function writeNext(): void {
    if (batch.length === 0) batch = takeLines()
    if (batch.length === 0) {
      state = 'IDLE'
      return
    }
    state = 'WRITING'
    write(fd, batch, (error, writtenBytes) => {
      if (!error) {
        batch = batch.subarray(writtenBytes)
        return writeNext()
      }
      state = 'PAUSED'
      setTimeout(writeNext, RETRY_MS).unref()
    })
  }

  function takeLines(): Buffer {
    if (lostLines > 0) lines.push(lossReport(lostLines))
    const text = lines.join('')
    lines = []
    bufferedChars = 0
    lostLines = 0
    return Buffer.from(text)
  }

  return {
    write(line) {
      if (bufferedChars + line.length > maxBufferedChars) {
        lostLines += 1
        return
      }
      lines.push(line)
      bufferedChars += line.length
      if (state !== 'IDLE') return
      state = 'SCHEDULED'
      setImmediate(writeNext)
    },

    flushSync() {
      // The operating system already has the bytes of a write in progress.
      let rest = Buffer.concat([state === 'WRITING' ? Buffer.alloc(0) : batch, takeLines()])
      try {
        while (rest.length > 0) rest = rest.subarray(writeSync(fd, rest))
      } catch {
        // The output still accepts no data. The lines are lost, but the process must end.
      }
    },
  }
}

/** Returns the line that replaces lost lines, in pino's format with level 40 (WARN). */
function lossReport(lines: number): string {
  const msg = `${lines} log lines were lost because the output accepted no data`
  return `${JSON.stringify({ level: 40, time: Date.now(), lostLines: lines, msg })}\n`
}
