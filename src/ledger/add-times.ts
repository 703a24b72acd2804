import { type ColumnDataType, type Kysely, sql } from 'kysely'

/** The columns that the migration adds to `entity`, and their types. */
const COLUMNS: Record<string, ColumnDataType> = {
  submitted_at: 'bigint',
  started_at: 'bigint',
  finished_at: 'bigint',
  model: 'text',
  resolution: 'text',
  duration: 'integer',
  total_tokens: 'double precision',
}

/** Rows that are read and written at a time. */
const BATCH = 500

/** A row of `entity` before the migration. */
interface OldRow {
  position: number
  kind: string
  status: string
  snapshot: string
  origin: string | null
  observed_at: number
}

/**
 * Adds the times of an entity and the values that lists search. Fills them from what is stored: `createdAt` of the
 * snapshot, and `observed_at`, the time of the last change. The database adapter returns a bigint as a number.
 */
export async function addTimes(database: Kysely<unknown>): Promise<void> {
  const { schema } = database
  const zero = sql`0`
  await schema
    .alterTable('entity')
    .addColumn('registered_at', 'bigint', (column) => column.notNull().defaultTo(zero))
    .execute()
  await schema
    .alterTable('entity')
    .addColumn('search_text', 'text', (column) => column.notNull().defaultTo(''))
    .execute()
  for (const [name, type] of Object.entries(COLUMNS)) {
    await schema.alterTable('entity').addColumn(name, type).execute()
  }
  await fillRows(database as Kysely<{ entity: OldRow & Record<string, unknown> }>)
  const indexes = {
    entity_registered: ['tenant', 'kind', 'registered_at'],
    entity_observed: ['tenant', 'kind', 'observed_at'],
    entity_finished: ['tenant', 'model', 'resolution', 'duration', 'finished_at'],
  }
  for (const [name, columns] of Object.entries(indexes)) {
    await schema.createIndex(name).on('entity').columns(columns).execute()
  }
}

async function fillRows(
  database: Kysely<{ entity: OldRow & Record<string, unknown> }>,
): Promise<void> {
  for (let last = 0, isDone = false; !isDone; ) {
    const rows = await database
      .selectFrom('entity')
      .select(['position', 'kind', 'status', 'snapshot', 'origin', 'observed_at'])
      .where('position', '>', last)
      .orderBy('position')
      .limit(BATCH)
      .execute()
    for (const row of rows) {
      await database
        .updateTable('entity')
        .set(valuesOf(row))
        .where('position', '=', row.position)
        .execute()
    }
    last = rows.at(-1)?.position ?? last
    isDone = rows.length < BATCH
  }
}

const ENDED: Record<string, readonly string[]> = {
  asset: ['ACTIVE', 'FAILED'],
  videoTask: ['SUCCEEDED', 'FAILED', 'CANCELLED', 'EXPIRED'],
}

function valuesOf({ kind, status, snapshot: snapshotText, origin: originText, ...row }: OldRow) {
  const snapshot = JSON.parse(snapshotText)
  const origin = originText === null ? null : JSON.parse(originText)
  const isTask = kind === 'videoTask'
  const request = (isTask && origin?.request) || null
  const createdAt = snapshot.createdAt ? Date.parse(snapshot.createdAt) : Number.NaN
  // Never after the last change. The clock of 0-0 may differ.
  const bornAt = Math.min(Number.isNaN(createdAt) ? row.observed_at : createdAt, row.observed_at)
  const seconds = request?.duration ?? snapshot.video?.duration ?? null
  const text = (isTask ? request?.prompt : snapshot.name) ?? ''
  return {
    registered_at: bornAt,
    submitted_at: isTask && snapshot.taskId ? bornAt : null,
    started_at: isTask && status === 'RUNNING' ? row.observed_at : null,
    finished_at: ENDED[kind]?.includes(status) ? row.observed_at : null,
    search_text: withoutNul(String(text).toLowerCase()),
    model: isTask ? withoutNul(origin?.model ?? snapshot.model ?? null) : null,
    resolution: isTask
      ? withoutNul(request?.resolution ?? snapshot.video?.resolution ?? null)
      : null,
    duration: isTask && seconds !== null ? Math.round(seconds) : null,
    total_tokens: isTask ? (snapshot.usage?.totalTokens ?? null) : null,
  }
}

function withoutNul<T extends string | null>(text: T) {
  return text === null ? null : text.replaceAll('\0', '')
}
