import { sql, type Transaction } from 'kysely'
import type { Tables } from './tables.ts'

/** When more poll jobs are due, tenants are looked up one by one instead of reading all due jobs. */
const MAX_DUE_JOBS_READ = 500

/** Returns at most `limit` tenants with due poll jobs and at least one token, longest overdue first. */
export async function findDueTenants(
  trx: Transaction<Tables>,
  nowMs: number,
  limit: number,
  maxRps: number,
): Promise<{ tenant: string }[]> {
  const due = await trx
    .selectFrom('poll_job')
    .select('fence')
    .where('next_poll_at', '<=', nowMs)
    .limit(MAX_DUE_JOBS_READ)
    .execute()
  if (due.length === 0) return []
  const isBacklog = due.length === MAX_DUE_JOBS_READ
  const overdue = isBacklog ? overdueByTenant(trx, nowMs) : overdueByJob(trx, nowMs)
  return trx
    .selectFrom(overdue.as('overdue'))
    .leftJoin('poll_budget', 'poll_budget.tenant', 'overdue.tenant')
    .select('overdue.tenant')
    .where('overdue.since', 'is not', null)
    .where(({ or, eb }) =>
      or([
        eb('poll_budget.tokens', 'is', null),
        sql<boolean>`poll_budget.tokens
          + (${nowMs} - poll_budget.refilled_at) / 1000.0 * coalesce(poll_budget.rate, ${maxRps}) >= 1`,
      ]),
    )
    .orderBy('overdue.since')
    .limit(limit)
    .execute()
}

/** Reads every due job. */
function overdueByJob(trx: Transaction<Tables>, nowMs: number) {
  return trx
    .selectFrom('poll_job')
    .select(({ fn }) => ['tenant', fn.min<number | null>('next_poll_at').as('since')])
    .where('next_poll_at', '<=', nowMs)
    .where('lease_until', '<=', nowMs)
    .groupBy('tenant')
}

/** Reads the first due job of each tenant that has poll jobs, hence a stored credential. */
function overdueByTenant(trx: Transaction<Tables>, nowMs: number) {
  return trx
    .selectFrom('credential')
    .select(({ selectFrom }) => [
      'credential.tenant',
      selectFrom('poll_job')
        .select('next_poll_at')
        .whereRef('poll_job.tenant', '=', 'credential.tenant')
        .where('next_poll_at', '<=', nowMs)
        .where('lease_until', '<=', nowMs)
        .orderBy('next_poll_at')
        .limit(1)
        .as('since'),
    ])
}
