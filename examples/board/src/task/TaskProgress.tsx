import { useMemo } from 'react'
import { type FragmentType, getFragmentData, graphql } from '../gql/index.ts'
import { formatDuration } from '../ui/format.ts'
import { useNow } from '../ui/useNow.ts'
import './TaskProgress.css'

export const TaskProgressTask = graphql(`
  fragment TaskProgress_task on VideoTask {
    status
    progress
    createdAt
    submittedAt
    estimatedReadyAt
    resources {
      asset {
        id
        status
      }
    }
  }
`)

/** How far a task is, as 0-0 reports it, else as the last tasks of its kind suggest. */
export function TaskProgress({ task }: { task: FragmentType<typeof TaskProgressTask> }) {
  const { status, progress, createdAt, submittedAt, estimatedReadyAt, resources } = getFragmentData(
    TaskProgressTask,
    task,
  )
  // The estimate of a task that waits counts from when it was read.
  const durationMs = useMemo(
    () => Date.parse(estimatedReadyAt ?? '') - Date.now(),
    [estimatedReadyAt],
  )
  const isWaiting = status === 'WAITING_FOR_ASSETS'
  const hasFailedAsset = resources.some(({ asset }) => asset?.status === 'FAILED')
  const now = useNow(1000)
  const start = Date.parse(submittedAt ?? createdAt ?? '')
  const end = Date.parse(estimatedReadyAt ?? '')
  // Never full before the end, which may be later than the estimate.
  const estimated = Math.min(95, Math.max(0, (100 * (now - start)) / (end - start)))
  const percent = progress || (isWaiting || Number.isNaN(estimated) ? null : estimated)

  return (
    <div className="task-progress">
      {percent === null ? (
        <div className="progress-wait shimmer" />
      ) : (
        <progress max={100} value={percent} aria-label="Progress" />
      )}
      <p className="note">
        {`${progress ? `${Math.round(progress)} %. ` : ''}${isWaiting ? waitOf(durationMs, hasFailedAsset) : leftOf(end - now)}`}
      </p>
    </div>
  )
}

/** Says how long it takes. `leftMs` is NaN without an estimate, which needs three finished videos of the same kind. */
function leftOf(leftMs: number): string {
  if (leftMs > 500) return `About ${formatDuration(leftMs)} left.`
  if (!Number.isNaN(leftMs)) return 'It takes longer than the last ones.'
  return 'No estimate yet.'
}

/** Says how long it takes after the assets, which nobody can estimate. */
function waitOf(durationMs: number, hasFailedAsset: boolean): string {
  if (hasFailedAsset) return 'An asset has failed, so it cannot be sent.'
  if (durationMs > 500) return `About ${formatDuration(durationMs)} after its assets are ready.`
  return 'It is sent when all its assets are ready.'
}
