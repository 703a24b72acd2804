/** Which part of a list is requested, newest first (Relay Cursor Connections, 4). */
export interface PageRequest {
  first?: number | null | undefined
  after?: string | null | undefined
  last?: number | null | undefined
  before?: string | null | undefined
}

/** One page of a list. */
export interface Page<T> {
  items: { cursor: string; item: T }[]
  hasNextPage: boolean
  hasPreviousPage: boolean
  /** Counts the whole list. Queries the database only when it is called. */
  totalCount(): Promise<number>
}

/** The size of a page when a request does not say it. */
export const DEFAULT_PAGE_SIZE = 20
