import type { Kysely, Selectable } from 'kysely'
import { type AssetSnapshot, keyOf } from '../model/entities.ts'
import { runCompiled } from './compiled-query.ts'
import { isPostgres } from './database.ts'
import {
  decodeOrigin,
  decodeSnapshot,
  type Entity,
  type EntityRef,
  encodeJson,
  type Kind,
  type Origin,
  type Snapshot,
} from './entity.ts'
import { searchedColumnsOf, type TimeColumns } from './stored-values.ts'
import type { EntityTable, Tables } from './tables.ts'

/** A row of the table `entity`. */
export type EntityRow = Selectable<EntityTable>

/** The columns from which an entity is decoded. */
type EntityColumns = Pick<
  EntityRow,
  | 'key'
  | 'snapshot'
  | 'origin'
  | 'polling_ended'
  | 'polling_ended_reason'
  | 'seq'
  | 'observed_at'
  | keyof TimeColumns
>

/** Decodes the entity from its row, or from the row of a transition joined with columns of `entity`. */
export function entityOf<K extends Kind>(row: EntityColumns): Entity<K> {
  return {
    key: row.key,
    snapshot: decodeSnapshot<K>(row.snapshot),
    origin: decodeOrigin<K>(row.origin),
    pollingEnded: row.polling_ended === 1,
    pollingEndedReason: row.polling_ended_reason,
    seq: row.seq,
    observedAt: new Date(row.observed_at),
    registeredAt: new Date(row.registered_at),
    submittedAt: dateOf(row.submitted_at),
    startedAt: dateOf(row.started_at),
    finishedAt: dateOf(row.finished_at),
  }
}

function dateOf(timeMs: number | null): Date | null {
  return timeMs === null ? null : new Date(timeMs)
}

/**
 * Finds the row of an entity by its key or its alias. Returns null when there is none. In a PostgreSQL
 * transaction it also locks the row until the transaction ends.
 */
export async function findRow(database: Kysely<Tables>, ref: EntityRef): Promise<EntityRow | null> {
  const row = await findBy('key', database, ref)
  // Only a video task can have an alias. One query for both columns would not use their indexes.
  return row ?? (ref.kind === 'videoTask' ? findBy('alias', database, ref) : null)
}

async function findBy(
  column: 'key' | 'alias',
  database: Kysely<Tables>,
  { tenant, kind, key }: EntityRef,
): Promise<EntityRow | null> {
  const locks = database.isTransaction && isPostgres(database)
  const { rows } = await runCompiled<EntityRow>(
    database,
    `entity by ${column}${locks ? ' locked' : ''}`,
    () =>
      database
        .selectFrom('entity')
        .selectAll()
        .where('tenant', '=', '')
        .where('kind', '=', '')
        .where(column, '=', '')
        .$if(locks, (query) => query.forUpdate()),
    [tenant, kind, key],
  )
  return rows[0] ?? null
}

/** Returns the columns that depend on a snapshot: the snapshot as JSON, and the values used in filters. */
export function columnsOf(
  { kind, key }: { kind: string; key: string },
  snapshot: Snapshot,
  origin: Origin,
) {
  const taskId = 'taskId' in snapshot ? snapshot.taskId : null
  return {
    snapshot: encodeJson(snapshot),
    alias: taskId === key ? null : taskId,
    status: snapshot.status,
    parent: kind === 'asset' ? groupKeyOf(snapshot as AssetSnapshot) : null,
    type: 'type' in snapshot ? snapshot.type : null,
    ...searchedColumnsOf(kind as Kind, snapshot, origin),
  }
}

function groupKeyOf({ platform, groupId }: AssetSnapshot): string | null {
  return groupId === null ? null : keyOf({ platform, id: groupId })
}
