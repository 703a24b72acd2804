import type { Kysely } from 'kysely'
import type { Page } from '../model/page.ts'
import type { Cursors } from './cursors.ts'
import type { Entity, Kind } from './entity.ts'
import { entityOf } from './entity-row.ts'
import type { PageBounds } from './page-bounds.ts'
import type { Tables } from './tables.ts'

export interface EntityFilter {
  parent?: string | null | undefined
  status?: string | null | undefined
  type?: string | null | undefined
}

/** One page of a tenant's entities of a kind, newest first. `guard` types the errors of the deferred count. */
export async function listEntities<K extends Kind>(
  database: Kysely<Tables>,
  tenant: string,
  kind: K,
  { parent, status, type }: EntityFilter,
  { limit, backward, after, before, cursors }: PageBounds & { cursors: Cursors },
  guard: <Calls extends object>(calls: Calls) => Calls,
): Promise<Page<Entity<K>>> {
  const matching = database
    .selectFrom('entity')
    .where('tenant', '=', tenant)
    .where('kind', '=', kind)
    .$if(parent != null, (query) => query.where('parent', '=', parent as string))
    .$if(status != null, (query) => query.where('status', '=', status as string))
    .$if(type != null, (query) => query.where('type', '=', type as string))
  const rows = await matching
    .selectAll()
    .$if(after !== null, (query) => query.where('position', '<', after as number))
    .$if(before !== null, (query) => query.where('position', '>', before as number))
    .orderBy('position', backward ? 'asc' : 'desc')
    .limit(limit + 1)
    .execute()

  const more = rows.length > limit
  const page = rows.slice(0, limit)
  if (backward) page.reverse()
  const { totalCount } = guard({
    async totalCount() {
      const row = await matching
        .select(({ fn }) => fn.countAll().as('count'))
        .executeTakeFirstOrThrow()
      return Number(row.count)
    },
  })
  return {
    items: page.map((row) => ({
      cursor: cursors.encode(row.position),
      item: entityOf<K>(row),
    })),
    // Beyond a cursor there is at least the item it was given with (Relay Cursor Connections, 4.4).
    hasNextPage: before !== null || (!backward && more),
    hasPreviousPage: after !== null || (backward && more),
    totalCount,
  }
}

/** Every entity whose parent has the key `parent`, oldest first. */
export async function listChildren<K extends Kind>(
  database: Kysely<Tables>,
  tenant: string,
  kind: K,
  parent: string,
): Promise<Entity<K>[]> {
  const rows = await database
    .selectFrom('entity')
    .selectAll()
    .where('tenant', '=', tenant)
    .where('kind', '=', kind)
    .where('parent', '=', parent)
    .orderBy('position')
    .execute()
  return rows.map((row) => entityOf<K>(row))
}
