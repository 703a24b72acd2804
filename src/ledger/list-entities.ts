import type { Kysely } from 'kysely'
import type { Page } from '../model/page.ts'
import type { Cursors } from './cursors.ts'
import type { Entity, Kind } from './entity.ts'
import { entityOf } from './entity-row.ts'
import type { PageBounds } from './page-bounds.ts'
import type { Tables } from './tables.ts'

/** What the listed entities must equal. Null or absent: no condition. */
export interface EntityFilter {
  /** The key of the parent. */
  parent?: string | null | undefined
  status?: string | null | undefined
  type?: string | null | undefined
}

/**
 * Returns one page of a tenant's entities of one kind, newest first. The total is counted only when
 * `totalCount` is called; `typedErrors` wraps that call, because it happens after this function returned.
 */
export async function listEntities<K extends Kind>(
  database: Kysely<Tables>,
  tenant: string,
  kind: K,
  { parent, status, type }: EntityFilter,
  { limit, backward, after, before, cursors }: PageBounds & { cursors: Cursors },
  typedErrors: <Calls extends object>(calls: Calls) => Calls,
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

  const hasMore = rows.length > limit
  const page = rows.slice(0, limit)
  if (backward) page.reverse()
  const { totalCount } = typedErrors({
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
    // There is at least one item on the other side of a cursor: the item of the cursor itself
    // (Relay Cursor Connections, 4.4).
    hasNextPage: before !== null || (!backward && hasMore),
    hasPreviousPage: after !== null || (backward && hasMore),
    totalCount,
  }
}

/** Returns every entity whose parent has the key `parent`, oldest first. */
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
