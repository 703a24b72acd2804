import type { VideoTaskStatus } from '../gql/graphql.ts'

/** Whether the task goes on by itself. */
export function isPending(status: VideoTaskStatus): boolean {
  return !['SUCCEEDED', 'FAILED', 'CANCELLED', 'EXPIRED'].includes(status)
}
