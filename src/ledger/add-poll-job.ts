import type { Transaction } from 'kysely'
import { rememberAwaitedAssets } from './awaited-assets.ts'
import { storeCredential } from './credentials.ts'
import type { EntityRef, Origin, Snapshot } from './entity.ts'
import type { PolledKind, PollTiming } from './poll-job.ts'
import type { Secrets } from './secrets.ts'
import type { Tables } from './tables.ts'

/** What a poll job needs besides the name of its entity. */
interface Pollable {
  snapshot: Snapshot<PolledKind>
  origin: Origin
  /** The bearer key to poll with. */
  credential: string
}

/**
 * Schedules the polls of a registered entity and stores the bearer key for them. A poll job that
 * already exists is not changed. A task that waits for its assets is due at once; any other entity is
 * due after `timing.firstPollMs`, but not later than the deadline.
 */
export async function addPollJob(
  trx: Transaction<Tables>,
  secrets: Secrets,
  ref: EntityRef<PolledKind>,
  { snapshot, origin, credential }: Pollable,
  timing: PollTiming,
): Promise<void> {
  const { tenant, kind, key } = ref
  const now = Date.now()
  const isWaiting = snapshot.status === 'WAITING_FOR_ASSETS'
  await trx
    .insertInto('poll_job')
    .values({
      tenant,
      kind,
      key,
      next_poll_at: isWaiting ? now : now + Math.min(timing.firstPollMs[kind], timing.deadlineMs),
      gap_ms: timing.firstPollMs[kind],
      deadline_at: now + timing.deadlineMs,
      lease_until: 0,
      fence: 0,
      submission: isWaiting ? 'WAITING' : null,
    })
    .onConflict((conflict) => conflict.columns(['tenant', 'kind', 'key']).doNothing())
    .execute()
  // Lock the assets before the credential: every transaction locks the credential last, which
  // prevents deadlocks.
  if (isWaiting) await rememberAwaitedAssets(trx, ref, origin)
  await storeCredential(trx, secrets, tenant, credential)
}
