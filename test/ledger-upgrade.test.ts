import type { Kysely } from 'kysely'
import { expect, test } from 'vitest'
import { createMigrator } from '../src/ledger/migrations.ts'
import { temporaryFolder } from './support/app.ts'
import { assetSeen, claimOne, openTestDatabase, openTestLedger } from './support/ledger.ts'

const FAR = Date.now() + 3_600_000

test('a database of an earlier version keeps its entities, poll jobs and idempotency records', async () => {
  const dataDir = temporaryFolder()
  const database = await openTestDatabase(dataDir)
  const { error } = await createMigrator(database).migrateTo('0007-creation-holder')
  expect(error).toBeUndefined()
  await insertOldRows(database as unknown as Kysely<OldTables>)

  const ledger = await openTestLedger(dataDir)

  const asset = { tenant: 't', kind: 'asset', key: 'JIMENG:Asset-1' } as const
  expect(await ledger.find(asset)).toMatchObject({
    pollingEnded: false,
    snapshot: { status: 'PROCESSING' },
  })
  expect(await ledger.find({ ...asset, key: 'JIMENG:Asset-2' })).toMatchObject({
    pollingEnded: true,
    pollingEndedReason: 'too late',
  })
  expect(await claimOne(ledger)).toMatchObject(asset)
  const key = { tenant: 't', idempotencyKey: 'order 7' }
  expect(await ledger.idempotencyRecords.begin(key, 'print')).toEqual({
    state: 'DONE',
    outcome: { key: 'cgt-7' },
  })
})

type OldTables = Record<'resource' | 'watch' | 'creation', Record<string, unknown>>

/** Rows as the versions before the tables were renamed wrote them. */
async function insertOldRows(database: Kysely<OldTables>): Promise<void> {
  const owner = { tenant: 't', kind: 'asset' }
  const snapshot = JSON.stringify(assetSeen('PROCESSING'))
  const state = { status: 'PROCESSING', snapshot, seq: 1, observed_at: Date.now() }
  await database
    .insertInto('resource')
    .values([
      { ...owner, ...state, key: 'JIMENG:Asset-1', settled: 0, note: null },
      { ...owner, ...state, key: 'JIMENG:Asset-2', settled: 1, note: 'too late' },
    ])
    .execute()
  await database
    .insertInto('watch')
    .values({
      ...owner,
      key: 'JIMENG:Asset-1',
      next_poll_at: 0,
      gap_ms: 1_000,
      deadline_at: FAR,
      lease_until: 0,
      fence: 0,
    })
    .execute()
  await database
    .insertInto('creation')
    .values({
      tenant: 't',
      idempotency_key: 'order 7',
      fingerprint: 'print',
      state: 'DONE',
      outcome: JSON.stringify({ key: 'cgt-7' }),
      lease_until: 0,
      created_at: Date.now(),
    })
    .execute()
}
