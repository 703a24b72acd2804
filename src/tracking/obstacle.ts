import type { Entity } from '../ledger/entity.ts'

/**
 * Returns the reason why a waiting task can never be sent, or null when it may still be sent. The reason is an asset
 * that has failed, or that is not ACTIVE when its polling has ended or the deadline of the task has passed. `assets`
 * are the assets that the task refers to; null for an asset that the ledger does not contain.
 */
export function obstacleOf(assets: (Entity<'asset'> | null)[], deadlineAt: Date): string | null {
  const known = assets.filter((asset) => asset !== null)
  const failed = known.find(({ snapshot }) => snapshot.status === 'FAILED')
  if (failed) {
    const { assetId, failureReason } = failed.snapshot
    return `The asset ${assetId} failed: ${failureReason ?? 'no reason given'}.`
  }
  const pending = known.filter(({ snapshot }) => snapshot.status !== 'ACTIVE')
  const unpolled = pending.find(({ pollingEndedReason }) => pollingEndedReason !== null)
  if (unpolled) return stillPending(unpolled, unpolled.observedAt)
  if (deadlineAt.getTime() > Date.now()) return null
  if (pending[0]) return stillPending(pending[0], deadlineAt)
  const isMissing = known.length < assets.length
  return isMissing ? `An asset it names was not known at ${deadlineAt.toISOString()}.` : null
}

function stillPending({ snapshot }: Entity<'asset'>, at: Date): string {
  return `The asset ${snapshot.assetId} was still ${snapshot.status} at ${at.toISOString()}.`
}
