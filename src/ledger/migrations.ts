import type { ColumnDefinitionBuilder, Kysely } from 'kysely'
import { type Migration, Migrator } from 'kysely/migration'
import { isPostgres } from './database.ts'
import type { Tables } from './tables.ts'

/**
 * Brings the database to the newest shape; throws, leaving it as it was, when that fails. Any number of processes may
 * do so at once: Kysely holds an advisory lock of PostgreSQL meanwhile.
 */
export async function migrate(database: Kysely<Tables>): Promise<void> {
  const migrator = new Migrator({
    db: database,
    provider: { getMigrations: async () => migrations(isPostgres(database)) },
  })
  const { error } = await migrator.migrateToLatest()
  if (error) throw error
}

const migrations = (isPostgres: boolean): Record<string, Migration> => {
  const increasing = isPostgres ? 'bigserial' : 'integer'
  const increasingKey = (column: ColumnDefinitionBuilder) =>
    isPostgres ? column.primaryKey() : column.primaryKey().autoIncrement()
  return {
    '0001-ledger': {
      async up(database: Kysely<unknown>) {
        const { schema } = database
        await schema
          .createTable('resource')
          .addColumn('position', increasing, increasingKey)
          .addColumn('tenant', 'text', (column) => column.notNull())
          .addColumn('kind', 'text', (column) => column.notNull())
          .addColumn('key', 'text', (column) => column.notNull())
          .addColumn('parent', 'text')
          .addColumn('type', 'text')
          .addColumn('status', 'text', (column) => column.notNull())
          .addColumn('settled', 'integer', (column) => column.notNull())
          .addColumn('snapshot', 'text', (column) => column.notNull())
          .addColumn('origin', 'text')
          .addColumn('note', 'text')
          .addColumn('seq', 'bigint', (column) => column.notNull())
          .addColumn('observed_at', 'bigint', (column) => column.notNull())
          .addUniqueConstraint('resource_key', ['tenant', 'kind', 'key'])
          .execute()
        await schema
          .createIndex('resource_page')
          .on('resource')
          .columns(['tenant', 'kind', 'position'])
          .execute()
        await schema
          .createIndex('resource_parent')
          .on('resource')
          .columns(['tenant', 'kind', 'parent', 'position'])
          .execute()
        await schema
          .createTable('transition')
          .addColumn('seq', increasing, increasingKey)
          .addColumn('tenant', 'text', (column) => column.notNull())
          .addColumn('kind', 'text', (column) => column.notNull())
          .addColumn('key', 'text', (column) => column.notNull())
          .addColumn('previous', 'text')
          .addColumn('current', 'text', (column) => column.notNull())
          .addColumn('settled', 'integer', (column) => column.notNull())
          .addColumn('snapshot', 'text', (column) => column.notNull())
          .addColumn('note', 'text')
          .addColumn('observed_at', 'bigint', (column) => column.notNull())
          .execute()
        await schema
          .createIndex('transition_key')
          .on('transition')
          .columns(['tenant', 'kind', 'key', 'seq'])
          .execute()
        await schema
          .createIndex('transition_age')
          .on('transition')
          .columns(['observed_at'])
          .execute()
        await schema
          .createTable('watch')
          .addColumn('tenant', 'text', (column) => column.notNull())
          .addColumn('kind', 'text', (column) => column.notNull())
          .addColumn('key', 'text', (column) => column.notNull())
          .addColumn('next_poll_at', 'bigint', (column) => column.notNull())
          .addColumn('gap_ms', 'integer', (column) => column.notNull())
          .addColumn('deadline_at', 'bigint', (column) => column.notNull())
          .addColumn('lease_until', 'bigint', (column) => column.notNull())
          .addColumn('fence', 'integer', (column) => column.notNull())
          .addPrimaryKeyConstraint('watch_key', ['tenant', 'kind', 'key'])
          .execute()
        await schema
          .createIndex('watch_due')
          .on('watch')
          .columns(['tenant', 'next_poll_at'])
          .execute()
        await schema
          .createTable('credential')
          .addColumn('tenant', 'text', (column) => column.primaryKey())
          .addColumn('sealed', 'text', (column) => column.notNull())
          .execute()
        await schema
          .createTable('poll_budget')
          .addColumn('tenant', 'text', (column) => column.primaryKey())
          .addColumn('tokens', 'double precision', (column) => column.notNull())
          .addColumn('refilled_at', 'bigint', (column) => column.notNull())
          .execute()
      },
    },
    '0002-creation': {
      async up(database: Kysely<unknown>) {
        const { schema } = database
        await schema.alterTable('resource').addColumn('alias', 'text').execute()
        await schema.alterTable('watch').addColumn('submission', 'text').execute()
        await schema
          .createIndex('resource_alias')
          .on('resource')
          .columns(['tenant', 'kind', 'alias'])
          .execute()
        await schema
          .createTable('creation')
          .addColumn('tenant', 'text', (column) => column.notNull())
          .addColumn('idempotency_key', 'text', (column) => column.notNull())
          .addColumn('fingerprint', 'text', (column) => column.notNull())
          .addColumn('state', 'text', (column) => column.notNull())
          .addColumn('outcome', 'text')
          .addColumn('lease_until', 'bigint', (column) => column.notNull())
          .addColumn('created_at', 'bigint', (column) => column.notNull())
          .addPrimaryKeyConstraint('creation_key', ['tenant', 'idempotency_key'])
          .execute()
        await schema.createIndex('creation_age').on('creation').columns(['created_at']).execute()
      },
    },
    '0003-poll-rate': {
      async up(database: Kysely<unknown>) {
        const { schema } = database
        await schema.alterTable('poll_budget').addColumn('rate', 'double precision').execute()
      },
    },
    '0004-turn': {
      async up(database: Kysely<unknown>) {
        await database.schema
          .createTable('turn')
          .addColumn('tenant', 'text', (column) => column.primaryKey())
          .addColumn('holder', 'text', (column) => column.notNull())
          .addColumn('lease_until', 'bigint', (column) => column.notNull())
          .execute()
      },
    },
    // A task that waited before it has no awaited assets; it still looks after them at every gap.
    '0005-awaited-asset': {
      async up(database: Kysely<unknown>) {
        const { schema } = database
        const zero = (column: ColumnDefinitionBuilder) => column.notNull().defaultTo(0)
        await schema.alterTable('watch').addColumn('not_before', 'bigint', zero).execute()
        await schema.alterTable('watch').addColumn('refused_polls', 'integer', zero).execute()
        await schema
          .createTable('awaited_asset')
          .addColumn('tenant', 'text', (column) => column.notNull())
          .addColumn('kind', 'text', (column) => column.notNull())
          .addColumn('key', 'text', (column) => column.notNull())
          .addColumn('asset_key', 'text', (column) => column.notNull())
          .addPrimaryKeyConstraint('awaited_asset_key', ['tenant', 'kind', 'key', 'asset_key'])
          .addForeignKeyConstraint(
            'awaited_asset_watch',
            ['tenant', 'kind', 'key'],
            'watch',
            ['tenant', 'kind', 'key'],
            (constraint) => constraint.onDelete('cascade'),
          )
          .execute()
        await schema
          .createIndex('awaited_asset_by_asset')
          .on('awaited_asset')
          .columns(['tenant', 'asset_key'])
          .execute()
      },
    },
    '0006-write-probe': {
      async up(database: Kysely<unknown>) {
        await database.schema
          .createTable('write_probe')
          .addColumn('id', 'integer', (column) => column.primaryKey())
          .addColumn('value', 'text', (column) => column.notNull())
          .execute()
      },
    },
    '0007-creation-holder': {
      async up(database: Kysely<unknown>) {
        await database.schema.alterTable('creation').addColumn('holder', 'text').execute()
      },
    },
    // The tables have the names of the concepts in the code. SQLite and PostgreSQL follow foreign keys by themselves.
    '0008-table-names': {
      async up(database: Kysely<unknown>) {
        const { schema } = database
        await schema.alterTable('watch').renameTo('poll_job').execute()
        await schema.alterTable('creation').renameTo('idempotency_record').execute()
        await schema.alterTable('turn').renameTo('tenant_lock').execute()
      },
    },
  }
}
