/** The paging arguments of a list (GraphQL Cursor Connections Specification, 4). */
export interface PageRequest {
  first?: number | null | undefined
  after?: string | null | undefined
  last?: number | null | undefined
  before?: string | null | undefined
}

/** One page of a list, newest first. */
export interface Page<T> {
  items: { cursor: string; item: T }[]
  hasNextPage: boolean
  hasPreviousPage: boolean
  /** Counts the items of the whole list with a database query. */
  totalCount(): Promise<number>
}

/** The page size of a request without `first` and `last`. */
export const DEFAULT_PAGE_SIZE = 20
