import type { Kysely, Selectable } from 'kysely'
import { type AssetSnapshot, keyOf } from '../model/entities.ts'
import { isPostgres } from './database.ts'
import {
  decodeOrigin,
  decodeSnapshot,
  type Entity,
  type EntityRef,
  encodeJson,
  type Kind,
  type Snapshot,
} from './entity.ts'
import type { EntityTable, Tables } from './tables.ts'

/** An entity as its table stores it. */
export type EntityRow = Selectable<EntityTable>

/** The entity that a row, or the row of a transition, stores. */
export function entityOf<K extends Kind>(
  row: Omit<EntityRow, 'position' | 'tenant' | 'kind' | 'alias' | 'parent' | 'type' | 'status'>,
): Entity<K> {
  return {
    key: row.key,
    snapshot: decodeSnapshot<K>(row.snapshot),
    origin: decodeOrigin<K>(row.origin),
    pollingEnded: row.polling_ended === 1,
    pollingEndedReason: row.polling_ended_reason,
    seq: row.seq,
    observedAt: new Date(row.observed_at),
  }
}

/** The row of an entity, by its key or its alias, or null. Within a transaction the row is locked. */
export async function findRow(
  database: Kysely<Tables>,
  { tenant, kind, key }: EntityRef,
): Promise<EntityRow | null> {
  const row = await database
    .selectFrom('entity')
    .selectAll()
    .where('tenant', '=', tenant)
    .where('kind', '=', kind)
    .where(({ or, eb }) => or([eb('key', '=', key), eb('alias', '=', key)]))
    .$if(database.isTransaction && isPostgres(database), (query) => query.forUpdate())
    .executeTakeFirst()
  return row ?? null
}

/** The columns that store a snapshot: the snapshot itself, and the values that queries filter by. */
export function columnsOf({ kind, key }: { kind: string; key: string }, snapshot: Snapshot) {
  const taskId = 'taskId' in snapshot ? snapshot.taskId : null
  return {
    snapshot: encodeJson(snapshot),
    alias: taskId === key ? null : taskId,
    status: snapshot.status,
    parent: kind === 'asset' ? groupKeyOf(snapshot as AssetSnapshot) : null,
    type: 'type' in snapshot ? snapshot.type : null,
  }
}

function groupKeyOf({ platform, groupId }: AssetSnapshot): string | null {
  return groupId === null ? null : keyOf({ platform, id: groupId })
}
