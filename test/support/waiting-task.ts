import type { EntityRef, Origin } from '../../src/ledger/entity.ts'
import type { Ledger } from '../../src/ledger/ledger.ts'
import type { CreateVideoTaskRequest } from '../../src/model/requests.ts'
import { KEY } from './app.ts'
import { registerAsset, taskEntityRef, taskSeen } from './ledger.ts'

/** A request that uses the assets with these ids. */
export function requestNaming(...assetIds: string[]): CreateVideoTaskRequest {
  const resources = assetIds.map(
    (assetId) => ({ type: 'IMAGE', role: 'REFERENCE', platform: 'JIMENG', assetId }) as const,
  )
  return { model: 'seedance-2-0', prompt: 'A cat', audio: false, resources }
}

/** Registers a waiting task, by default without assets. */
export async function registerWaitingTask(
  ledger: Ledger,
  id: string,
  origin: Origin<'videoTask'> = { model: 'seedance-2-0', request: requestNaming() },
): Promise<EntityRef<'videoTask'>> {
  const ref = taskEntityRef(ledger, id)
  const snapshot = taskSeen('WAITING_FOR_ASSETS', { taskId: null, rawStatus: null })
  await ledger.register(ref, { snapshot, origin, credential: KEY })
  return ref
}

/** Registers the assets with these ids as PROCESSING and a task that waits for them. */
export async function registerWaiting(
  ledger: Ledger,
  id: string,
  ...assetIds: string[]
): Promise<EntityRef<'videoTask'>> {
  for (const assetId of assetIds) await registerAsset(ledger, assetId)
  const request = requestNaming(...assetIds)
  return registerWaitingTask(ledger, id, { model: request.model, request })
}
