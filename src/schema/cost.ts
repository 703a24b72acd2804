import { DEFAULT_PAGE_SIZE, type PageRequest } from '../model/page.ts'
import type { Context } from '../resolvers/context.ts'

/**
 * What fields cost, in points. The scale is that of MAX_COMPLEXITY: with its default of 10,000 an operation causes at
 * most 500 calls to 0-0. How they are summed up is in execution/operation-cost.ts, and why they are what they are in
 * docs/decisions/0017-operation-cost.md.
 */

/** Any field of an answer. */
export const FIELD = 0.1
/** A row that is read from the ledger with others. */
const ROW = 1
/** A query to the ledger, without its rows. */
export const LEDGER_QUERY = 10
/** A read from 0-0. */
export const UPSTREAM_CALL = 20
/** An id of a subscription: most are registered here and are not read from 0-0. MAX_SUBSCRIPTION_IDS bounds them too. */
export const SUBSCRIBED_ID = 10
/** A create: creates run one after another, and may cost money. */
export const CREATE = 100

/** The most files a video task can have, and so the size of the lists that no argument bounds. */
export const MAX_RESOURCES = 12
/**
 * How many files a task is taken to have when its links are counted: most tasks have one or two. What a task with more
 * of them reads from 0-0 counts against the bound of calls while the operation runs (resolvers/loaders.ts).
 */
export const TYPICAL_RESOURCES = 2

/** A page of a list: the query, and each row once, however it is selected; its size is that of `nodes` and `edges`. */
export function pageComplexity({ first, last }: PageRequest, { limits }: Context) {
  // The resolver refuses a page that is larger.
  const size = Math.min(first ?? last ?? DEFAULT_PAGE_SIZE, limits.pageSize)
  return { field: LEDGER_QUERY + Math.max(size, 0) * ROW, multiplier: size }
}
