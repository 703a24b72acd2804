import { type Kysely, sql, type Transaction } from 'kysely'
import { isPostgres } from './database.ts'
import type { Tables } from './tables.ts'

/** However often 0-0 limits a tenant, it is polled once in ten seconds. */
const MIN_RPS = 0.1
/** What each answered poll adds to a rate that was halved. */
const RPS_STEP = 0.1

/** Halves the rate at which a tenant is polled: 0-0 asked for fewer calls. */
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

/** Raises a rate that was halved by `RPS_STEP`, at most to `maxRps`. */
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

/** What the tenant may still spend; kept from other processes until the transaction ends. */
export async function lockTokens(
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

export async function storeTokens(
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
