import type { Transaction } from 'kysely'
import { rememberAwaitedAssets } from './awaited-assets.ts'
import { storeCredential } from './credentials.ts'
import type { EntityRef, Origin, Snapshot } from './entity.ts'
import type { PolledKind, PollTiming } from './poll-job.ts'
import type { Secrets } from './secrets.ts'
import type { Tables } from './tables.ts'

interface Pollable {
  snapshot: Snapshot<PolledKind>
  origin: Origin
  /** The bearer key to poll with. */
  credential: string
}

/** Schedules the polls of a registered entity with `credential`. Does nothing when they are scheduled already. */
export async function addPollJob(
  trx: Transaction<Tables>,
  secrets: Secrets,
  ref: EntityRef<PolledKind>,
  { snapshot, origin, credential }: Pollable,
  timing: PollTiming,
): Promise<void> {
  const { tenant, kind, key } = ref
  const now = Date.now()
  const waits = snapshot.status === 'WAITING_FOR_ASSETS'
  await trx
    .insertInto('poll_job')
    .values({
      tenant,
      kind,
      key,
      next_poll_at: waits ? now : now + Math.min(timing.firstPollMs[kind], timing.deadlineMs),
      gap_ms: timing.firstPollMs[kind],
      deadline_at: now + timing.deadlineMs,
      lease_until: 0,
      fence: 0,
      submission: waits ? 'WAITING' : null,
    })
    .onConflict((conflict) => conflict.columns(['tenant', 'kind', 'key']).doNothing())
    .execute()
  // Locks assets, so before the credential, which everyone locks last.
  if (waits) await rememberAwaitedAssets(trx, ref, origin)
  await storeCredential(trx, secrets, tenant, credential)
}
