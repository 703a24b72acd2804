import type { Kysely } from 'kysely'
import { resourceOf } from './observe.ts'
import type { Address, Kind, Status, Transition } from './resource.ts'
import type { Tables } from './tables.ts'

/** The transitions of one entity after `seq`, in order, as far as they have not been pruned. */
export async function transitionsAfter<K extends Kind>(
  database: Kysely<Tables>,
  { tenant, kind, key }: Address<K>,
  seq: number,
): Promise<Transition<K>[]> {
  const rows = await database
    .selectFrom('transition')
    .innerJoin('resource', (join) =>
      join
        .onRef('resource.tenant', '=', 'transition.tenant')
        .onRef('resource.kind', '=', 'transition.kind')
        .onRef('resource.key', '=', 'transition.key'),
    )
    .selectAll('transition')
    .select('resource.origin')
    .where('transition.tenant', '=', tenant)
    .where('transition.kind', '=', kind)
    .where('transition.key', '=', key)
    .where('transition.seq', '>', seq)
    .orderBy('transition.seq')
    .execute()
  return rows.map((row) => ({
    previous: row.previous as Status<K> | null,
    current: row.current as Status<K>,
    resource: resourceOf<K>(row),
  }))
}
