import type { Kysely } from 'kysely'
import type { Entity, Kind } from './entity.ts'
import { entityOf } from './entity-row.ts'
import { PageError } from './page-bounds.ts'
import type { Secrets } from './secrets.ts'
import type { Tables } from './tables.ts'

/** A registration or a change of an entity; `kind` discriminates the union. */
export type Change = { [K in Kind]: ChangeOf<K> }[Kind]

interface ChangeOf<K extends Kind> {
  /** The position of the change, encrypted. It is a cursor only for its tenant. */
  cursor: string
  kind: K
  /** Whether the entity was registered. */
  isNew: boolean
  /** The entity as it was when the changes were read. */
  entity: Entity<K>
  changedAt: Date
}

/** Changes of one tenant, in order. */
export interface ChangeBatch {
  changes: Change[]
  /** The position after which the next batch begins. */
  position: number
  /** Whether later changes were recorded already. */
  hasMore: boolean
}

/** The registrations and changes of all entities, in the order of their commits within a tenant. Kept for a day. */
export interface Changes {
  /**
   * Returns at most `limit` changes of a tenant after a position, oldest first. A change is left out when a later change
   * of the same entity is in the batch, unless it is the registration.
   */
  after(tenant: string, position: number, limit: number): Promise<ChangeBatch>
  /** Returns the position of the latest change of a tenant; 0 when there is none. */
  latest(tenant: string): Promise<number>
  /**
   * Returns the position of a cursor of `Change`. Throws PageError when the text is not a cursor of this tenant, or its
   * change has been pruned: later changes may then have been pruned too.
   */
  positionOf(tenant: string, cursor: string): Promise<number>
}

/** Creates the calls that read the changes in `database`. */
export function createChanges(database: Kysely<Tables>, secrets: Secrets): Changes {
  return {
    async after(tenant, position, limit) {
      const rows = await readRows(database, tenant, position, limit + 1)
      const page = rows.slice(0, limit)
      const cursors = secrets.changeCursorsOf(tenant)
      const latest = new Map(page.map((row) => [`${row.kind} ${row.key}`, row.change_seq]))
      const kept = page.filter(
        ({ kind, key, is_new, change_seq }) =>
          is_new === 1 || latest.get(`${kind} ${key}`) === change_seq,
      )
      return {
        changes: kept.map((row) => {
          const { kind, is_new, change_seq, changed_at } = row
          const cursor = cursors.encode({ position: change_seq, changedAt: 0 })
          const isNew = is_new === 1
          // The cast is safe: the kind of the row determines the type of its entity.
          return {
            cursor,
            kind,
            isNew,
            entity: entityOf(row),
            changedAt: new Date(changed_at),
          } as Change
        }),
        position: page.at(-1)?.change_seq ?? position,
        hasMore: rows.length > limit,
      }
    },

    async latest(tenant) {
      const row = await database
        .selectFrom('change')
        .select('seq')
        .where('tenant', '=', tenant)
        .orderBy('seq', 'desc')
        .limit(1)
        .executeTakeFirst()
      return row?.seq ?? 0
    },

    async positionOf(tenant, cursor) {
      const place = secrets.changeCursorsOf(tenant).decode(cursor)
      if (place === null) throw new PageError('after', NOT_A_CURSOR)
      const row = await database
        .selectFrom('change')
        .select('seq')
        .where('tenant', '=', tenant)
        .where('seq', '=', place.position)
        .executeTakeFirst()
      if (!row) throw new PageError('after', PRUNED)
      return place.position
    },
  }
}

function readRows(database: Kysely<Tables>, tenant: string, position: number, limit: number) {
  return database
    .selectFrom('change')
    .innerJoin('entity', (join) =>
      join
        .onRef('entity.tenant', '=', 'change.tenant')
        .onRef('entity.kind', '=', 'change.kind')
        .onRef('entity.key', '=', 'change.key'),
    )
    .selectAll('entity')
    .select(['change.seq as change_seq', 'change.is_new', 'change.changed_at'])
    .where('change.tenant', '=', tenant)
    .where('change.seq', '>', position)
    .orderBy('change.seq')
    .limit(limit)
    .execute()
}

const NOT_A_CURSOR = 'Not a cursor of a change of yours.'
const PRUNED =
  'The changes after this cursor are not kept any more. Fetch your lists again, and subscribe without after.'
