import type { Entity } from '../ledger/entity.ts'
import type { PolledKind } from '../ledger/poll-job.ts'
import type { Context } from './context.ts'

/** Clients must not repeat a request in a loop while a poll is due or in flight. */
const MIN_DELAY_MS = 1_000

/**
 * Returns when a client that polls should read the entity again: at the next poll of this service, and at least one
 * second from now. Null when there are no further polls. An entity that is not registered is not polled; then it is the
 * time at which this service would poll a new entity.
 */
export async function findNextCheck(
  kind: PolledKind,
  { key, pollingEnded, registeredAt }: Entity<PolledKind>,
  { loaders, firstPollMs }: Context,
): Promise<Date | null> {
  if (pollingEnded) return null
  const nextPollAt =
    registeredAt === null
      ? Date.now() + firstPollMs[kind]
      : (await loaders.nextPoll.load({ kind, key }))?.getTime()
  // There is no poll job when polling ended after the entity was read.
  return new Date(Math.max(nextPollAt ?? 0, Date.now() + MIN_DELAY_MS))
}
