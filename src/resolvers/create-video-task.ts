import { randomUUID } from 'node:crypto'
import type { VideoTaskSnapshot } from '../model/entities.ts'
import { type CreateFailure, invalidInput } from '../model/failure.ts'
import { requireIdentity } from '../model/identity.ts'
import type { CreateVideoTaskRequest } from '../model/requests.ts'
import type { UpstreamCall } from '../upstream/call.ts'
import type { Asset } from './asset.ts'
import { type CreateVideoTaskInput, checkVideoTask } from './check-video-task.ts'
import type { Context } from './context.ts'
import { createOnce } from './create-once.ts'
import { orFailure } from './or-failure.ts'
import { assetsOf, readUsableReferences } from './referenced-assets.ts'
import { type VideoTask, videoTaskOf } from './video-task.ts'
import { withDefaults } from './video-task-defaults.ts'

/** The failure of a video task that refers to assets which are not ACTIVE. */
export interface AssetsNotReady {
  code: 'ASSETS_NOT_READY'
  message: string
  retryable: boolean
  assets: Asset[]
}

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
  const send = waitForAssets ? storeWaitingTask : sendTask
  try {
    return await orFailure(async () => {
      if (issues.length > 0) throw invalidInput(issues)
      const complete = withDefaults(request)
      const created = await createOnce(
        {
          kind: 'videoTask',
          request: { ...request, waitForAssets },
          idempotencyKey,
          origin: { model: request.model, request: complete },
          send: (call) => send(complete, call, context),
        },
        context,
      )
      return videoTaskOf(created)
    })
  } catch (error) {
    if (error instanceof AssetsNotReadyError) return error.result
    throw error
  }
}

async function sendTask(request: CreateVideoTaskRequest, call: UpstreamCall, context: Context) {
  const references = await readUsableReferences(request, context)
  refuseNotReady(assetsOf(references, ({ status }) => status !== 'ACTIVE'))
  const snapshot = await context.upstream.createVideoTask(request, call)
  return { key: snapshot.taskId, snapshot }
}

/** Also registers the assets, so that they are polled and the task becomes due when their polling has ended. */
async function storeWaitingTask(
  request: CreateVideoTaskRequest,
  _call: UpstreamCall,
  context: Context,
) {
  const { tenant } = requireIdentity(context)
  const references = await readUsableReferences(request, context)
  refuseNotReady(assetsOf(references, ({ status }) => status === 'FAILED'))
  const assets = new Map(references.map(({ asset }) => [asset.key, asset]))
  const registering = [...assets.values()].map((asset) => {
    const ref = { tenant, kind: 'asset', key: asset.key } as const
    return context.reads.ensureRegistered(ref, context, async () => asset)
  })
  await Promise.all(registering)
  return { key: `zg-${randomUUID().replaceAll('-', '')}`, snapshot: waitingTask(request) }
}

function waitingTask({ model }: CreateVideoTaskRequest): VideoTaskSnapshot {
  return {
    taskId: null,
    model,
    provider: null,
    status: 'WAITING_FOR_ASSETS',
    rawStatus: null,
    progress: null,
    video: null,
    usage: null,
    failureReason: null,
    createdAt: new Date(),
    updatedAt: null,
  }
}

/** Thrown before anything is sent. Not a RequestError, because this failure is a result of this create only. */
class AssetsNotReadyError extends Error {
  override readonly name = 'AssetsNotReadyError'
  readonly result: AssetsNotReady
  constructor(result: AssetsNotReady) {
    super(result.message)
    this.result = result
  }
}

function refuseNotReady(assets: Asset[]): void {
  if (assets.length === 0) return
  const states = assets.map(({ assetId, status }) => `${assetId} is ${status}`)
  throw new AssetsNotReadyError({
    code: 'ASSETS_NOT_READY',
    message: `Every referenced asset must be ACTIVE: ${states.join(', ')}.`,
    retryable: assets.every(({ status }) => status !== 'FAILED'),
    assets,
  })
}
