import { type FragmentType, getFragmentData, graphql } from '../gql/index.ts'
import { CopyId } from '../ui/CopyId.tsx'
import { formatDuration, formatNumber, formatTime } from '../ui/format.ts'
import './Facts.css'

export const FactsTask = graphql(`
  fragment Facts_task on VideoTask {
    id
    taskId
    model
    provider
    duration
    resolution
    ratio
    createdAt
    submittedAt
    finishedAt
    usage {
      totalTokens
    }
  }
`)

/** The options of a task, its cost, its times and its ids. */
export function Facts({ task: masked }: { task: FragmentType<typeof FactsTask> }) {
  const task = getFragmentData(FactsTask, masked)
  const { createdAt, submittedAt, finishedAt, usage } = task
  const start = submittedAt ?? createdAt
  const tookMs = start && finishedAt ? Date.parse(finishedAt) - Date.parse(start) : null
  const facts = {
    Model: task.model,
    Duration: durationOf(task.duration),
    Resolution: task.resolution,
    Ratio: task.ratio,
    Created: createdAt && formatTime(createdAt),
    Provider: task.provider,
    Cost: usage?.totalTokens == null ? null : `${formatNumber(usage.totalTokens)} tokens`,
    Took: tookMs === null ? null : formatDuration(tookMs),
  }

  return (
    <section className="task-section" aria-labelledby="facts-title">
      <h3 id="facts-title">Details</h3>
      <dl className="facts">
        {Object.entries(facts).map(
          ([name, value]) => value && <Fact key={name} name={name} value={value} />,
        )}
      </dl>
      <CopyId id={task.id} name="the task" />
      {task.taskId && <CopyId id={task.taskId} name="the task at 0-0" />}
    </section>
  )
}

function Fact({ name, value }: { name: string; value: string }) {
  return (
    <>
      <dt className="muted">{name}</dt>
      <dd>{value}</dd>
    </>
  )
}

function durationOf(seconds: number | null): string | null {
  if (seconds === null) return null
  return seconds === -1 ? 'the model chooses' : `${seconds} s`
}
