import { type FragmentType, getFragmentData, graphql } from '../gql/index.ts'
import { Age } from '../ui/Age.tsx'
import { StatusMark } from '../ui/StatusMark.tsx'
import { isPending } from './is-pending.ts'
import { Poster } from './Poster.tsx'
import './VideoCard.css'

export const VideoCardTask = graphql(`
  fragment VideoCard_task on VideoTask {
    id
    createdAt
    status
    prompt
    progress
    failure {
      message
    }
    ...Poster_task
  }
`)

interface Props {
  task: FragmentType<typeof VideoCardTask>
  isOpened: boolean
  onOpen(): void
}

/** A video in the grid: its picture, prompt, status and age. */
export function VideoCard({ task: masked, isOpened, onOpen }: Props) {
  const task = getFragmentData(VideoCardTask, masked)
  const { prompt, status, progress, failure, createdAt } = task
  return (
    <li>
      <button
        type="button"
        className="plain video-card"
        aria-expanded={isOpened}
        title={prompt ?? undefined}
        onClick={onOpen}
      >
        <span className={isPending(status) ? 'card-picture shimmer' : 'card-picture'}>
          <Poster task={task} />
        </span>
        <span className="card-prompt" dir="auto">
          {prompt ?? 'A video without a prompt'}
        </span>
        <span className="card-foot">
          <StatusMark status={status} />
          {status === 'RUNNING' && progress ? <span>{Math.round(progress)} %</span> : null}
          {failure ? (
            <span className="card-reason">{failure.message}</span>
          ) : (
            <Age at={createdAt} />
          )}
        </span>
      </button>
    </li>
  )
}
