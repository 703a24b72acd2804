import type { Context } from './context.ts'
import type { VideoTask } from './video-task.ts'

/** With fewer tasks, a median says little. */
const MIN_TASKS = 3

/**
 * Estimates when a task will have its video: the median time of the tenant's last tasks of the same model, resolution
 * and duration, counted from the acceptance by 0-0. A task that has not been sent is estimated as if it were sent now.
 * The estimate is never in the past. Null when polling has ended, when fewer than three tasks can be compared, and for
 * a task that is not registered.
 */
export async function estimateReadyAt(task: VideoTask, { loaders }: Context): Promise<Date | null> {
  const { status, model, resolution, duration, entity } = task
  const sentAt = status === 'WAITING_FOR_ASSETS' ? new Date() : entity.submittedAt
  if (entity.pollingEnded || sentAt === null) return null
  const medianMs = medianOf(await loaders.generationTimes.load({ model, resolution, duration }))
  if (medianMs === null) return null
  return new Date(Math.max(Date.now(), sentAt.getTime() + medianMs))
}

function medianOf(times: readonly number[]): number | null {
  if (times.length < MIN_TASKS) return null
  const sorted = times.toSorted((a, b) => a - b)
  const middle = Math.floor(sorted.length / 2)
  const upper = sorted[middle] ?? 0
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? 0) + upper) / 2
}
