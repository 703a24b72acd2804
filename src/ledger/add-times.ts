import { type ColumnDataType, type Kysely, sql } from 'kysely'

/** The columns without a default that the migration adds to `entity`, and their types. */
const COLUMNS = {
  submitted_at: 'bigint',
  started_at: 'bigint',
  finished_at: 'bigint',
  model: 'text',
  resolution: 'text',
  duration: 'integer',
  total_tokens: 'double precision',
} as const satisfies Record<string, ColumnDataType>

/** All columns that the migration fills, and their types. */
const FILLED = { registered_at: 'bigint', search_text: 'text', ...COLUMNS } as const
const NAMES = Object.keys(FILLED) as (keyof typeof FILLED)[]

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
  await fillRows(database as Kysely<{ entity: OldRow }>)
  const indexes = {
    entity_registered: ['tenant', 'kind', 'registered_at'],
    entity_observed: ['tenant', 'kind', 'observed_at'],
    entity_finished: ['tenant', 'model', 'resolution', 'duration', 'finished_at'],
  }
  for (const [name, columns] of Object.entries(indexes)) {
    await schema.createIndex(name).on('entity').columns(columns).execute()
  }
}

async function fillRows(database: Kysely<{ entity: OldRow }>): Promise<void> {
  for (let last = 0, isDone = false; !isDone; ) {
    const rows = await database
      .selectFrom('entity')
      .select(['position', 'kind', 'status', 'snapshot', 'origin', 'observed_at'])
      .where('position', '>', last)
      .orderBy('position')
      .limit(BATCH)
      .execute()
    if (rows.length > 0) await writeRows(database, rows)
    last = rows.at(-1)?.position ?? last
    isDone = rows.length < BATCH
  }
}

/** Quoted, because it is also the name of a function of SQL. */
const POSITION = sql.ref('position')

/** One statement for all rows: a large ledger is migrated while the start of the service waits. */
async function writeRows(database: Kysely<{ entity: OldRow }>, rows: OldRow[]): Promise<void> {
  const values = rows.map((row) => {
    const filled = valuesOf(row)
    // PostgreSQL needs the types of the values.
    const columns = NAMES.map((name) => sql`cast(${filled[name]} as ${sql.raw(FILLED[name])})`)
    return sql`(cast(${row.position} as bigint), ${sql.join(columns)})`
  })
  const assignments = NAMES.map((name) => sql`${sql.ref(name)} = ${sql.ref(`filled.${name}`)}`)
  await sql`
    with filled (${POSITION}, ${sql.join(NAMES.map((name) => sql.ref(name)))})
    as (values ${sql.join(values)})
    update entity set ${sql.join(assignments)}
    from filled where entity.${POSITION} = filled.${POSITION}`.execute(database)
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
