import { type Kysely, sql, type Transaction } from 'kysely'
import { expect, test } from 'vitest'
import type { Tables } from '../src/ledger/tables.ts'
import { KEY, temporaryFolder, until } from './support/app.ts'
import {
  assetEntityRef,
  assetSeen,
  claim,
  claimOne,
  nextPoll,
  openTestDatabase,
  openTestLedger,
  registerAsset,
} from './support/ledger.ts'

async function openBoth() {
  const dataDir = temporaryFolder()
  return { ledger: await openTestLedger(dataDir), database: await openTestDatabase(dataDir) }
}

/** Runs `other` in a transaction that commits once `ours` waits for its lock. Returns the result of `ours`. */
async function committedWhileWaiting<T>(
  database: Kysely<Tables>,
  other: (trx: Transaction<Tables>) => Promise<unknown>,
  ours: () => Promise<T>,
): Promise<T> {
  const waiting = await database.transaction().execute(async (trx) => {
    await other(trx)
    const result = ours()
    await until(() => isAnyoneWaiting(database))
    return { result }
  })
  return waiting.result
}

async function isAnyoneWaiting(database: Kysely<Tables>): Promise<boolean> {
  const { rows } = await sql`select 1 from pg_stat_activity
    where wait_event_type = 'Lock' and datname = current_database()`.execute(database)
  return rows.length > 0
}

test('a poll job that another process is claiming is skipped', async () => {
  const { ledger, database } = await openBoth()
  await registerAsset(ledger, 'theirs')
  await registerAsset(ledger, 'ours')

  const claimed = await database.transaction().execute(async (trx) => {
    await trx
      .selectFrom('poll_job')
      .select('key')
      .where('key', '=', 'JIMENG:theirs')
      .forUpdate()
      .execute()
    return claim(ledger)
  })

  expect(claimed.map(({ key }) => key)).toEqual(['JIMENG:ours'])
})

test('a tenant whose poll budget is locked by another process is skipped', async () => {
  const { ledger, database } = await openBoth()
  await registerAsset(ledger)
  const before = await claimOne(ledger)
  await registerAsset(ledger, 'Asset-2')

  const claimed = await database.transaction().execute(async (trx) => {
    await trx.selectFrom('poll_budget').select('tenant').forUpdate().execute()
    return claim(ledger)
  })

  expect(claimed).toEqual([])
  expect((await claimOne(ledger)).tenant).toBe(before.tenant)
})

test('a claim that another process takes over during conclude records nothing', async () => {
  const { ledger, database } = await openBoth()
  const ref = await registerAsset(ledger)
  const held = await claimOne(ledger)

  const concluded = await committedWhileWaiting(
    database,
    (trx) =>
      trx
        .updateTable('poll_job')
        .set({ fence: held.fence + 1 })
        .execute(),
    () => ledger.pollJobs.conclude(held, assetSeen('FAILED'), nextPoll()),
  )

  expect(concluded).toBe(false)
  expect(await ledger.find(ref)).toMatchObject({ snapshot: { status: 'PROCESSING' } })
})

test('a create stays SENDING when its sender renews the lease during a second begin', async () => {
  const { ledger, database } = await openBoth()
  const key = { tenant: ledger.tenantOf(KEY), idempotencyKey: 'k' }
  await ledger.idempotencyRecords.begin(key, 'print')
  await database.updateTable('idempotency_record').set({ lease_until: 0 }).execute()

  const lease_until = Date.now() + 60_000
  const asked = await committedWhileWaiting(
    database,
    (trx) => trx.updateTable('idempotency_record').set({ lease_until }).execute(),
    () => ledger.idempotencyRecords.begin(key, 'print'),
  )

  expect(asked).toEqual({ state: 'SENDING' })
})

test('the credential is kept when an asset is registered while the last polled one becomes terminal', async () => {
  const { ledger, database } = await openBoth()
  const ref = await registerAsset(ledger)
  const { kind, key, ...job } = await database
    .selectFrom('poll_job')
    .selectAll()
    .executeTakeFirstOrThrow()
  const { tenant, sealed } = await database
    .selectFrom('credential')
    .selectAll()
    .executeTakeFirstOrThrow()

  await committedWhileWaiting(
    database,
    async (trx) => {
      await trx
        .insertInto('poll_job')
        .values({ ...job, kind, key: assetEntityRef(ledger, 'Asset-2').key })
        .execute()
      await trx.updateTable('credential').set({ sealed }).where('tenant', '=', tenant).execute()
    },
    () => ledger.recordObservation(ref, assetSeen('ACTIVE')),
  )

  expect(await database.selectFrom('credential').select('tenant').execute()).toEqual([{ tenant }])
  expect(key).toBe(ref.key)
})

test('a change notifies the listeners of every process on the same database', async () => {
  const dataDir = temporaryFolder()
  const [here, there] = [await openTestLedger(dataDir), await openTestLedger(dataDir)]
  const ref = await registerAsset(here)
  const group = { ...ref, kind: 'assetGroup', key: 'JIMENG:group-1' } as const
  const heard: (string | null)[] = []
  const leave = there.notifier.listen(group, (key) => void heard.push(key))
  // The first notification to all listeners means that the connection listens.
  await until(() => there.notifier.count > 0)
  heard.length = 0

  await here.recordObservation(ref, assetSeen('ACTIVE'))
  await until(() => heard.includes(ref.key))
  leave()
})

test('extending leases and rescheduling the same poll jobs do not wait for each other', async () => {
  const ledger = await openTestLedger()
  const ids = Array.from({ length: 100 }, (_, index) => `Asset-${index}`)
  for (const id of ids) await registerAsset(ledger, id)

  for (let round = 0; round < 40; round += 1) {
    const jobs = await claim(ledger, { inMs: 60_000, maxRps: 100_000 })
    expect(jobs).toHaveLength(ids.length)
    let concluded = false
    const extend = async (order: typeof jobs) => {
      while (!concluded) await ledger.pollJobs.extend(order, 1)
    }
    const extending = [jobs, jobs.toReversed()].map(extend)
    const concluding = jobs
      .toReversed()
      .map((job) =>
        ledger.pollJobs.conclude(job, job.snapshot, { nextPollAt: new Date(), gapMs: 1 }),
      )
    await Promise.all(concluding).finally(() => {
      concluded = true
    })
    // A deadlock would reject one of them.
    await Promise.all(extending)
  }
})
