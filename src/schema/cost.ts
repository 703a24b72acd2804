import { DEFAULT_PAGE_SIZE, type PageRequest } from '../model/page.ts'
import type { Context } from '../resolvers/context.ts'

/**
 * The costs of fields, in points. MAX_COMPLEXITY limits their sum: with its default of 10,000 an operation causes at
 * most 500 calls to 0-0. execution/operation-cost.ts adds them. docs/decisions/0017-operation-cost.md explains the
 * numbers.
 */

/** Any field of the response. */
export const FIELD = 0.1
/** An item of a page. */
const ROW = 1
/** A query to the ledger, without the rows that it returns. */
export const LEDGER_QUERY = 10
/** A query to the ledger that sums up all tasks of a tenant. */
export const USAGE_QUERY = 100
/** A row of the ledger that is read in one query with those of the other items. */
export const LEDGER_ROW = 2
/** A read from 0-0. */
export const UPSTREAM_CALL = 20
/** An id of a subscription. Less than a read, because most ids are registered and need no call to 0-0. */
export const SUBSCRIBED_ID = 10
/** A create. Creates run one after another, and may cost money. */
export const CREATE = 100

/** The maximum number of files of a video task. It is the size of all lists that no argument limits. */
export const MAX_RESOURCES = 12
/**
 * The number of files of a task for which its cost is computed. Most tasks have one or two. For tasks with more files,
 * resolvers/loaders.ts limits the reads during execution.
 */
export const TYPICAL_RESOURCES = 2

/** The cost of a page: the query, and each row once. The multiplier is for the fields of `nodes` and `edges`. */
export function pageComplexity({ first, last }: PageRequest, { limits }: Context) {
  // The resolver refuses larger pages.
  const size = Math.min(first ?? last ?? DEFAULT_PAGE_SIZE, limits.pageSize)
  return { field: LEDGER_QUERY + Math.max(size, 0) * ROW, multiplier: size }
}
