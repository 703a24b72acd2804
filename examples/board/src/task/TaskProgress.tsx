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
  }
`)

/** How far a task is, as 0-0 reports it, else as the last tasks of its kind suggest. */
export function TaskProgress({ task }: { task: FragmentType<typeof TaskProgressTask> }) {
  const { status, progress, createdAt, submittedAt, estimatedReadyAt } = getFragmentData(
    TaskProgressTask,
    task,
  )
  const now = useNow(1000)
  const start = Date.parse(submittedAt ?? createdAt ?? '')
  const end = Date.parse(estimatedReadyAt ?? '')
  // Never full before the end, which may be later than the estimate.
  const estimated = Math.min(95, Math.max(0, (100 * (now - start)) / (end - start)))
  const percent = progress || (Number.isNaN(estimated) ? null : estimated)

  return (
    <div className="task-progress">
      {percent === null ? (
        <div className="progress-wait shimmer" />
      ) : (
        <progress max={100} value={percent} aria-label="Progress" />
      )}
      <p className="note">
        {`${progress ? `${Math.round(progress)} %. ` : ''}${leftOf(status, end - now)}`}
      </p>
    </div>
  )
}

/** Says how long it takes. `leftMs` is NaN without an estimate, which needs three finished videos of the same kind. */
function leftOf(status: string, leftMs: number): string {
  if (leftMs > 500) return `About ${formatDuration(leftMs)} left.`
  if (!Number.isNaN(leftMs)) return 'It takes longer than the last ones.'
  if (status === 'WAITING_FOR_ASSETS') return 'It is sent when all its assets are active.'
  return 'No estimate yet.'
}
