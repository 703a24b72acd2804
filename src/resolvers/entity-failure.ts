import type { Entity } from '../ledger/entity.ts'
import { codeIn } from '../model/failure-code.ts'
import { type Asset, assetOf } from './asset.ts'
import type { Context } from './context.ts'
import type { VideoTask } from './video-task.ts'

/** Why an asset or a video task failed. */
export interface EntityFailure {
  /** A code of 0-0 or of this service; null when neither is known. */
  code: string | null
  message: string
  /** Reads the asset to blame from the ledger. */
  asset(context: Context): Asset | null | Promise<Asset | null>
}

const NO_REASON = '0-0 has not reported a reason.'
const EXPIRED = 'The task waited too long at the provider.'

/** Returns the failure of an asset, which is itself to blame. Null when it has not failed. */
export function assetFailureOf(asset: Asset): EntityFailure | null {
  const { entity } = asset
  const hasFailed = entity.snapshot.status === 'FAILED'
  if (!hasFailed && entity.pollingEndedReason === null) return null
  return { ...reasonOf(entity, NO_REASON), asset: () => asset }
}

/** Returns the failure of a task. Null when it is not FAILED or EXPIRED, and its polling did not end early. */
export function taskFailureOf({ entity }: VideoTask): EntityFailure | null {
  const { status, failedAssetKey } = entity.snapshot
  const hasFailed = status === 'FAILED' || status === 'EXPIRED'
  if (!hasFailed && entity.pollingEndedReason === null) return null
  return {
    ...reasonOf(entity, status === 'EXPIRED' ? EXPIRED : NO_REASON),
    asset: (context) => (failedAssetKey == null ? null : findKnownAsset(failedAssetKey, context)),
  }
}

async function findKnownAsset(key: string, { loaders }: Context): Promise<Asset | null> {
  const entity = await loaders.knownAsset.load(key)
  return entity && assetOf(entity)
}

/** The recorded code is null in rows of earlier versions. Only a text of 0-0 begins with a code. */
function reasonOf(
  { snapshot, pollingEndedReason }: Entity<'asset' | 'videoTask'>,
  whenUnknown: string,
): { code: string | null; message: string } {
  const { failureReason, failureCode = null } = snapshot
  const isOver = snapshot.status === 'FAILED' || snapshot.status === 'EXPIRED'
  if (!isOver && pollingEndedReason !== null) {
    return { code: failureCode, message: failureReason ?? pollingEndedReason }
  }
  const code = failureCode ?? (failureReason === null ? null : codeIn(failureReason))
  return { code, message: failureReason ?? whenUnknown }
}
