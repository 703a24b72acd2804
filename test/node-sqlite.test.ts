import { existsSync, readdirSync, readlinkSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { type Generated, Kysely, sql } from 'kysely'
import { expect, onTestFinished, test } from 'vitest'
import { createSqliteDialect, type SqliteOptions } from '../src/ledger/node-sqlite.ts'
import { temporaryFolder, until } from './support/app.ts'

interface Tables {
  note: { id: Generated<number>; text: string }
}

/** Opens a database with one table in a new file. */
async function open(options: Partial<SqliteOptions> = {}) {
  const path = join(temporaryFolder(), 'test.db')
  const database = new Kysely<Tables>({ dialect: createSqliteDialect({ path, ...options }) })
  onTestFinished(() => database.destroy())
  await database.schema
    .createTable('note')
    .addColumn('id', 'integer', (column) => column.primaryKey())
    .addColumn('text', 'text', (column) => column.notNull())
    .execute()
  const write = (text: string) => database.insertInto('note').values({ text }).execute()
  const texts = async () => {
    const rows = await database.selectFrom('note').select('text').orderBy('id').execute()
    return rows.map(({ text }) => text)
  }
  /** Prevents the file from growing, as on a full disk. */
  const fill = () => sql`pragma max_page_count = 1`.execute(database)
  return { path, database, write, texts, fill }
}

/** Takes the write lock on another connection, as another process would. */
function lock(path: string): { release(): void } {
  const other = new DatabaseSync(path)
  other.exec('begin immediate')
  onTestFinished(() => other.close())
  return { release: () => other.exec('commit') }
}

/** More than fits on a database page. */
const LONG = 'x'.repeat(100_000)

test('a write returns the number of changed rows and the id of the last row', async () => {
  const { database, write } = await open()
  await write('a')
  const inserted = await database.insertInto('note').values({ text: 'b' }).executeTakeFirst()
  const updated = await database.updateTable('note').set({ text: 'c' }).executeTakeFirst()

  expect(inserted).toMatchObject({ insertId: 2n, numInsertedOrUpdatedRows: 1n })
  expect(updated.numUpdatedRows).toBe(2n)
})

test('the file is in WAL mode, with foreign keys checked and no sync at each commit', async () => {
  const { database } = await open()
  const pragma = async (name: string) => {
    const { rows } = await sql.raw<object>(`pragma ${name}`).execute(database)
    return Object.values(rows[0] ?? {})[0]
  }

  expect(await pragma('journal_mode')).toBe('wal')
  expect(await pragma('foreign_keys')).toBe(1)
  expect(await pragma('synchronous')).toBe(1)
})

test('a failed transaction is rolled back', async () => {
  const { database, write, texts } = await open()
  const failing = database.transaction().execute(async (trx) => {
    await trx.insertInto('note').values({ text: 'a' }).execute()
    throw new Error('on purpose')
  })

  await expect(failing).rejects.toThrow('on purpose')
  await write('b')
  expect(await texts()).toEqual(['b'])
})

test('a committed transaction is visible to other connections', async () => {
  const { path, database } = await open()
  await database.transaction().execute(async (trx) => {
    await trx.insertInto('note').values({ text: 'a' }).execute()
  })

  const other = new DatabaseSync(path)
  onTestFinished(() => other.close())
  expect(other.prepare('select text from note').all()).toEqual([{ text: 'a' }])
})

test('a transaction on a full disk fails with the error of SQLite', async () => {
  const { database, write, texts, fill } = await open()
  await fill()
  const failing = database.transaction().execute(async (trx) => {
    await trx.insertInto('note').values({ text: LONG }).execute()
  })

  await expect(failing).rejects.toMatchObject({ errcode: 13 })
  await write('small enough')
  expect(await texts()).toEqual(['small enough'])
})

test('after SQLite rolls a transaction back, its later statements are not executed', async () => {
  const { database, texts, fill } = await open()
  await fill()
  const failing = database.transaction().execute(async (trx) => {
    await trx.insertInto('note').values({ text: 'before' }).execute()
    await trx
      .insertInto('note')
      .values({ text: LONG })
      .execute()
      .catch(() => {})
    await trx.insertInto('note').values({ text: 'after' }).execute()
  })

  await expect(failing).rejects.toThrow('The transaction was rolled back by SQLite.')
  expect(await texts()).toEqual([])
})

test('other statements wait until an open transaction has ended', async () => {
  const { database, write, texts } = await open()
  const begun = Promise.withResolvers<void>()
  const mayFail = Promise.withResolvers<void>()
  const order: string[] = []
  const failing = database
    .transaction()
    .execute(async (trx) => {
      await trx.insertInto('note').values({ text: 'rolled back' }).execute()
      begun.resolve()
      await mayFail.promise
      order.push('failed')
      throw new Error('on purpose')
    })
    .catch(() => {})
  await begun.promise
  const reading = texts().finally(() => order.push('read'))
  const writing = write('kept').finally(() => order.push('written'))
  const other = database.transaction().execute(async (trx) => {
    order.push('second')
    await trx.insertInto('note').values({ text: 'also kept' }).execute()
  })
  await new Promise(setImmediate)
  mayFail.resolve()
  await Promise.all([failing, reading, writing, other])

  expect(order[0]).toBe('failed')
  expect(await reading).not.toContain('rolled back')
  expect((await texts()).sort()).toEqual(['also kept', 'kept'])
})

test('while another process holds the write lock, writes wait and reads succeed', async () => {
  const { path, database, write, texts } = await open()
  const { release } = lock(path)
  let runs = 0
  const writing = write('a')
  const inTransaction = database.transaction().execute(async (trx) => {
    runs += 1
    await trx.insertInto('note').values({ text: 'b' }).execute()
  })
  const seen = [await texts(), await texts()]
  const runsWhenLocked = runs
  release()
  await Promise.all([writing, inTransaction])

  expect(seen).toEqual([[], []])
  expect(runsWhenLocked).toBe(0)
  expect(runs).toBe(1)
  expect((await texts()).sort()).toEqual(['a', 'b'])
})

test('waiting for a lock never blocks the event loop', async () => {
  const { path, write } = await open()
  const { release } = lock(path)
  const writing = Promise.all(Array.from({ length: 20 }, (_, index) => write(String(index))))
  let longestMs = 0
  for (let turn = 0; turn < 10; turn += 1) {
    const startedAt = performance.now()
    await new Promise((resolve) => setTimeout(resolve, 20))
    longestMs = Math.max(longestMs, performance.now() - startedAt)
  }
  release()
  await writing

  expect(longestMs).toBeLessThan(500)
})

test('a statement fails as locked if the lock is held longer than lockTimeoutMs', async () => {
  const { path, database, write, texts } = await open({ lockTimeoutMs: 200 })
  const { release } = lock(path)
  const startedAt = performance.now()

  await expect(write('a')).rejects.toMatchObject({ errcode: 5 })
  const waitedMs = performance.now() - startedAt
  await expect(
    database.transaction().execute(async () => expect.unreachable()),
  ).rejects.toMatchObject({ errcode: 5 })
  release()
  await write('b')

  expect(waitedMs).toBeGreaterThanOrEqual(200)
  expect(waitedMs).toBeLessThan(1_000)
  expect(await texts()).toEqual(['b'])
})

test('a statement with any other error is not retried', async () => {
  const { database } = await open()
  const startedAt = performance.now()

  await expect(sql`select * from missing`.execute(database)).rejects.toThrow('no such table')
  expect(performance.now() - startedAt).toBeLessThan(1_000)
})

test('a statement fails if the file cannot be opened, and the next one tries again', async () => {
  const folder = join(temporaryFolder(), 'later')
  const dialect = createSqliteDialect({ path: join(folder, 'test.db') })
  const database = new Kysely<Tables>({ dialect })
  onTestFinished(() => database.destroy())
  const select = () => sql`select 1`.execute(database)

  await expect(select()).rejects.toMatchObject({ errcode: 14 })
  writeFileSync(folder, 'not a folder')
  await expect(select()).rejects.toMatchObject({ errcode: 14 })
  rmSync(folder)
  renameSync(temporaryFolder(), folder)
  expect((await select()).rows).toHaveLength(1)
})

test('a file that is not a database is closed again', async () => {
  const path = join(temporaryFolder(), 'test.db')
  writeFileSync(path, 'no database'.repeat(100))
  const database = new Kysely<Tables>({ dialect: createSqliteDialect({ path }) })

  await expect(sql`select 1`.execute(database)).rejects.toMatchObject({ errcode: 26 })
  expect(openFiles()).not.toContain(path)
  rmSync(path)
  expect((await sql`select 1`.execute(database)).rows).toHaveLength(1)
  await database.destroy()
})

test('closing removes the write-ahead log, and later statements fail', async () => {
  const { path, database, write } = await open()
  await write('a')
  await database.destroy()

  expect(existsSync(`${path}-wal`)).toBe(false)
  await expect(write('b')).rejects.toThrow(/destroyed/)
})

test('streaming rows is not supported', async () => {
  const { database } = await open()
  const streaming = async () => {
    for await (const _ of database.selectFrom('note').selectAll().stream()) expect.unreachable()
  }

  await expect(streaming()).rejects.toThrow('Rows are not streamed from SQLite.')
})

test.for([
  ['deleted', (path: string) => rmSync(path)],
  ['replaced', (path: string) => replace(path)],
  ['moved away', (path: string) => renameSync(path, `${path}.old`)],
] as const)('after the file is %s, every statement fails as GONE', async ([, change]) => {
  const { path, database, write, texts } = await open({ checkFileMs: 10 })
  await write('a')
  change(path)
  await until(() => texts().then(no, yes))

  const gone = { name: 'LedgerUnavailable', reason: 'GONE' }
  await expect(write('b')).rejects.toMatchObject(gone)
  await expect(texts()).rejects.toMatchObject(gone)
  const transaction = database.transaction().execute(async () => expect.unreachable())
  await expect(transaction).rejects.toMatchObject(gone)
})

test('after the write-ahead log is deleted, every statement fails as GONE', async () => {
  const { path, write, texts } = await open({ checkFileMs: 10 })
  await write('a')
  rmSync(`${path}-wal`)
  await until(() => texts().then(no, yes))

  await expect(write('b')).rejects.toMatchObject({ reason: 'GONE' })
})

test('a transaction is not committed if the file disappears while it is open', async () => {
  const { path, database, texts } = await open({ checkFileMs: 10 })
  const failing = database.transaction().execute(async (trx) => {
    await trx.insertInto('note').values({ text: 'a' }).execute()
    renameSync(path, `${path}.old`)
    await until(() => trx.selectFrom('note').selectAll().execute().then(no, yes))
  })

  await expect(failing).rejects.toMatchObject({ reason: 'GONE' })
  renameSync(`${path}.old`, path)
  await until(() => texts().then(yes, no))
  expect(await texts()).toEqual([])
})

test('a file that is moved back is used again', async () => {
  const { path, write, texts } = await open({ checkFileMs: 10 })
  await write('a')
  renameSync(path, `${path}.old`)
  await until(() => texts().then(no, yes))
  renameSync(`${path}.old`, path)
  await until(() => texts().then(yes, no))

  await write('b')
  expect(await texts()).toEqual(['a', 'b'])
})

/** The open files of this process. Empty on systems other than Linux. */
function openFiles(): string[] {
  if (process.platform !== 'linux') return []
  return readdirSync('/proc/self/fd').flatMap((fd) => {
    try {
      return [readlinkSync(`/proc/self/fd/${fd}`)]
    } catch {
      return []
    }
  })
}

const yes = () => true
const no = () => false

function replace(path: string): void {
  writeFileSync(`${path}.new`, '')
  renameSync(`${path}.new`, path)
}
