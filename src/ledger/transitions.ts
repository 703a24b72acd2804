import type { Kysely } from 'kysely'
import type { EntityRef, Kind, Status, Transition } from './entity.ts'
import { entityOf } from './entity-row.ts'
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
    .select('entity.origin')
    .where('transition.tenant', '=', tenant)
    .where('transition.kind', '=', kind)
    .where('transition.key', '=', key)
    .where('transition.seq', '>', seq)
    .orderBy('transition.seq')
    .execute()
  return rows.map((row) => ({
    previous: row.previous as Status<K> | null,
    current: row.current as Status<K>,
    entity: entityOf<K>(row),
  }))
}
