import { EXIT_CODE, type ExitCode } from './exit-code.ts'
import { followTask, followTimeline, type TaskEvent, type VideoTask } from './operations.ts'
import type { Output } from './output.ts'
import type { Settings } from './settings.ts'
import { failureLines, progressLine, taskLine } from './show.ts'
import { type OnConnection, subscribe } from './subscribe.ts'

/** How a task is watched. */
export interface WatchTaskOptions {
  id: string
  /** The model of a task that was not created through the service. */
  model?: string | undefined
  /** Prints a line of an event. */
  print(line: string): void
  onConnection: OnConnection
}

/** Follows a task to its end, prints its events, and returns the exit code. */
export async function watchTask(
  settings: Settings,
  output: Output,
  { id, model, print, onConnection }: WatchTaskOptions,
): Promise<ExitCode> {
  const events =
    model === undefined
      ? subscribe(settings, followTimeline, { id }, onConnection)
      : subscribe(settings, followTask, { id, model }, onConnection)
  const seen = new Set<string>()
  const progress = showProgress(output)
  let last: TaskEvent | null = null
  try {
    for await (const event of events) {
      last = event
      progress.update(event.videoTask)
      const { kind, state } = keysOf(event)
      // After a reconnect the past events come again.
      if (seen.has(state)) continue
      if (!output.showsProgress || !seen.has(kind)) print(taskLine(event))
      seen.add(kind).add(state)
      output.event({ event: 'task', ...event })
    }
  } finally {
    progress.stop()
  }
  return finish(output, id, last)
}

/** Prints how the task ended. */
function finish(output: Output, id: string, last: TaskEvent | null): ExitCode {
  const task = last?.videoTask ?? null
  const exitCode = exitCodeOf(task)
  output.event({ event: 'result', exitCode, videoTask: task })
  if (task?.video) {
    output.line(task.video.url)
    if (task.video.expiresAt) output.note(`The URL expires at ${task.video.expiresAt}.`)
    return exitCode
  }
  for (const line of last ? failureLines(last.videoTask, last.message) : []) output.note(line)
  if (exitCode === EXIT_CODE.unknown) {
    output.note(`It is not known how it ended. Watch it again: npx zerograph watch ${id}`)
  }
  return exitCode
}

function exitCodeOf(task: VideoTask | null): ExitCode {
  switch (task?.status) {
    case 'SUCCEEDED':
      return EXIT_CODE.done
    case 'FAILED':
      return task.failure?.code === 'OUTCOME_UNKNOWN' ? EXIT_CODE.unknown : EXIT_CODE.failed
    case 'CANCELLED':
    case 'EXPIRED':
      return EXIT_CODE.failed
    default:
      return EXIT_CODE.unknown
  }
}

/**
 * Returns what identifies an event. Each kind happens once for a task, or once for an asset of it; only progress
 * repeats.
 */
function keysOf({ type, asset, videoTask: { progress } }: TaskEvent) {
  const kind = JSON.stringify([type, asset?.id])
  const isProgress = type === 'PROGRESSED' || type === 'RUNNING'
  return { kind, state: isProgress ? JSON.stringify([kind, progress]) : kind }
}

/** Shows the progress of a task on a terminal, each second. */
function showProgress(output: Output) {
  const startedAt = Date.now()
  let task: VideoTask | null = null
  const show = () => task && output.progress(progressLine(task, Date.now() - startedAt))
  const timer = setInterval(show, 1_000)
  return {
    update(next: VideoTask) {
      task = next
      show()
    },
    stop() {
      clearInterval(timer)
      output.progress(null)
    },
  }
}
