import { sql, type Transaction } from 'kysely'
import { runCompiled } from './compiled-query.ts'
import { insertBudgets } from './poll-budget.ts'
import type { Tables } from './tables.ts'

/** When more poll jobs are due, the first due job of each tenant is looked up instead of reading all due jobs. */
const MAX_DUE_JOBS_READ = 500

/** Returns at most `limit` tenants with due poll jobs and at least one token, longest overdue first. */
export async function findDueTenants(
  trx: Transaction<Tables>,
  nowMs: number,
  limit: number,
  maxRps: number,
): Promise<string[]> {
  const { rows: due } = await runCompiled(trx, 'due jobs', () => dueJobs(trx), [nowMs])
  const tenants =
    due.length < MAX_DUE_JOBS_READ
      ? due.filter(({ lease_until }) => lease_until <= nowMs).map(({ tenant }) => tenant)
      : await findOverdue(trx, nowMs)
  const distinct = [...new Set(tenants)]
  const withoutTokens = await findWithoutTokens(trx, distinct, nowMs, maxRps)
  return distinct.filter((tenant) => !withoutTokens.has(tenant)).slice(0, limit)
}

function dueJobs(trx: Transaction<Tables>) {
  return trx
    .selectFrom('poll_job')
    .select(['tenant', 'lease_until'])
    .where('next_poll_at', '<=', 0)
    .orderBy('next_poll_at')
    .limit(sql.lit(MAX_DUE_JOBS_READ))
}

/** Reads the first due job of each tenant that has poll jobs, and hence a stored credential. */
async function findOverdue(trx: Transaction<Tables>, nowMs: number): Promise<string[]> {
  const rows = await trx
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
    .orderBy('since')
    .execute()
  return rows.filter(({ since }) => since !== null).map(({ tenant }) => tenant)
}

/** Returns the tenants that have used up their tokens. Creates the budgets that do not exist yet. */
async function findWithoutTokens(
  trx: Transaction<Tables>,
  tenants: string[],
  nowMs: number,
  maxRps: number,
): Promise<Set<string>> {
  if (tenants.length === 0) return new Set()
  const budgets = await trx
    .selectFrom('poll_budget')
    .select(({ eb }) => ['tenant', eb(refilledTokens(nowMs, maxRps), '<', 1).as('isEmpty')])
    .where('tenant', 'in', tenants)
    .execute()
  const existing = new Set(budgets.map(({ tenant }) => tenant))
  await insertBudgets(
    trx,
    tenants.filter((tenant) => !existing.has(tenant)),
    nowMs,
    maxRps,
  )
  // SQLite has no booleans.
  return new Set(budgets.filter(({ isEmpty }) => Boolean(isEmpty)).map(({ tenant }) => tenant))
}

function refilledTokens(nowMs: number, maxRps: number) {
  return sql<number>`tokens + (${nowMs} - refilled_at) / 1000.0 * coalesce(rate, ${maxRps})`
}
