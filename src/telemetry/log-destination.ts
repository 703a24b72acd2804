import { write, writeSync } from 'node:fs'

/** What pino writes its lines to. */
export interface LogDestination {
  /** Takes one line. Never throws and never waits: what cannot be written is kept, or dropped when too much is kept. */
  write(line: string): void
  /** Writes what is kept, synchronously, until the output refuses it. For the end of the process. */
  flushSync(): void
}

/** Bytes kept while the output takes nothing. Later lines are dropped and counted. */
const MAX_KEPT_BYTES = 1024 * 1024
/** Pause after a failed write, in milliseconds: a full disk does not have room again at once. */
const RETRY_MS = 200

/**
 * Writes lines to a file descriptor in the background, in order, several in one call.
 *
 * pino's own destination ends the process on the first ENOSPC when it writes synchronously, and its `flushSync` repeats a
 * write that fails with ENOSPC for ever.
 */
export function createLogDestination(fd: number, maxKeptBytes = MAX_KEPT_BYTES): LogDestination {
  let lines: string[] = []
  let keptBytes = 0
  let lostLines = 0
  /** What is being written now, or was refused. */
  let batch: Buffer = Buffer.alloc(0)
  let state: 'IDLE' | 'SCHEDULED' | 'WRITING' | 'PAUSED' = 'IDLE'

  function next(): void {
    if (batch.length === 0) batch = takeLines()
    if (batch.length === 0) {
      state = 'IDLE'
      return
    }
    state = 'WRITING'
    write(fd, batch, (error, writtenBytes) => {
      if (!error) {
        batch = batch.subarray(writtenBytes)
        return next()
      }
      state = 'PAUSED'
      setTimeout(next, RETRY_MS).unref()
    })
  }

  function takeLines(): Buffer {
    if (lostLines > 0) lines.push(lossReport(lostLines))
    const text = lines.join('')
    lines = []
    keptBytes = 0
    lostLines = 0
    return Buffer.from(text)
  }

  return {
    write(line) {
      if (keptBytes + line.length > maxKeptBytes) {
        lostLines += 1
        return
      }
      lines.push(line)
      keptBytes += line.length
      if (state !== 'IDLE') return
      state = 'SCHEDULED'
      setImmediate(next)
    },

    flushSync() {
      // The bytes of a write under way are with the operating system already.
      let rest = Buffer.concat([state === 'WRITING' ? Buffer.alloc(0) : batch, takeLines()])
      try {
        while (rest.length > 0) rest = rest.subarray(writeSync(fd, rest))
      } catch {
        // The output still refuses: the lines are lost, the process ends all the same.
      }
    },
  }
}

/** The line that stands where lines are missing, in pino's form and at its level WARN. */
function lossReport(lines: number): string {
  const msg = `${lines} log lines were lost: the output did not take them`
  return `${JSON.stringify({ level: 40, time: Date.now(), lostLines: lines, msg })}\n`
}
