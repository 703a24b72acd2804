import type { Entity } from '../ledger/entity.ts'
import type { OwnFailureCode } from '../model/failure-code.ts'

/** Why a waiting task can never be sent. */
export interface Obstacle {
  reason: string
  failureCode: OwnFailureCode
  /** The key of the asset to blame; null when it is not known. */
  failedAssetKey: string | null
}

/**
 * Returns the reason why a waiting task can never be sent, or null when it may still be sent. The reason is an asset
 * that has failed, or that is not ACTIVE when its polling has ended or the deadline of the task has passed. `assets`
 * are the assets that the task refers to; null for an asset that the ledger does not contain.
 */
export function obstacleOf(assets: (Entity<'asset'> | null)[], deadlineAt: Date): Obstacle | null {
  const known = assets.filter((asset) => asset !== null)
  const failed = known.find(({ snapshot }) => snapshot.status === 'FAILED')
  if (failed) {
    const { assetId, failureReason } = failed.snapshot
    const reason = `The asset ${assetId} failed: ${failureReason ?? 'no reason given'}.`
    return { reason, failureCode: 'ASSET_FAILED', failedAssetKey: failed.key }
  }
  const pending = known.filter(({ snapshot }) => snapshot.status !== 'ACTIVE')
  const unpolled = pending.find(({ pollingEndedReason }) => pollingEndedReason !== null)
  if (unpolled) return stillPending(unpolled, unpolled.observedAt, 'ASSET_FAILED')
  if (deadlineAt.getTime() > Date.now()) return null
  if (pending[0]) return stillPending(pending[0], deadlineAt, 'DEADLINE')
  const isMissing = known.length < assets.length
  if (!isMissing) return null
  const reason = `An asset it names was not known at ${deadlineAt.toISOString()}.`
  return { reason, failureCode: 'DEADLINE', failedAssetKey: null }
}

function stillPending(
  { key, snapshot }: Entity<'asset'>,
  at: Date,
  failureCode: OwnFailureCode,
): Obstacle {
  const reason = `The asset ${snapshot.assetId} was still ${snapshot.status} at ${at.toISOString()}.`
  return { reason, failureCode, failedAssetKey: key }
}
