import type { Kysely } from 'kysely'
import { expect, test } from 'vitest'
import type { Tables } from '../src/ledger/tables.ts'
import { temporaryFolder } from './support/app.ts'
import { claimOne, openTestDatabase, openTestLedger, registerTask } from './support/ledger.ts'

const OLD_NAMES = {
  poll_job: 'watch',
  idempotency_record: 'creation',
  tenant_lock: 'turn',
}

test('a database with the old table names keeps its poll jobs and idempotency records', async () => {
  const dataDir = temporaryFolder()
  const before = await openTestLedger(dataDir)
  const address = await registerTask(before, 'zg-1', 'WAITING_FOR_ASSETS')
  const key = { tenant: address.tenant, idempotencyKey: 'order 7' }
  await before.idempotencyRecords.begin(key, 'print')
  await before.idempotencyRecords.finish(key, { key: 'cgt-7' })
  await renameBack(await openTestDatabase(dataDir))

  const after = await openTestLedger(dataDir)

  expect(await claimOne(after)).toMatchObject(address)
  expect(await after.idempotencyRecords.begin(key, 'print')).toEqual({
    state: 'DONE',
    outcome: { key: 'cgt-7' },
  })
})

/** Restores the table names from before the migration that renamed the tables. */
async function renameBack(database: Kysely<Tables>): Promise<void> {
  for (const [name, oldName] of Object.entries(OLD_NAMES)) {
    await database.schema.alterTable(name).renameTo(oldName).execute()
  }
  const migrations = database.withTables<{ kysely_migration: { name: string } }>()
  await migrations.deleteFrom('kysely_migration').where('name', '=', '0008-table-names').execute()
}
