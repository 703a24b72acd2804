import type { Kysely } from 'kysely'
import { expect, test } from 'vitest'
import { createMigrator } from '../src/ledger/migrations.ts'
import { temporaryFolder } from './support/app.ts'
import {
  assetSeen,
  claimOne,
  openTestDatabase,
  openTestLedger,
  taskSeen,
} from './support/ledger.ts'

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

test('the times and the searched values of earlier rows are filled in', async () => {
  const dataDir = temporaryFolder()
  const database = await openTestDatabase(dataDir)
  await createMigrator(database).migrateTo('0010-due-indexes')
  const old = database as unknown as Kysely<Record<'entity', Record<string, unknown>>>
  const state = { tenant: 't', polling_ended: 0, seq: 1, observed_at: 9_000 }
  const [name, createdAt] = ['Front VIEW', new Date(5_000)]
  const usage = { videoTokens: null, completionTokens: null, totalTokens: 7 }
  const request = { prompt: 'A Cat', model: 'm', duration: 5, resolution: '720p' }
  const task = taskSeen('SUCCEEDED', { createdAt, usage })
  const rows = [
    { kind: 'asset', key: 'a', snapshot: assetSeen('ACTIVE', { name, createdAt }), origin: null },
    { kind: 'videoTask', key: 'b', snapshot: task, origin: { model: 'm', request } },
    { kind: 'videoTask', key: 'c', snapshot: taskSeen('RUNNING', { model: null }), origin: null },
  ].map(({ snapshot, origin, ...row }) => ({
    ...state,
    ...row,
    status: snapshot.status,
    snapshot: JSON.stringify(snapshot),
    origin: origin && JSON.stringify(origin),
  }))
  // More rows than the migration writes at a time.
  const more = Array.from({ length: 600 }, (_, index) => ({ ...rows[0], key: `a${index}` }))
  await old.insertInto('entity').values(rows).execute()
  await old.insertInto('entity').values(more).execute()

  const ledger = await openTestLedger(dataDir)

  expect(await ledger.find({ tenant: 't', kind: 'videoTask', key: 'b' })).toMatchObject({
    registeredAt: createdAt,
    submittedAt: createdAt,
    startedAt: null,
    finishedAt: new Date(9_000),
  })
  const columns = [
    'registered_at',
    'submitted_at',
    'started_at',
    'finished_at',
    'search_text',
  ] as const
  const searched = ['model', 'resolution', 'duration', 'total_tokens'] as const
  const filled = await database
    .selectFrom('entity')
    .select([...columns, ...searched])
    .orderBy('position')
    .execute()
  const none = { model: null, resolution: null, duration: null, total_tokens: null }
  const times = { registered_at: 5_000, submitted_at: null, started_at: null, finished_at: 9_000 }
  const asset = { ...times, search_text: 'front view', ...none }
  const [first, second, third] = filled
  expect(first).toEqual(asset)
  expect(second).toEqual({
    ...times,
    submitted_at: 5_000,
    search_text: 'a cat',
    model: 'm',
    resolution: '720p',
    duration: 5,
    total_tokens: 7,
  })
  const running = { registered_at: 9_000, submitted_at: 9_000, started_at: 9_000 }
  expect(third).toEqual({ ...running, finished_at: null, search_text: '', ...none })
  expect(filled.at(-1)).toEqual(asset)
  expect(filled).toHaveLength(603)
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
