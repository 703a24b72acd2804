import { type Kysely, sql } from 'kysely'
import type { Tables } from './tables.ts'

/** Tasks that take about the same time. A null value is not compared: the request did not name it. */
export interface TaskClass {
  model: string
  resolution: string | null
  /** Seconds. */
  duration: number | null
}

/** How many tasks of a class are compared, those that finished last. */
const RECENT_TASKS = 20

/**
 * Returns, for each class, the milliseconds from the acceptance by 0-0 to the end of the tenant's last tasks that have
 * SUCCEEDED. One query. The number of classes is limited by SQLite to 500.
 */
export async function generationTimes(
  database: Kysely<Tables>,
  tenant: string,
  classes: readonly TaskClass[],
): Promise<number[][]> {
  const [first, ...others] = classes.map((of, index) => recentTimes(database, tenant, of, index))
  if (first === undefined) return []
  const all = others.reduce((query, other) => query.unionAll(other), first)
  const rows = await all.execute()
  const times: number[][] = classes.map(() => [])
  for (const { index, ms } of rows) times[Number(index)]?.push(Number(ms))
  return times
}

function recentTimes(
  database: Kysely<Tables>,
  tenant: string,
  { model, resolution, duration }: TaskClass,
  index: number,
) {
  const recent = database
    .selectFrom('entity')
    .select(['finished_at', 'submitted_at'])
    .where('tenant', '=', tenant)
    .where('kind', '=', 'videoTask')
    // PostgreSQL cannot compare with NUL, and stored models have none.
    .where('model', '=', model.replaceAll('\0', ''))
    .$if(resolution !== null, (query) =>
      query.where('resolution', '=', (resolution as string).replaceAll('\0', '')),
    )
    .$if(duration !== null, (query) => query.where('duration', '=', duration))
    .where('status', '=', 'SUCCEEDED')
    .whereRef('finished_at', '>=', 'submitted_at')
    // Excludes a task that was created elsewhere and registered later: nobody observed its end.
    .whereRef('registered_at', '<=', 'submitted_at')
    .orderBy('finished_at', 'desc')
    .limit(RECENT_TASKS)
  return database
    .selectFrom(recent.as('recent'))
    .select([
      sql<number>`${sql.lit(index)}`.as('index'),
      sql<number>`finished_at - submitted_at`.as('ms'),
    ])
}
