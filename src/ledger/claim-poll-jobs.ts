import { type Kysely, type Selectable, sql, type Transaction } from 'kysely'
import { runCompiled } from './compiled-query.ts'
import { findCredential } from './credentials.ts'
import { isPostgres } from './database.ts'
import { findDueTenants } from './due-tenants.ts'
import type { Entity } from './entity.ts'
import { entityOf } from './entity-row.ts'
import { lockBudget, storeTokens } from './poll-budget.ts'
import type { ClaimedPollJob, ClaimOptions, PolledKind } from './poll-job.ts'
import type { Secrets } from './secrets.ts'
import type { PollJobTable, Tables } from './tables.ts'

type PollJobRow = Selectable<PollJobTable>

const POLLED_KINDS: PolledKind[] = ['asset', 'videoTask']

/**
 * Claims at most `limit` due poll jobs for `leaseMs` milliseconds, longest overdue first, within the poll
 * budget of each tenant. Each claimed job uses one token of the budget.
 */
export function claimPollJobs(
  database: Kysely<Tables>,
  secrets: Secrets,
  { now, limit, leaseMs, maxRps }: ClaimOptions,
): Promise<ClaimedPollJob[]> {
  const nowMs = now.getTime()
  return database.transaction().execute(async (trx) => {
    const tenants = await findDueTenants(trx, nowMs, limit, maxRps)
    const claimed: ClaimedPollJob[] = []
    for (const [index, tenant] of tenants.entries()) {
      // The limit is shared evenly, so that a tenant with many poll jobs does not delay another tenant.
      const share = Math.ceil((limit - claimed.length) / (tenants.length - index))
      const { tokens, isSlowed } = await lockBudget(trx, tenant, nowMs, maxRps)
      const count = Math.min(share, Math.floor(tokens))
      if (count <= 0) continue
      const rows = await leaseDueJobs(trx, tenant, nowMs, count, leaseMs)
      await storeTokens(trx, tenant, tokens - rows.length, nowMs)
      claimed.push(...(await claimedJobsOf(trx, secrets, tenant, rows, isSlowed)))
    }
    return claimed
  })
}

/**
 * Claims up to `count` due poll jobs of a tenant. Skips jobs that another process is claiming now. A new
 * fencing number makes earlier claims of the same jobs invalid.
 */
async function leaseDueJobs(
  trx: Transaction<Tables>,
  tenant: string,
  nowMs: number,
  count: number,
  leaseMs: number,
): Promise<PollJobRow[]> {
  const { rows } = await runCompiled(trx, 'lease due jobs', () => leaseJobs(trx), [
    nowMs + leaseMs,
    tenant,
    tenant,
    nowMs,
    nowMs,
    count,
  ])
  // An update returns its rows in any order.
  return rows.sort((one, other) => one.next_poll_at - other.next_poll_at)
}

function leaseJobs(trx: Transaction<Tables>) {
  return trx
    .updateTable('poll_job')
    .set(({ eb }) => ({ lease_until: 0, fence: eb('fence', '+', sql.lit(1)) }))
    .where('tenant', '=', '')
    .where(({ eb, refTuple, selectFrom }) =>
      eb(
        refTuple('kind', 'key'),
        'in',
        selectFrom('poll_job')
          .select(['kind', 'key'])
          .where('tenant', '=', '')
          .where('next_poll_at', '<=', 0)
          .where('lease_until', '<=', 0)
          .orderBy('next_poll_at')
          .limit(0)
          .$if(isPostgres(trx), (query) => query.forUpdate().skipLocked())
          .$asTuple('kind', 'key'),
      ),
    )
    .returningAll()
}

/** Adds the bearer key of the tenant and the stored entity to each claimed row. */
async function claimedJobsOf(
  trx: Transaction<Tables>,
  secrets: Secrets,
  tenant: string,
  jobs: PollJobRow[],
  isSlowed: boolean,
): Promise<ClaimedPollJob[]> {
  if (jobs.length === 0) return []
  const credential = await findCredential(trx, secrets, tenant)
  const keys = jobs.map(({ key }) => key)
  const rows = await trx
    .selectFrom('entity')
    .selectAll()
    .where('tenant', '=', tenant)
    .where('kind', 'in', POLLED_KINDS)
    .where('key', 'in', keys)
    .execute()
  const entities = new Map(rows.map((row) => [`${row.kind} ${row.key}`, row]))
  return jobs.flatMap((job) => {
    const row = entities.get(`${job.kind} ${job.key}`)
    return row ? [claimedJobOf(job, entityOf<PolledKind>(row), credential, isSlowed)] : []
  })
}

function claimedJobOf(
  job: PollJobRow,
  { snapshot, origin, seq, observedAt }: Entity<PolledKind>,
  credential: string | null,
  isSlowed: boolean,
): ClaimedPollJob {
  return {
    tenant: job.tenant,
    kind: job.kind,
    key: job.key,
    credential,
    snapshot,
    origin,
    entitySeq: seq,
    observedAt,
    gapMs: job.gap_ms,
    dueAt: new Date(job.next_poll_at),
    deadlineAt: new Date(job.deadline_at),
    notBefore: new Date(job.not_before),
    refusedPolls: job.refused_polls,
    isSlowed,
    fence: job.fence,
    submission: job.submission,
    // The cast is safe: the kind of the row determines the types of its snapshot and origin.
  } as ClaimedPollJob
}
