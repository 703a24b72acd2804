import type { Kysely, Selectable, Transaction } from 'kysely'
import type { Nudges } from './nudges.ts'
import { findRow, giveUp, parentOf, resourceOf, update } from './observe.ts'
import type { Address, Kind, Origin, Snapshot } from './resource.ts'
import type { Secrets } from './secrets.ts'
import type { Tables, WatchTable } from './tables.ts'

/** When a watch begins and when it is given up, in milliseconds after it was added. */
export interface WatchTiming {
  firstPollMs: Record<WatchedKind, number>
  deadlineMs: number
}
export type WatchedKind = Exclude<Kind, 'assetGroup'>

/** A watch claimed for one poll. */
export interface ClaimedWatch extends Address<WatchedKind> {
  /** Null when the sealed key cannot be opened any more. */
  credential: string | null
  snapshot: Snapshot<WatchedKind>
  origin: Origin<WatchedKind>
  /** The gap before this poll, without its jitter. */
  gapMs: number
  deadlineAt: Date
  fence: number
}

export interface ClaimOptions {
  now: Date
  limit: number
  leaseMs: number
  /** Polls per second each tenant may make. */
  maxRps: number
}

/** What follows a poll that did not settle its resource: another one, or the end of the watch, with the reason. */
export type AfterPoll = { nextPollAt: Date; gapMs: number } | { endedBecause: string }

/** What is to be polled, and by whom. */
export interface Watches {
  /** Claims due watches for `leaseMs`, longest overdue first, within each tenant's budget. */
  claim(options: ClaimOptions): Promise<ClaimedWatch[]>
  /**
   * Ends a claim with what the poll saw (null: nothing) and what follows.
   * Gives false, recording nothing, when the claim was lost meanwhile.
   */
  conclude(
    watch: ClaimedWatch,
    seen: Snapshot<WatchedKind> | null,
    then: AfterPoll,
  ): Promise<boolean>
  /** When the next watch can be claimed, or null when there is none. */
  nextDueAt(): Promise<Date | null>
  /** Calls `listener` when a watch was added. Gives the function that ends it. */
  onAdded(listener: () => void): () => void
  /** Tells those listeners; called once the addition is committed. */
  added(): void
}

interface Parts {
  database: Kysely<Tables>
  secrets: Secrets
  nudges: Nudges
}

export function createWatches({ database, secrets, nudges }: Parts): Watches {
  const listeners = new Set<() => void>()
  return {
    claim({ now, limit, leaseMs, maxRps }) {
      const at = now.getTime()
      return database.transaction().execute(async (trx) => {
        const tenants = await trx
          .selectFrom('watch')
          .select(({ fn }) => ['tenant', fn.min('next_poll_at').as('since')])
          .where('next_poll_at', '<=', at)
          .where('lease_until', '<=', at)
          .groupBy('tenant')
          .orderBy('since')
          .limit(limit)
          .execute()
        const claimed: ClaimedWatch[] = []
        for (const [index, { tenant }] of tenants.entries()) {
          // Room is shared evenly, so that a tenant with many watches delays no other.
          const share = Math.ceil((limit - claimed.length) / (tenants.length - index))
          const tokens = await tokensOf(trx, tenant, at, maxRps)
          const count = Math.min(share, Math.floor(tokens))
          if (count === 0) continue
          const rows = await lease(trx, tenant, at, count, leaseMs)
          await storeTokens(trx, tenant, tokens - rows.length, at)
          claimed.push(...(await withResources(trx, secrets, tenant, rows)))
        }
        return claimed
      })
    },

    async conclude(watch, seen, then) {
      const outcome = await database.transaction().execute(async (trx) => {
        const row = await findRow(trx, watch)
        if (!row || !(await isHeld(trx, watch))) return 'lost'
        const before = row.seq
        const resource = seen ? await update<WatchedKind>(trx, watch, row, seen) : resourceOf(row)
        if (!resource.settled && 'endedBecause' in then) {
          await giveUp(trx, watch, then.endedBecause)
          return 'changed'
        }
        if (!resource.settled && 'nextPollAt' in then) await reschedule(trx, watch, then)
        return resource.seq === before ? 'same' : 'changed'
      })
      if (outcome === 'changed') {
        nudges.send({ ...watch, parent: parentOf(watch.kind, watch.snapshot) })
      }
      return outcome !== 'lost'
    },

    async nextDueAt() {
      const row = await database
        .selectFrom('watch')
        .select(({ eb, fn }) =>
          fn
            .min(
              eb
                .case()
                .when('lease_until', '>', eb.ref('next_poll_at'))
                .then(eb.ref('lease_until'))
                .else(eb.ref('next_poll_at'))
                .end(),
            )
            .as('next'),
        )
        .executeTakeFirst()
      return row?.next ? new Date(Number(row.next)) : null
    },

    onAdded(listener) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },

    added() {
      for (const listener of listeners) listener()
    },
  }
}

type WatchRow = Selectable<WatchTable>

/** Has a registered resource polled with `credential`, unless it already is. */
export async function addWatch(
  trx: Transaction<Tables>,
  secrets: Secrets,
  { tenant, kind, key }: Address<WatchedKind>,
  credential: string,
  timing: WatchTiming,
): Promise<void> {
  const now = Date.now()
  await trx
    .insertInto('watch')
    .values({
      tenant,
      kind,
      key,
      next_poll_at: now + timing.firstPollMs[kind],
      gap_ms: timing.firstPollMs[kind],
      deadline_at: now + timing.deadlineMs,
      lease_until: 0,
      fence: 0,
    })
    .onConflict((conflict) => conflict.columns(['tenant', 'kind', 'key']).doNothing())
    .execute()
  await trx
    .insertInto('credential')
    .values({ tenant, sealed: secrets.seal(credential, tenant) })
    .onConflict((conflict) => conflict.column('tenant').doNothing())
    .execute()
}

async function tokensOf(
  trx: Transaction<Tables>,
  tenant: string,
  at: number,
  maxRps: number,
): Promise<number> {
  const budget = await trx
    .selectFrom('poll_budget')
    .selectAll()
    .where('tenant', '=', tenant)
    .executeTakeFirst()
  if (!budget) return maxRps
  const refilled = budget.tokens + ((at - budget.refilled_at) / 1000) * maxRps
  return Math.min(maxRps, refilled)
}

async function storeTokens(
  trx: Transaction<Tables>,
  tenant: string,
  tokens: number,
  refilled_at: number,
): Promise<void> {
  await trx
    .insertInto('poll_budget')
    .values({ tenant, tokens, refilled_at })
    .onConflict((conflict) => conflict.column('tenant').doUpdateSet({ tokens, refilled_at }))
    .execute()
}

async function lease(
  trx: Transaction<Tables>,
  tenant: string,
  at: number,
  count: number,
  leaseMs: number,
): Promise<WatchRow[]> {
  return trx
    .updateTable('watch')
    .set(({ eb }) => ({ lease_until: at + leaseMs, fence: eb('fence', '+', 1) }))
    .where('tenant', '=', tenant)
    .where(({ eb, refTuple, selectFrom }) =>
      eb(
        refTuple('kind', 'key'),
        'in',
        selectFrom('watch')
          .select(['kind', 'key'])
          .where('tenant', '=', tenant)
          .where('next_poll_at', '<=', at)
          .where('lease_until', '<=', at)
          .orderBy('next_poll_at')
          .limit(count)
          .$asTuple('kind', 'key'),
      ),
    )
    .returningAll()
    .execute()
}

async function withResources(
  trx: Transaction<Tables>,
  secrets: Secrets,
  tenant: string,
  rows: WatchRow[],
): Promise<ClaimedWatch[]> {
  const credential = await credentialOf(trx, secrets, tenant)
  const claimed: ClaimedWatch[] = []
  for (const watch of rows) {
    const address = { tenant, kind: watch.kind as WatchedKind, key: watch.key }
    const row = await findRow(trx, address)
    if (!row) continue
    const { snapshot, origin } = resourceOf<WatchedKind>(row)
    claimed.push({
      ...address,
      credential,
      snapshot,
      origin,
      gapMs: watch.gap_ms,
      deadlineAt: new Date(watch.deadline_at),
      fence: watch.fence,
    })
  }
  return claimed
}

async function credentialOf(
  trx: Transaction<Tables>,
  secrets: Secrets,
  tenant: string,
): Promise<string | null> {
  const row = await trx
    .selectFrom('credential')
    .select('sealed')
    .where('tenant', '=', tenant)
    .executeTakeFirst()
  if (!row) return null
  try {
    return secrets.open(row.sealed, tenant)
  } catch {
    // Sealed under a secret this service no longer has: as good as none.
    return null
  }
}

async function isHeld(trx: Transaction<Tables>, watch: ClaimedWatch): Promise<boolean> {
  const row = await trx
    .selectFrom('watch')
    .select('fence')
    .where('tenant', '=', watch.tenant)
    .where('kind', '=', watch.kind)
    .where('key', '=', watch.key)
    .executeTakeFirst()
  return row?.fence === watch.fence
}

async function reschedule(
  trx: Transaction<Tables>,
  watch: ClaimedWatch,
  next: { nextPollAt: Date; gapMs: number },
): Promise<void> {
  await trx
    .updateTable('watch')
    .set({ next_poll_at: next.nextPollAt.getTime(), gap_ms: next.gapMs, lease_until: 0 })
    .where('tenant', '=', watch.tenant)
    .where('kind', '=', watch.kind)
    .where('key', '=', watch.key)
    .execute()
}
