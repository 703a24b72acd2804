import { type ColumnDefinitionBuilder, type Kysely, type SchemaModule, sql } from 'kysely'
import { type Migration, Migrator } from 'kysely/migration'
import { addTimes } from './add-times.ts'
import { isPostgres } from './database.ts'
import type { Tables } from './tables.ts'

/**
 * Migrates the database to the newest schema. When that fails, it throws and the database is unchanged.
 * Several processes may call it at the same time, because Kysely holds a PostgreSQL advisory lock during
 * the migration.
 */
export async function migrate(database: Kysely<Tables>): Promise<void> {
  const { error } = await createMigrator(database).migrateToLatest()
  if (error) throw error
}

/** Creates the Kysely migrator of the ledger. Tests use it to migrate to an older schema. */
export function createMigrator(database: Kysely<Tables>): Migrator {
  return new Migrator({
    db: database,
    provider: { getMigrations: async () => migrations(isPostgres(database)) },
  })
}

/**
 * Kysely runs each migration once, in the order of the names. Never change a released migration. The older
 * ones use the table names of their time: resource = entity, watch = poll_job, creation =
 * idempotency_record, turn = tenant_lock.
 */
const migrations = (isPostgres: boolean): Record<string, Migration> => ({
  '0001-ledger': { up: (database) => createLedger(database, isPostgres) },
  '0002-creation': { up: addCreations },
  '0003-poll-rate': {
    up: ({ schema }) =>
      schema.alterTable('poll_budget').addColumn('rate', 'double precision').execute(),
  },
  '0004-turn': { up: addTurns },
  '0005-awaited-asset': { up: addAwaitedAssets },
  '0006-write-probe': { up: addWriteProbe },
  '0007-creation-holder': {
    up: ({ schema }) => schema.alterTable('creation').addColumn('holder', 'text').execute(),
  },
  '0008-table-names': { up: renameTables },
  '0009-entity': { up: renameEntity },
  '0010-due-indexes': { up: indexDueTimes },
  '0011-app': { up: (database) => addApp(database, isPostgres) },
})

const required = (column: ColumnDefinitionBuilder) => column.notNull()
const zero = (column: ColumnDefinitionBuilder) => column.notNull().defaultTo(0)

async function createLedger({ schema }: Kysely<unknown>, isPostgres: boolean): Promise<void> {
  await createResources(schema, isPostgres)
  await createTransitions(schema, isPostgres)
  await createWatches(schema)
  await schema
    .createTable('credential')
    .addColumn('tenant', 'text', (column) => column.primaryKey())
    .addColumn('sealed', 'text', required)
    .execute()
  await schema
    .createTable('poll_budget')
    .addColumn('tenant', 'text', (column) => column.primaryKey())
    .addColumn('tokens', 'double precision', required)
    .addColumn('refilled_at', 'bigint', required)
    .execute()
}

async function createResources(schema: SchemaModule, isPostgres: boolean): Promise<void> {
  await schema
    .createTable('resource')
    .addColumn('position', ...increasing(isPostgres))
    .addColumn('tenant', 'text', required)
    .addColumn('kind', 'text', required)
    .addColumn('key', 'text', required)
    .addColumn('parent', 'text')
    .addColumn('type', 'text')
    .addColumn('status', 'text', required)
    .addColumn('settled', 'integer', required)
    .addColumn('snapshot', 'text', required)
    .addColumn('origin', 'text')
    .addColumn('note', 'text')
    .addColumn('seq', 'bigint', required)
    .addColumn('observed_at', 'bigint', required)
    .addUniqueConstraint('resource_key', ['tenant', 'kind', 'key'])
    .execute()
  await createIndex(schema, 'resource_page', 'resource', ['tenant', 'kind', 'position'])
  await createIndex(schema, 'resource_parent', 'resource', ['tenant', 'kind', 'parent', 'position'])
}

async function createTransitions(schema: SchemaModule, isPostgres: boolean): Promise<void> {
  await schema
    .createTable('transition')
    .addColumn('seq', ...increasing(isPostgres))
    .addColumn('tenant', 'text', required)
    .addColumn('kind', 'text', required)
    .addColumn('key', 'text', required)
    .addColumn('previous', 'text')
    .addColumn('current', 'text', required)
    .addColumn('settled', 'integer', required)
    .addColumn('snapshot', 'text', required)
    .addColumn('note', 'text')
    .addColumn('observed_at', 'bigint', required)
    .execute()
  await createIndex(schema, 'transition_key', 'transition', ['tenant', 'kind', 'key', 'seq'])
  await createIndex(schema, 'transition_age', 'transition', ['observed_at'])
}

async function createWatches(schema: SchemaModule): Promise<void> {
  await schema
    .createTable('watch')
    .addColumn('tenant', 'text', required)
    .addColumn('kind', 'text', required)
    .addColumn('key', 'text', required)
    .addColumn('next_poll_at', 'bigint', required)
    .addColumn('gap_ms', 'integer', required)
    .addColumn('deadline_at', 'bigint', required)
    .addColumn('lease_until', 'bigint', required)
    .addColumn('fence', 'integer', required)
    .addPrimaryKeyConstraint('watch_key', ['tenant', 'kind', 'key'])
    .execute()
  await createIndex(schema, 'watch_due', 'watch', ['tenant', 'next_poll_at'])
}

async function addCreations({ schema }: Kysely<unknown>): Promise<void> {
  await schema.alterTable('resource').addColumn('alias', 'text').execute()
  await schema.alterTable('watch').addColumn('submission', 'text').execute()
  await createIndex(schema, 'resource_alias', 'resource', ['tenant', 'kind', 'alias'])
  await schema
    .createTable('creation')
    .addColumn('tenant', 'text', required)
    .addColumn('idempotency_key', 'text', required)
    .addColumn('fingerprint', 'text', required)
    .addColumn('state', 'text', required)
    .addColumn('outcome', 'text')
    .addColumn('lease_until', 'bigint', required)
    .addColumn('created_at', 'bigint', required)
    .addPrimaryKeyConstraint('creation_key', ['tenant', 'idempotency_key'])
    .execute()
  await createIndex(schema, 'creation_age', 'creation', ['created_at'])
}

async function addTurns({ schema }: Kysely<unknown>): Promise<void> {
  await schema
    .createTable('turn')
    .addColumn('tenant', 'text', (column) => column.primaryKey())
    .addColumn('holder', 'text', required)
    .addColumn('lease_until', 'bigint', required)
    .execute()
}

/** A task that waited before this migration has no rows in `awaited_asset`. It is still polled at intervals. */
async function addAwaitedAssets({ schema }: Kysely<unknown>): Promise<void> {
  await schema.alterTable('watch').addColumn('not_before', 'bigint', zero).execute()
  await schema.alterTable('watch').addColumn('refused_polls', 'integer', zero).execute()
  await schema
    .createTable('awaited_asset')
    .addColumn('tenant', 'text', required)
    .addColumn('kind', 'text', required)
    .addColumn('key', 'text', required)
    .addColumn('asset_key', 'text', required)
    .addPrimaryKeyConstraint('awaited_asset_key', ['tenant', 'kind', 'key', 'asset_key'])
    .addForeignKeyConstraint(
      'awaited_asset_watch',
      ['tenant', 'kind', 'key'],
      'watch',
      ['tenant', 'kind', 'key'],
      (constraint) => constraint.onDelete('cascade'),
    )
    .execute()
  await createIndex(schema, 'awaited_asset_by_asset', 'awaited_asset', ['tenant', 'asset_key'])
}

async function addWriteProbe({ schema }: Kysely<unknown>): Promise<void> {
  await schema
    .createTable('write_probe')
    .addColumn('id', 'integer', (column) => column.primaryKey())
    .addColumn('value', 'text', required)
    .execute()
}

/** Renames the tables to the names used in the code. Both engines update foreign keys automatically. */
async function renameTables({ schema }: Kysely<unknown>): Promise<void> {
  await schema.alterTable('watch').renameTo('poll_job').execute()
  await schema.alterTable('creation').renameTo('idempotency_record').execute()
  await schema.alterTable('turn').renameTo('tenant_lock').execute()
}

/** Renames the table `resource`, two columns and the indexes. SQLite cannot rename an index, so they are recreated. */
async function renameEntity({ schema }: Kysely<unknown>): Promise<void> {
  await schema.alterTable('resource').renameTo('entity').execute()
  for (const table of ['entity', 'transition']) {
    await schema.alterTable(table).renameColumn('settled', 'polling_ended').execute()
    await schema.alterTable(table).renameColumn('note', 'polling_ended_reason').execute()
  }
  const oldIndexes = [
    'resource_page',
    'resource_parent',
    'resource_alias',
    'watch_due',
    'creation_age',
  ]
  for (const name of oldIndexes) await schema.dropIndex(name).execute()
  await createIndex(schema, 'entity_page', 'entity', ['tenant', 'kind', 'position'])
  await createIndex(schema, 'entity_parent', 'entity', ['tenant', 'kind', 'parent', 'position'])
  await createIndex(schema, 'entity_alias', 'entity', ['tenant', 'kind', 'alias'])
  await createIndex(schema, 'poll_job_due', 'poll_job', ['tenant', 'next_poll_at'])
  await createIndex(schema, 'idempotency_record_age', 'idempotency_record', ['created_at'])
}

/** Poll jobs are claimed by the time they are due, over all tenants. Few of them are claimed at one moment. */
async function indexDueTimes({ schema }: Kysely<unknown>): Promise<void> {
  await createIndex(schema, 'poll_job_next', 'poll_job', ['next_poll_at'])
  await schema
    .createIndex('poll_job_claimed')
    .on('poll_job')
    .columns(['lease_until'])
    .where(sql.ref('lease_until'), '>', 0)
    .execute()
}

/** The times of entities, and the changes that the subscription `changes` reads. */
async function addApp(database: Kysely<unknown>, isPostgres: boolean): Promise<void> {
  await addTimes(database)
  const { schema } = database
  await schema
    .createTable('change')
    .addColumn('seq', ...increasing(isPostgres))
    .addColumn('tenant', 'text', required)
    .addColumn('kind', 'text', required)
    .addColumn('key', 'text', required)
    .addColumn('is_new', 'integer', required)
    .addColumn('changed_at', 'bigint', required)
    .execute()
  await createIndex(schema, 'change_tenant', 'change', ['tenant', 'seq'])
  await createIndex(schema, 'change_age', 'change', ['changed_at'])
}

/** Returns the type and constraint of a primary key whose values increase with each inserted row. */
function increasing(isPostgres: boolean) {
  const primaryKey = (column: ColumnDefinitionBuilder) =>
    isPostgres ? column.primaryKey() : column.primaryKey().autoIncrement()
  return [isPostgres ? 'bigserial' : 'integer', primaryKey] as const
}

async function createIndex(
  schema: SchemaModule,
  name: string,
  table: string,
  columns: string[],
): Promise<void> {
  await schema.createIndex(name).on(table).columns(columns).execute()
}
