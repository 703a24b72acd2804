import type { Kysely } from 'kysely'
import {
  decodeSnapshot,
  type EntityRef,
  isTerminal,
  type Kind,
  type Status,
  type Transition,
} from './entity.ts'
import { entityOf } from './entity-row.ts'
import type { TimeColumns } from './stored-values.ts'
import type { Tables } from './tables.ts'

/** Returns the transitions of one entity with a sequence number above `seq`, oldest first, unless pruned. */
export async function transitionsAfter<K extends Kind>(
  database: Kysely<Tables>,
  { tenant, kind, key }: EntityRef<K>,
  seq: number,
): Promise<Transition<K>[]> {
  const rows = await database
    .selectFrom('transition')
    .innerJoin('entity', (join) =>
      join
        .onRef('entity.tenant', '=', 'transition.tenant')
        .onRef('entity.kind', '=', 'transition.kind')
        .onRef('entity.key', '=', 'transition.key'),
    )
    .selectAll('transition')
    .select(['entity.origin', 'registered_at', 'submitted_at', 'started_at', 'finished_at'])
    .where('transition.tenant', '=', tenant)
    .where('transition.kind', '=', kind)
    .where('transition.key', '=', key)
    .where('transition.seq', '>', seq)
    .orderBy('transition.seq')
    .execute()
  return rows.map((row) => ({
    previous: row.previous as Status<K> | null,
    current: row.current as Status<K>,
    entity: entityOf<K>({ ...row, ...timesIn(kind, row) }),
  }))
}

/** Returns the times of an entity without those that came after the transition. */
function timesIn(
  kind: Kind,
  row: Omit<TimeColumns, 'registered_at'> & {
    current: string
    snapshot: string
    observed_at: number
  },
): Omit<TimeColumns, 'registered_at'> {
  const { current, observed_at, submitted_at, started_at, finished_at } = row
  const isSubmitted =
    submitted_at !== null && decodeSnapshot<'videoTask'>(row.snapshot).taskId !== null
  const isStarted =
    started_at !== null &&
    started_at <= observed_at &&
    current !== 'QUEUED' &&
    current !== 'WAITING_FOR_ASSETS'
  return {
    submitted_at: isSubmitted ? submitted_at : null,
    started_at: isStarted ? started_at : null,
    finished_at: isTerminal(kind, current as Status) ? finished_at : null,
  }
}
