import { type Kysely, type Selectable, sql, type Transaction } from 'kysely'
import { findCredential } from './credentials.ts'
import { isPostgres } from './database.ts'
import type { Entity } from './entity.ts'
import { entityOf } from './entity-row.ts'
import { lockTokens, storeTokens } from './poll-budget.ts'
import type { ClaimedPollJob, ClaimOptions, PolledKind } from './poll-job.ts'
import type { Secrets } from './secrets.ts'
import type { PollJobTable, Tables } from './tables.ts'

type PollJobRow = Selectable<PollJobTable>

/** Claims due poll jobs for `leaseMs`, longest overdue first, within the poll budget of each tenant. */
export function claimPollJobs(
  database: Kysely<Tables>,
  secrets: Secrets,
  { now, limit, leaseMs, maxRps }: ClaimOptions,
): Promise<ClaimedPollJob[]> {
  const at = now.getTime()
  return database.transaction().execute(async (trx) => {
    const tenants = await dueTenants(trx, at, limit, maxRps)
    const claimed: ClaimedPollJob[] = []
    for (const [index, { tenant }] of tenants.entries()) {
      // The limit is shared evenly, so that a tenant with many poll jobs does not delay another tenant.
      const share = Math.ceil((limit - claimed.length) / (tenants.length - index))
      const tokens = await lockTokens(trx, tenant, at, maxRps)
      const count = Math.min(share, Math.floor(tokens))
      if (count <= 0) continue
      const rows = await lease(trx, tenant, at, count, leaseMs)
      await storeTokens(trx, tenant, tokens - rows.length, at)
      claimed.push(...(await withEntities(trx, secrets, tenant, rows)))
    }
    return claimed
  })
}

/** The tenants with due poll jobs and a token in their bucket, longest overdue first. */
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

async function withEntities(
  trx: Transaction<Tables>,
  secrets: Secrets,
  tenant: string,
  jobs: PollJobRow[],
): Promise<ClaimedPollJob[]> {
  const credential = await findCredential(trx, secrets, tenant)
  const claimed: ClaimedPollJob[] = []
  for (const job of jobs) {
    const row = await trx
      .selectFrom('entity')
      .selectAll()
      .where('tenant', '=', tenant)
      .where('kind', '=', job.kind)
      .where('key', '=', job.key)
      .executeTakeFirst()
    if (row) claimed.push(claimedJobOf(job, entityOf<PolledKind>(row), credential))
  }
  return claimed
}

function claimedJobOf(
  job: PollJobRow,
  { snapshot, origin }: Entity<PolledKind>,
  credential: string | null,
): ClaimedPollJob {
  return {
    tenant: job.tenant,
    kind: job.kind,
    key: job.key,
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
    // The kind of the row decides the types of its snapshot and origin.
  } as ClaimedPollJob
}
