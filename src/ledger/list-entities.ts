import { type Kysely, type SelectQueryBuilder, sql } from 'kysely'
import type { ListOrder, Page } from '../model/page.ts'
import type { Cursors, Place } from './cursors.ts'
import type { Entity, Kind } from './entity.ts'
import { type EntityRow, entityOf } from './entity-row.ts'
import type { PageBounds } from './page-bounds.ts'
import type { Tables } from './tables.ts'

/** What the listed entities must match. Null or absent: no condition. */
export interface EntityFilter {
  /** The key of the parent. */
  parent?: string | null | undefined
  status?: string | null | undefined
  /** One of these statuses. Empty: no entity matches. */
  statuses?: readonly string[] | null | undefined
  type?: string | null | undefined
  /** A part of the name or of the prompt, in any case. Empty: no condition. */
  search?: string | null | undefined
}

/** A query of entities without its columns. */
type EntityQuery = SelectQueryBuilder<Tables, 'entity', object>

/**
 * Returns one page of a tenant's entities of one kind. The total is counted only when `totalCount` is
 * called; `typedErrors` wraps that call, because it happens after this function returned.
 */
export async function listEntities<K extends Kind>(
  database: Kysely<Tables>,
  tenant: string,
  kind: K,
  filter: EntityFilter,
  bounds: PageBounds & { cursors: Cursors },
  typedErrors: <Calls extends object>(calls: Calls) => Calls,
): Promise<Page<Entity<K>>> {
  const { limit, backward, order, after, before, cursors } = bounds
  const matching = matchingEntities(database, tenant, kind, filter)
  const rows = await inOrder(within(matching, bounds), order, backward)
    .selectAll()
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
    items: page.map((row) => ({ cursor: cursors.encode(placeOf(row)), item: entityOf<K>(row) })),
    hasNextPage: before === null ? !backward && hasMore : await isFollowed(matching, order, before),
    hasPreviousPage:
      after === null ? backward && hasMore : await isPreceded(matching, order, after),
    totalCount,
  }
}

function matchingEntities(
  database: Kysely<Tables>,
  tenant: string,
  kind: Kind,
  { parent, status, statuses, type, search }: EntityFilter,
): EntityQuery {
  return database
    .selectFrom('entity')
    .where('tenant', '=', tenant)
    .where('kind', '=', kind)
    .$if(parent != null, (query) => query.where('parent', '=', parent as string))
    .$if(status != null, (query) => query.where('status', '=', status as string))
    .$if(statuses != null, (query) => query.where(isOneOf(statuses as readonly string[])))
    .$if(type != null, (query) => query.where('type', '=', type as string))
    .$if(Boolean(search), (query) => query.where(contains(search as string)))
}

/** PostgreSQL has no empty list. */
function isOneOf(statuses: readonly string[]) {
  if (statuses.length === 0) return sql<boolean>`1 = 0`
  return sql<boolean>`status in (${sql.join([...new Set(statuses)])})`
}

/**
 * `search_text` is in lower case, by the rules of JavaScript, and without NUL, which PostgreSQL cannot store. The
 * characters that have a meaning in LIKE are escaped.
 */
function contains(search: string) {
  const text = search.toLowerCase().replaceAll('\0', '')
  const pattern = `%${text.replaceAll(/[\\%_]/g, String.raw`\$&`)}%`
  return sql<boolean>`search_text like ${pattern} escape '\\'`
}

function placeOf({ position, observed_at }: EntityRow): Place {
  return { position, changedAt: observed_at }
}

function within(query: EntityQuery, { order, after, before }: PageBounds): EntityQuery {
  return query
    .$if(after !== null, (query) => query.where(compare(order, 'follows', after as Place)))
    .$if(before !== null, (query) => query.where(compare(order, 'precedes', before as Place)))
}

/** Quoted, because it is also the name of a function of SQL. */
const POSITION = sql.ref('position')

/** A condition: the row follows or precedes a place in the list. */
function compare(order: ListOrder, relation: 'follows' | 'precedes', place: Place) {
  const isDescending = order !== 'OLDEST_FIRST'
  const operator = sql.raw((relation === 'follows') === isDescending ? '<' : '>')
  const { position, changedAt } = place
  return order === 'RECENTLY_CHANGED_FIRST'
    ? sql<boolean>`(observed_at, ${POSITION}) ${operator} (${changedAt}, ${position})`
    : sql<boolean>`${POSITION} ${operator} ${position}`
}

function inOrder(query: EntityQuery, order: ListOrder, backward: boolean): EntityQuery {
  const direction = (order === 'OLDEST_FIRST') === backward ? 'desc' : 'asc'
  return order === 'RECENTLY_CHANGED_FIRST'
    ? query.orderBy('observed_at', direction).orderBy('position', direction)
    : query.orderBy('position', direction)
}

/** Returns whether an item is at `before` or after it. */
function isFollowed(matching: EntityQuery, order: ListOrder, before: Place): Promise<boolean> {
  return isBeyond(matching, order, { relation: 'precedes', place: before })
}

/** Returns whether an item is at `after` or before it. */
function isPreceded(matching: EntityQuery, order: ListOrder, after: Place): Promise<boolean> {
  return isBeyond(matching, order, { relation: 'follows', place: after })
}

/**
 * Returns whether an item is on the other side of a cursor. In the orders by registration it is the item of the cursor
 * itself (Relay Cursor Connections, 4.4). In RECENTLY_CHANGED_FIRST that item can have moved.
 */
async function isBeyond(
  matching: EntityQuery,
  order: ListOrder,
  { relation, place }: { relation: 'follows' | 'precedes'; place: Place },
): Promise<boolean> {
  if (order !== 'RECENTLY_CHANGED_FIRST') return true
  const row = await matching
    .select('position')
    .where(({ not }) => not(compare(order, relation, place)))
    .limit(1)
    .executeTakeFirst()
  return row !== undefined
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
