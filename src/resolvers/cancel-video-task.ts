import type { Failure } from '../model/failure.ts'
import { requireIdentity } from '../model/identity.ts'
import type { Context } from './context.ts'
import { getVideoTaskId } from './ids.ts'
import { findVideoTask, type VideoTask, videoTaskOf } from './video-task.ts'

/** The failure of cancelling a task that 0-0 has received, or that has ended. */
export interface NotCancellable {
  code: 'NOT_CANCELLABLE'
  message: string
  retryable: boolean
  videoTask: VideoTask
}

/**
 * Cancels a video task that was not sent to 0-0. Returns the cancelled task, also when it was cancelled here before.
 * Returns NotCancellable for any other task, and NOT_FOUND when neither 0-0 nor the ledger knows the id. Throws
 * INVALID_INPUT when the id cannot be the id of a video task, and any other failure of the read.
 */
export async function cancelVideoTask(
  id: string,
  context: Context,
): Promise<VideoTask | NotCancellable | NotFound> {
  const { tenant } = requireIdentity(context)
  const ref = { tenant, kind: 'videoTask', key: getVideoTaskId(id) } as const
  const cancellation = await context.ledger.cancelWaitingTask(ref)
  if (cancellation === null) {
    const unregistered = await findVideoTask(id, null, context)
    return unregistered ? notCancellable(unregistered) : NOT_FOUND
  }
  const task = videoTaskOf(cancellation.task)
  // 0-0 has never received a task without an id of 0-0, so only this service can have cancelled it.
  const isCancelledHere = task.status === 'CANCELLED' && task.taskId === null
  return isCancelledHere ? task : notCancellable(task)
}

function notCancellable(videoTask: VideoTask): NotCancellable {
  const { status } = videoTask
  const message =
    status === 'WAITING_FOR_ASSETS'
      ? 'The task has just been sent to 0-0, which cannot stop it.'
      : `The task is ${status}. Only a task that waits for its assets can be cancelled.`
  return { code: 'NOT_CANCELLABLE', message, retryable: false, videoTask }
}

type NotFound = Extract<Failure, { code: 'NOT_FOUND' }>

const NOT_FOUND: NotFound = {
  code: 'NOT_FOUND',
  message: 'Neither 0-0 nor this service knows a video task with this id.',
  retryable: false,
}
