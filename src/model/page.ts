/**
 * The order of a list. NEWEST_FIRST and OLDEST_FIRST are by registration. In RECENTLY_CHANGED_FIRST, an item that changes
 * moves to the beginning.
 */
export type ListOrder = 'NEWEST_FIRST' | 'OLDEST_FIRST' | 'RECENTLY_CHANGED_FIRST'

/** The paging arguments of a list (GraphQL Cursor Connections Specification, 4). */
export interface PageRequest {
  first?: number | null | undefined
  after?: string | null | undefined
  last?: number | null | undefined
  before?: string | null | undefined
  /** Absent: NEWEST_FIRST. */
  orderBy?: ListOrder | undefined
}

/** One page of a list. */
export interface Page<T> {
  items: { cursor: string; item: T }[]
  hasNextPage: boolean
  hasPreviousPage: boolean
  /** Counts the items of the whole list with a database query. */
  totalCount(): Promise<number>
}

/** The page size of a request without `first` and `last`. */
export const DEFAULT_PAGE_SIZE = 20
