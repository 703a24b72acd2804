import type { Entity } from '../ledger/entity.ts'
import { type CreateFailure, invalidInput } from '../model/failure.ts'
import { requireIdentity } from '../model/identity.ts'
import type { CreateVideoTaskRequest } from '../model/requests.ts'
import type { UpstreamCall } from '../upstream/call.ts'
import { type AssetsNotReady, orNotReady, refuseNotReady } from './assets-not-ready.ts'
import { type CreateVideoTaskInput, checkVideoTask } from './check-video-task.ts'
import type { Context } from './context.ts'
import { createOnce } from './create-once.ts'
import { orFailure } from './or-failure.ts'
import { assetsOf, readUsableReferences } from './referenced-assets.ts'
import { storeWaitingTask } from './store-waiting-task.ts'
import { type VideoTask, videoTaskOf } from './video-task.ts'
import { withDefaults } from './video-task-defaults.ts'

/**
 * Sends a video task to 0-0 when the input is valid and every referenced asset is ACTIVE. With `waitForAssets`, stores
 * the task instead, and the tracker sends it when the assets are ACTIVE. Returns the task, AssetsNotReady or a
 * CreateFailure. Throws any other failure, e.g. UNAUTHENTICATED.
 */
export async function createVideoTask(
  input: CreateVideoTaskInput,
  context: Context,
): Promise<VideoTask | AssetsNotReady | CreateFailure> {
  requireIdentity(context)
  const { idempotencyKey, waitForAssets } = input
  const { request, issues } = checkVideoTask(input, context)
  const readAssets = async () =>
    (await readUsableReferences(request, context)).map(({ asset }) => asset)
  const create = () =>
    waitForAssets
      ? storeWaitingTask(request, idempotencyKey, readAssets, context)
      : sendTask(request, idempotencyKey, context)
  return orNotReady(() =>
    orFailure(async () => {
      if (issues.length > 0) throw invalidInput(issues)
      return videoTaskOf(await create())
    }),
  )
}

function sendTask(
  request: CreateVideoTaskRequest,
  idempotencyKey: string | undefined,
  context: Context,
): Promise<Entity<'videoTask'>> {
  const complete = withDefaults(request)
  return createOnce(
    {
      kind: 'videoTask',
      request: { ...request, waitForAssets: false },
      idempotencyKey,
      origin: { model: request.model, request: complete },
      async send(call: UpstreamCall) {
        const references = await readUsableReferences(complete, context)
        refuseNotReady(assetsOf(references, ({ status }) => status !== 'ACTIVE'))
        const snapshot = await context.upstream.createVideoTask(complete, call)
        return { key: snapshot.taskId, snapshot }
      },
    },
    context,
  )
}
