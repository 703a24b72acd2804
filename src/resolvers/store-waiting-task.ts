import { randomUUID } from 'node:crypto'
import type { Entity } from '../ledger/entity.ts'
import type { VideoTaskSnapshot } from '../model/entities.ts'
import { requireIdentity } from '../model/identity.ts'
import type { CreateVideoTaskRequest } from '../model/requests.ts'
import { assetOf } from './asset.ts'
import { refuseNotReady } from './assets-not-ready.ts'
import type { Context } from './context.ts'
import { storeOnce } from './store-once.ts'
import { withDefaults } from './video-task-defaults.ts'

/**
 * Stores a video task that the tracker sends when its assets are ACTIVE. `readAssets` returns the assets that the
 * request refers to. Registers them too, so that they are polled and the task becomes due when their polling has ended.
 * Throws AssetsNotReadyError when one of them has FAILED, and the failures of `readAssets` and of `storeOnce`.
 */
export async function storeWaitingTask(
  request: CreateVideoTaskRequest,
  idempotencyKey: string | undefined,
  readAssets: () => Promise<Entity<'asset'>[]>,
  context: Context,
): Promise<Entity<'videoTask'>> {
  const complete = withDefaults(request)
  return storeOnce(
    {
      kind: 'videoTask',
      request: { ...request, waitForAssets: true },
      idempotencyKey,
      origin: { model: request.model, request: complete },
      async prepare() {
        await registerAssets(await readAssets(), context)
        return { key: `zg-${randomUUID().replaceAll('-', '')}`, snapshot: waitingTask(complete) }
      },
    },
    context,
  )
}

async function registerAssets(assets: Entity<'asset'>[], context: Context): Promise<void> {
  const { tenant } = requireIdentity(context)
  const distinct = [...new Map(assets.map((asset) => [asset.key, asset])).values()]
  refuseNotReady(distinct.map(assetOf).filter(({ status }) => status === 'FAILED'))
  const registering = distinct.map((asset) => {
    const ref = { tenant, kind: 'asset', key: asset.key } as const
    return context.reads.ensureRegistered(ref, context, async () => asset)
  })
  await Promise.all(registering)
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
