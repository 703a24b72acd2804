import { type Kysely, sql, type Transaction } from 'kysely'
import { runCompiled } from './compiled-query.ts'
import { isPostgres } from './database.ts'
import type { Tables } from './tables.ts'

/** The lowest poll rate of a tenant: one poll in ten seconds. */
const MIN_RPS = 0.1
/** How much each successful poll raises a rate that was halved. In polls per second. */
const RPS_STEP = 0.1

/** Halves the poll rate of a tenant, because 0-0 asked for fewer requests. The minimum is `MIN_RPS`. */
export async function slowDown(
  database: Kysely<Tables>,
  tenant: string,
  maxRps: number,
): Promise<void> {
  await database
    .updateTable('poll_budget')
    .set(({ fn, val }) => ({
      rate: sql<number>`case when ${fn.coalesce('rate', val(maxRps))} / 2 > ${MIN_RPS}
            then ${fn.coalesce('rate', val(maxRps))} / 2 else ${MIN_RPS} end`,
    }))
    .where('tenant', '=', tenant)
    .execute()
}

/**
 * Raises a rate that was halved by `RPS_STEP`. At `maxRps` the stored rate becomes null, which stands for
 * the configured rate.
 */
export async function speedUp(
  database: Kysely<Tables>,
  tenant: string,
  maxRps: number,
): Promise<void> {
  await database
    .updateTable('poll_budget')
    .set({ rate: sql`case when rate + ${RPS_STEP} < ${maxRps} then rate + ${RPS_STEP} end` })
    .where('tenant', '=', tenant)
    .where('rate', 'is not', null)
    .execute()
}

/** What a tenant may spend on polls now. */
export interface PollBudget {
  /** One token for each poll. */
  tokens: number
  /** Whether its rate was halved, because 0-0 asked for fewer calls. */
  isSlowed: boolean
}

/**
 * Returns the refilled budget of a tenant, and locks it until the transaction ends. Returns 0 tokens when another process
 * holds the lock.
 */
export async function lockBudget(
  trx: Transaction<Tables>,
  tenant: string,
  nowMs: number,
  maxRps: number,
): Promise<PollBudget> {
  const { rows } = await runCompiled(trx, 'budget locked', () => lockedBudget(trx), [tenant])
  const [budget] = rows
  // Another process holds the lock.
  if (!budget) return { tokens: 0, isSlowed: false }
  const rate = Math.min(maxRps, budget.rate ?? maxRps)
  const refilled = budget.tokens + ((nowMs - budget.refilled_at) / 1000) * rate
  return { tokens: Math.min(Math.max(1, rate), refilled), isSlowed: budget.rate !== null }
}

/**
 * Creates full budgets for these tenants. Every process inserts them in the same order, so that two processes never wait
 * for each other.
 */
export async function insertBudgets(
  trx: Transaction<Tables>,
  tenants: string[],
  nowMs: number,
  maxRps: number,
): Promise<void> {
  if (tenants.length === 0) return
  const budget = { tokens: maxRps, refilled_at: nowMs, rate: null }
  await trx
    .insertInto('poll_budget')
    .values(tenants.toSorted().map((tenant) => ({ tenant, ...budget })))
    .onConflict((conflict) => conflict.column('tenant').doNothing())
    .execute()
}

/** Stores the remaining tokens of a tenant. `refilled_at` is the time passed to `lockBudget`. */
export async function storeTokens(
  trx: Transaction<Tables>,
  tenant: string,
  tokens: number,
  refilled_at: number,
): Promise<void> {
  const parameters = [tokens, refilled_at, tenant]
  await runCompiled(trx, 'store tokens', () => updateTokens(trx), parameters)
}

function lockedBudget(trx: Transaction<Tables>) {
  return trx
    .selectFrom('poll_budget')
    .selectAll()
    .where('tenant', '=', '')
    .$if(isPostgres(trx), (query) => query.forUpdate().skipLocked())
}

function updateTokens(trx: Transaction<Tables>) {
  return trx.updateTable('poll_budget').set({ tokens: 0, refilled_at: 0 }).where('tenant', '=', '')
}
