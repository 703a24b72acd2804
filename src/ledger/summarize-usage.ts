import { type Kysely, sql } from 'kysely'
import { isPostgres } from './database.ts'
import type { Tables } from './tables.ts'

/** A range of times. Null: no bound. */
export interface TimeRange {
  /** Included. */
  from: Date | null
  /** Not included. */
  to: Date | null
}

/** What the tasks of one model with one status have used. */
export interface TaskUsage {
  /** Null when neither 0-0 nor the caller has named the model. */
  model: string | null
  status: string
  /** Whether the polling of these tasks has ended, also without a terminal status. */
  pollingEnded: boolean
  tasks: number
  totalTokens: number
  /** The durations of the videos, or else the requested durations, in seconds. Unknown durations count as 0. */
  seconds: number
}

/** Returns the usage of a tenant's tasks that were registered in `range`, for each model and status. One query. */
export async function summarizeUsage(
  database: Kysely<Tables>,
  tenant: string,
  { from, to }: TimeRange,
): Promise<TaskUsage[]> {
  // Only a task that has succeeded has a video, so the snapshots of other tasks are not parsed.
  const videoSeconds = isPostgres(database)
    ? sql`(${readableSnapshot}::json -> 'video' ->> 'duration')::double precision`
    : sql`json_extract(snapshot, '$.video.duration')`
  const requestedSeconds = sql`case when duration > 0 then duration else 0 end`
  const seconds = sql<number>`sum(case when status = 'SUCCEEDED'
    then coalesce(${videoSeconds}, ${requestedSeconds}) else 0 end)`
  const rows = await database
    .selectFrom('entity')
    .select(({ fn }) => [
      'model',
      'status',
      'polling_ended',
      fn.countAll().as('tasks'),
      fn.coalesce(fn.sum('total_tokens'), sql.lit(0)).as('total_tokens'),
      seconds.as('seconds'),
    ])
    .where('tenant', '=', tenant)
    .where('kind', '=', 'videoTask')
    .$if(from !== null, (query) => query.where('registered_at', '>=', (from as Date).getTime()))
    .$if(to !== null, (query) => query.where('registered_at', '<', (to as Date).getTime()))
    .groupBy(['model', 'status', 'polling_ended'])
    .execute()
  return rows.map(({ model, status, polling_ended, tasks, total_tokens, seconds }) => ({
    model,
    status,
    pollingEnded: polling_ended === 1,
    tasks: Number(tasks),
    totalTokens: Number(total_tokens),
    seconds: Number(seconds ?? 0),
  }))
}

/** PostgreSQL cannot parse the escapes of NUL and of surrogates without a pair. Replaced by U+FFFD. */
const readableSnapshot = sql`regexp_replace(snapshot, '\\\\u(0000|d[89a-f]..)', '\\\\ufffd', 'g')`
