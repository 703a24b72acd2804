import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { Kysely, sql } from 'kysely'
import { expect, onTestFinished, test } from 'vitest'
import { migrate } from '../src/ledger/migrations.ts'
import { createSqliteDialect } from '../src/ledger/node-sqlite.ts'
import { createStorageHealth } from '../src/ledger/storage-health.ts'
import type { Tables } from '../src/ledger/tables.ts'
import { LedgerUnavailable } from '../src/ledger/unavailable.ts'
import { temporaryFolder, until } from './support/app.ts'

async function open() {
  const path = join(temporaryFolder(), 'test.db')
  const database = new Kysely<Tables>({ dialect: createSqliteDialect({ path }) })
  onTestFinished(() => database.destroy())
  await migrate(database)
  const maxPages = (count: number) => sql.raw(`pragma max_page_count = ${count}`).execute(database)
  const { rows } = await sql<{ page_count: number }>`pragma page_count`.execute(database)
  const pages = rows[0]?.page_count ?? 0
  return {
    database,
    health: createStorageHealth(database),
    fill: () => maxPages(1),
    /** Leaves room for the probe row but not for a create. */
    almostFill: () => maxPages(pages + 4),
    free: () => maxPages(1_000_000),
  }
}

const probes = async (database: Kysely<Tables>) => {
  const { rows } = await sql<{ n: number }>`select total_changes() as n`.execute(database)
  return rows[0]?.n ?? 0
}

test('working storage is writable and is probed at most once a second', async () => {
  const { database, health } = await open()
  const before = await probes(database)

  const answers = await Promise.all(Array.from({ length: 20 }, () => health.isWritable()))
  answers.push(await health.isWritable())
  await health.ensureWritable()
  const written = (await probes(database)) - before
  await pause(1_100)
  await health.isWritable()

  expect(answers).toEqual(Array(21).fill(true))
  expect(written).toBe(1)
  expect((await probes(database)) - before).toBe(2)
})

test('a disk without room for a create is not writable, even when a small row fits', async () => {
  const { health, almostFill } = await open()
  await almostFill()

  expect(await health.isWritable()).toBe(false)
  await expect(health.ensureWritable()).rejects.toMatchObject({ reason: 'FULL' })
})

test('healthy storage is not probed before a create', async () => {
  const { database, health } = await open()
  const before = await probes(database)

  await health.ensureWritable()
  await health.ensureWritable()

  expect((await probes(database)) - before).toBe(0)
})

test('storage is writable again within two seconds after the disk has room', async () => {
  const { health, fill, free } = await open()
  await fill()
  const whenFull = await health.isWritable()
  await free()
  const startedAt = performance.now()
  await until(() => health.isWritable(), 3_000)

  expect(whenFull).toBe(false)
  expect(performance.now() - startedAt).toBeLessThan(2_000)
  await health.ensureWritable()
})

test.for(['FULL', 'READ_ONLY', 'BROKEN', 'GONE'] as const)(
  'after a call that failed as %s the storage is not writable until a write succeeds',
  async (reason) => {
    const { health } = await open()
    await health.isWritable()
    const failure = new LedgerUnavailable(reason)
    health.onUnavailable(failure)

    expect(await health.isWritable()).toBe(false)
    await expect(health.ensureWritable()).rejects.toBe(failure)
    const isEnsured = () =>
      health.ensureWritable().then(
        () => true,
        () => false,
      )
    await until(isEnsured, 3_000)
    expect(await health.isWritable()).toBe(true)
  },
)

test.for(['AWAY', 'LOCKED'] as const)(
  'after a call that failed as %s the next one is allowed, and readiness probes again',
  async (reason) => {
    const { database, health } = await open()
    await health.isWritable()
    const before = await probes(database)
    health.onUnavailable(new LedgerUnavailable(reason))

    await health.ensureWritable()
    expect(await health.isWritable()).toBe(true)
    expect((await probes(database)) - before).toBe(1)
  },
)

test('the first create after the storage recovers is not refused', async () => {
  const { health } = await open()
  health.onUnavailable(new LedgerUnavailable('FULL'))
  await pause(1_100)

  await health.ensureWritable()
})

test('repeated failures do not delay the next probe', async () => {
  const { health } = await open()
  const startedAt = performance.now()
  health.onUnavailable(new LedgerUnavailable('FULL'))
  const refusing = setInterval(() => health.onUnavailable(new LedgerUnavailable('FULL')), 100)
  onTestFinished(() => clearInterval(refusing))

  await until(() => health.isWritable(), 3_000)
  expect(performance.now() - startedAt).toBeLessThan(2_000)
})

test('storage whose probe fails for another reason is not writable', async () => {
  const { database, health } = await open()
  await database.schema.dropTable('write_probe').execute()

  expect(await health.isWritable()).toBe(false)
  await expect(health.ensureWritable()).rejects.toMatchObject({
    reason: 'BROKEN',
    cause: { message: expect.stringContaining('no such table') },
  })
})
