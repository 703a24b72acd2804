import { type Kysely, type Selectable, sql, type Transaction } from 'kysely'
import { rememberAwaitedAssets } from './awaited-assets.ts'
import type { ChangeNotifier } from './change-notifier.ts'
import { isPostgres } from './database.ts'
import { findRow, giveUp, resourceOf, update } from './observe.ts'
import type { Address, Kind, Origin, Snapshot } from './resource.ts'
import type { Secrets } from './secrets.ts'
import type { PollJobTable, Tables } from './tables.ts'

export type PolledKind = Exclude<Kind, 'assetGroup'>

/** When a poll job begins and when it is given up, in milliseconds after it was added. */
export interface PollTiming {
  firstPollMs: Record<PolledKind, number>
  deadlineMs: number
}

/** A poll job claimed for one poll. */
export interface ClaimedPollJob extends Address<PolledKind> {
  /** Null when the sealed key cannot be opened any more. */
  credential: string | null
  snapshot: Snapshot<PolledKind>
  origin: Origin<PolledKind>
  /** The gap before this poll, without its jitter. */
  gapMs: number
  dueAt: Date
  deadlineAt: Date
  /** Until when 0-0 asked for a pause. In the future only when the deadline comes before it. */
  notBefore: Date
  /** How many polls in a row, before this one, were answered NOT_FOUND or FORBIDDEN. */
  refusedPolls: number
  fence: number
  /** For a task that 0-0 does not have yet: WAITING, or SENT by someone who never told what came of it. */
  submission: PollJobTable['submission']
}

export interface ClaimOptions {
  now: Date
  limit: number
  leaseMs: number
  /** Polls per second each tenant may make, over all processes. */
  maxRps: number
}

/** What follows a poll that did not settle its resource: another one, or the end of the poll job with the reason. */
export type AfterPoll = NextPoll | { endedBecause: string }

export interface NextPoll {
  /** A time after the deadline stands for the deadline. */
  nextPollAt: Date
  gapMs: number
  /** Until when 0-0 asked for a pause, which no wake shortens; absent: it asked for none. */
  notBefore?: Date
  /** Absent: as many as before. */
  refusedPolls?: number
  submission?: 'WAITING' | 'SENT'
  /** Absent: the same deadline as before. */
  deadlineAt?: Date
}

/** What is to be polled, and by whom. */
export interface PollJobs {
  /** Claims due poll jobs for `leaseMs`, longest overdue first, within each tenant's budget. */
  claim(options: ClaimOptions): Promise<ClaimedPollJob[]>
  /** Makes claims last `leaseMs` from now, those that are still held. */
  extend(jobs: ClaimedPollJob[], leaseMs: number): Promise<void>
  /** Says that a task is being sent to 0-0. Gives false, and it must not be sent, when the claim was lost. */
  markSent(job: ClaimedPollJob): Promise<boolean>
  /**
   * Ends what `markSent` began, as `conclude` does, also when another process has claimed the poll job meanwhile: only the
   * sender knows what came of it. Gives false, recording nothing, when another process has declared an outcome.
   */
  concludeSent(
    job: ClaimedPollJob,
    seen: Snapshot<PolledKind> | null,
    then: AfterPoll,
  ): Promise<boolean>
  /**
   * Ends a claim with what the poll saw (null: nothing) and what follows.
   * Gives false, recording nothing, when the claim was lost meanwhile.
   */
  conclude(
    job: ClaimedPollJob,
    seen: Snapshot<PolledKind> | null,
    then: AfterPoll,
  ): Promise<boolean>
  /** Halves the rate at which a tenant is polled: 0-0 asked for fewer calls. */
  slowDown(tenant: string, maxRps: number): Promise<void>
  /** Raises a rate that was halved, step by step, back to what all have. */
  speedUp(tenant: string, maxRps: number): Promise<void>
  /** When the next poll job can be claimed, or null when there is none. */
  nextDueAt(): Promise<Date | null>
  /** Calls `listener` when a poll job was added or may be due earlier. Gives the function that ends it. */
  onAdded(listener: () => void): () => void
  /** Tells those listeners; called once the addition is committed. */
  added(): void
}

interface Parts {
  database: Kysely<Tables>
  secrets: Secrets
  notifier: ChangeNotifier
}

export function createPollJobs({ database, secrets, notifier }: Parts): PollJobs {
  const listeners = new Set<() => void>()

  /** Ends the claim that `lock` gives, or nothing when it gives none. */
  async function end(
    job: ClaimedPollJob,
    seen: Snapshot<PolledKind> | null,
    then: AfterPoll,
    lock: typeof lockHeld,
  ): Promise<boolean> {
    const { row, before } = await database.transaction().execute(async (trx) => {
      const before = await findRow(trx, job)
      const held = before && (await lock(trx, job))
      if (!held) return { row: null, before: null }
      const row = seen ? await update(trx, before, seen) : before
      if (row.settled === 1) return { row, before }
      if ('endedBecause' in then) return { row: await giveUp(trx, row, then.endedBecause), before }
      await reschedule(trx, held, then)
      return { row, before }
    })
    if (row && row.seq !== before.seq) {
      const { tenant, key, parent } = row
      notifier.send({ tenant, kind: job.kind, key, parent })
    }
    return row !== null
  }

  return {
    claim({ now, limit, leaseMs, maxRps }) {
      const at = now.getTime()
      return database.transaction().execute(async (trx) => {
        const tenants = await dueTenants(trx, at, limit, maxRps)
        const claimed: ClaimedPollJob[] = []
        for (const [index, { tenant }] of tenants.entries()) {
          // Room is shared evenly, so that a tenant with many poll jobs delays no other.
          const share = Math.ceil((limit - claimed.length) / (tenants.length - index))
          const tokens = await lockTokens(trx, tenant, at, maxRps)
          const count = Math.min(share, Math.floor(tokens))
          if (count <= 0) continue
          const rows = await lease(trx, tenant, at, count, leaseMs)
          await storeTokens(trx, tenant, tokens - rows.length, at)
          claimed.push(...(await withResources(trx, secrets, tenant, rows)))
        }
        return claimed
      })
    },

    async extend(jobs, leaseMs) {
      for (const job of jobs) {
        await held(database, job)
          .set({ lease_until: Date.now() + leaseMs })
          .execute()
      }
    },

    async markSent(job) {
      const { numUpdatedRows } = await held(database, job)
        .set({ submission: 'SENT', not_before: 0 })
        .where('submission', '=', 'WAITING')
        .executeTakeFirst()
      return numUpdatedRows === 1n
    },

    conclude: (job, seen, then) => end(job, seen, then, lockHeld),
    concludeSent: (job, seen, then) => end(job, seen, then, takeSent),

    async slowDown(tenant, maxRps) {
      await database
        .updateTable('poll_budget')
        .set(({ fn, val }) => ({
          rate: sql<number>`case when ${fn.coalesce('rate', val(maxRps))} / 2 > ${MIN_RPS}
            then ${fn.coalesce('rate', val(maxRps))} / 2 else ${MIN_RPS} end`,
        }))
        .where('tenant', '=', tenant)
        .execute()
    },

    async speedUp(tenant, maxRps) {
      await database
        .updateTable('poll_budget')
        .set({ rate: sql`case when rate + ${RPS_STEP} < ${maxRps} then rate + ${RPS_STEP} end` })
        .where('tenant', '=', tenant)
        .where('rate', 'is not', null)
        .execute()
    },

    async nextDueAt() {
      const row = await database
        .selectFrom('poll_job')
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

/** However often 0-0 limits a tenant, it is polled once in ten seconds. */
const MIN_RPS = 0.1
/** What each answered poll adds to a rate that was halved. */
const RPS_STEP = 0.1

type PollJobRow = Selectable<PollJobTable>

interface Pollable {
  snapshot: Snapshot<PolledKind>
  origin: Origin
  /** The bearer key to poll with. */
  credential: string
}

/** Has a registered resource polled with `credential`, unless it already is. */
export async function addPollJob(
  trx: Transaction<Tables>,
  secrets: Secrets,
  address: Address<PolledKind>,
  { snapshot, origin, credential }: Pollable,
  timing: PollTiming,
): Promise<void> {
  const { tenant, kind, key } = address
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
  if (waits) await rememberAwaitedAssets(trx, address, origin)
  // Written even when it is there: that locks it against being forgotten with the tenant's last poll job but this one.
  const sealed = secrets.seal(credential, tenant)
  await trx
    .insertInto('credential')
    .values({ tenant, sealed })
    .onConflict((conflict) => conflict.column('tenant').doUpdateSet({ sealed }))
    .execute()
}

/** The tenants with something due and budget left, longest overdue first. */
function dueTenants(
  trx: Transaction<Tables>,
  at: number,
  limit: number,
  maxRps: number,
): Promise<{ tenant: string }[]> {
  return trx
    .selectFrom('poll_job')
    .leftJoin('poll_budget', 'poll_budget.tenant', 'poll_job.tenant')
    .select(({ fn }) => ['poll_job.tenant', fn.min('next_poll_at').as('since')])
    .where('next_poll_at', '<=', at)
    .where('lease_until', '<=', at)
    .where(({ or, eb }) =>
      or([
        eb('poll_budget.tokens', 'is', null),
        sql<boolean>`poll_budget.tokens
          + (${at} - poll_budget.refilled_at) / 1000.0 * coalesce(poll_budget.rate, ${maxRps}) >= 1`,
      ]),
    )
    .groupBy('poll_job.tenant')
    .orderBy('since')
    .limit(limit)
    .execute()
}

/** What the tenant may still spend; kept from other processes until the transaction ends. */
async function lockTokens(
  trx: Transaction<Tables>,
  tenant: string,
  at: number,
  maxRps: number,
): Promise<number> {
  await trx
    .insertInto('poll_budget')
    .values({ tenant, tokens: maxRps, refilled_at: at, rate: null })
    .onConflict((conflict) => conflict.column('tenant').doNothing())
    .execute()
  const budget = await trx
    .selectFrom('poll_budget')
    .selectAll()
    .where('tenant', '=', tenant)
    .$if(isPostgres(trx), (query) => query.forUpdate().skipLocked())
    .executeTakeFirst()
  // Another process is spending it now.
  if (!budget) return 0
  const rate = Math.min(maxRps, budget.rate ?? maxRps)
  const refilled = budget.tokens + ((at - budget.refilled_at) / 1000) * rate
  return Math.min(Math.max(1, rate), refilled)
}

async function storeTokens(
  trx: Transaction<Tables>,
  tenant: string,
  tokens: number,
  refilled_at: number,
): Promise<void> {
  await trx
    .updateTable('poll_budget')
    .set({ tokens, refilled_at })
    .where('tenant', '=', tenant)
    .execute()
}

async function lease(
  trx: Transaction<Tables>,
  tenant: string,
  at: number,
  count: number,
  leaseMs: number,
): Promise<PollJobRow[]> {
  return trx
    .updateTable('poll_job')
    .set(({ eb }) => ({ lease_until: at + leaseMs, fence: eb('fence', '+', 1) }))
    .where('tenant', '=', tenant)
    .where(({ eb, refTuple, selectFrom }) =>
      eb(
        refTuple('kind', 'key'),
        'in',
        selectFrom('poll_job')
          .select(['kind', 'key'])
          .where('tenant', '=', tenant)
          .where('next_poll_at', '<=', at)
          .where('lease_until', '<=', at)
          .orderBy('next_poll_at')
          .limit(count)
          .$if(isPostgres(trx), (query) => query.forUpdate().skipLocked())
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
  rows: PollJobRow[],
): Promise<ClaimedPollJob[]> {
  const credential = await credentialOf(trx, secrets, tenant)
  const claimed: ClaimedPollJob[] = []
  for (const job of rows) {
    const { kind, key } = job
    const row = await trx
      .selectFrom('resource')
      .selectAll()
      .where('tenant', '=', tenant)
      .where('kind', '=', kind)
      .where('key', '=', key)
      .executeTakeFirst()
    if (!row) continue
    const { snapshot, origin } = resourceOf<PolledKind>(row)
    claimed.push({
      tenant,
      kind: kind as PolledKind,
      key,
      credential,
      snapshot,
      origin,
      gapMs: job.gap_ms,
      dueAt: new Date(job.next_poll_at),
      deadlineAt: new Date(job.deadline_at),
      notBefore: new Date(job.not_before),
      refusedPolls: job.refused_polls,
      fence: job.fence,
      submission: job.submission,
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

/** An update of the poll job that does nothing once its claim is lost. */
function held(database: Kysely<Tables>, { tenant, kind, key, fence }: ClaimedPollJob) {
  return database
    .updateTable('poll_job')
    .where('tenant', '=', tenant)
    .where('kind', '=', kind)
    .where('key', '=', key)
    .where('fence', '=', fence)
}

/** The claim, locked until the transaction ends; null when it was lost. */
async function lockHeld(
  trx: Transaction<Tables>,
  job: ClaimedPollJob,
): Promise<ClaimedPollJob | null> {
  const row = await trx
    .selectFrom('poll_job')
    .select('fence')
    .where('tenant', '=', job.tenant)
    .where('kind', '=', job.kind)
    .where('key', '=', job.key)
    .$if(isPostgres(trx), (query) => query.forUpdate())
    .executeTakeFirst()
  return row?.fence === job.fence ? job : null
}

/** The claim of a task that was sent, taken from whoever holds it; null when its outcome was declared. */
async function takeSent(
  trx: Transaction<Tables>,
  job: ClaimedPollJob,
): Promise<ClaimedPollJob | null> {
  const row = await trx
    .updateTable('poll_job')
    .set(({ eb }) => ({ fence: eb('fence', '+', 1) }))
    .where('tenant', '=', job.tenant)
    .where('kind', '=', job.kind)
    .where('key', '=', job.key)
    .where('submission', '=', 'SENT')
    .returning('fence')
    .executeTakeFirst()
  return row ? { ...job, fence: row.fence } : null
}

/**
 * Ends a claim until the next poll, which is no later than the deadline. A waiting task that was woken since it was claimed
 * keeps the time it was woken for, or waits until the pause ends that 0-0 asked for meanwhile.
 */
async function reschedule(
  trx: Transaction<Tables>,
  job: ClaimedPollJob,
  next: NextPoll,
): Promise<void> {
  const deadline = (next.deadlineAt ?? job.deadlineAt).getTime()
  const at = Math.min(next.nextPollAt.getTime(), deadline)
  const notBefore = next.notBefore?.getTime() ?? 0
  const submission = next.submission ?? null
  await held(trx, job)
    .set(({ eb, ref, val }) => ({
      next_poll_at:
        submission === null
          ? at
          : eb
              .case()
              .when('next_poll_at', '=', job.dueAt.getTime())
              .then(val(at))
              .when('next_poll_at', '<', notBefore)
              .then(val(Math.min(notBefore, deadline)))
              .else(ref('next_poll_at'))
              .end(),
      gap_ms: next.gapMs,
      deadline_at: deadline,
      not_before: notBefore,
      refused_polls: next.refusedPolls ?? job.refusedPolls,
      lease_until: 0,
      submission,
    }))
    .execute()
}
