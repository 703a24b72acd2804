import { type FragmentType, getFragmentData, graphql } from '../gql/index.ts'
import { StatusMark } from '../ui/StatusMark.tsx'
import { isPending } from '../videos/is-pending.ts'
import { CancelButton } from './CancelButton.tsx'
import { Facts } from './Facts.tsx'
import { FailureNote } from './FailureNote.tsx'
import { Player } from './Player.tsx'
import { Prompt } from './Prompt.tsx'
import { Resources } from './Resources.tsx'
import { TaskProgress } from './TaskProgress.tsx'
import { Timeline } from './Timeline.tsx'
import './TaskDetails.css'

export const TaskDetailsTask = graphql(`
  fragment TaskDetails_task on VideoTask {
    id
    status
    prompt
    ...Player_task
    ...FailureNote_task
    ...TaskProgress_task
    ...Resources_task
    ...Facts_task
  }
`)

/** All about one task: its video, how it was made, what it was made of, and what it cost. */
export function TaskDetails({ task: masked }: { task: FragmentType<typeof TaskDetailsTask> }) {
  const task = getFragmentData(TaskDetailsTask, masked)
  const { id, status, prompt } = task
  return (
    <>
      <Player task={task} />
      {isPending(status) && <TaskProgress task={task} />}
      <div className="task-status">
        <span aria-live="polite">
          <StatusMark status={status} />
        </span>
        {status === 'WAITING_FOR_ASSETS' && <CancelButton id={id} />}
      </div>
      <FailureNote task={task} />
      {prompt && <Prompt text={prompt} />}
      <Timeline id={id} isPending={isPending(status)} />
      <Resources task={task} />
      <Facts task={task} />
    </>
  )
}
