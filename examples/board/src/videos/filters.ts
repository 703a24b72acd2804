import type { VideoTaskStatus } from '../gql/graphql.ts'

/** The filters above the videos, and the statuses that each lets through. Null: all. */
export const FILTERS: Record<string, VideoTaskStatus[] | null> = {
  All: null,
  Running: ['WAITING_FOR_ASSETS', 'QUEUED', 'RUNNING', 'UNKNOWN'],
  Done: ['SUCCEEDED'],
  Failed: ['FAILED', 'EXPIRED', 'CANCELLED'],
}
