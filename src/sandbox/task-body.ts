import type { Switches } from './fault.ts'
import type { Pace } from './lifecycle.ts'
import type { TaskRow } from './store.ts'
import { estimateTokens } from './task-input.ts'

/** The only provider of video tasks here, by the name that 0-0 gives it (upstream-api 3.3). */
export const PROVIDER = 'lingjing'

/** What `taskBody` needs besides the task. */
interface TaskBodyOptions {
  /** Scheme, host and port of the video URL. */
  origin: string
  switches: Switches
  pace: Pace
  /** Whether the body has a `progress` when no fault decides it. */
  reportsProgress: boolean
}

/**
 * Returns the body of `GET /v1/video/tasks/{id}` as the Lingjing route sends it (upstream-api 3.4). Of the providers of
 * 0-0, only callxyq reports `progress`.
 */
export function taskBody(
  task: TaskRow,
  { origin, switches, pace, reportsProgress }: TaskBodyOptions,
) {
  const { id, model, status, input, failure, video } = task
  return {
    id,
    model,
    provider: PROVIDER,
    status,
    video: video === null ? {} : { url: `${origin}/media/${video}` },
    ...((switches.progress ?? reportsProgress) && { progress: progressPercent(task, pace) }),
    ...(status === 'succeeded' && { usage: estimateTokens(input) }),
    ...(status === 'failed' && {
      error: { message: switches.failureAsObject ? failureObject(failure) : failure },
    }),
  }
}

/** 0 to 100. Below 100 while the task runs, even if rendering takes longer than `taskRunningMs`. */
function progressPercent({ status, startAt }: TaskRow, pace: Pace): number {
  if (status === 'queued') return 0
  if (status !== 'running') return 100
  return Math.min(99, Math.floor(((Date.now() - startAt) / pace.taskRunningMs) * 100))
}

/** Converts `Code: message` to the object that some providers send (upstream-api 10.4). */
function failureObject(failure: string | null) {
  const [code = '', ...rest] = (failure ?? '').split(': ')
  return { code, message: rest.join(': ') }
}
