import { expect, test } from 'vitest'
import { appendChange } from '../src/ledger/append-change.ts'
import type { ChangeBatch } from '../src/ledger/changes.ts'
import type { Ledger } from '../src/ledger/ledger.ts'
import { KEY, temporaryFolder, until } from './support/app.ts'
import { stopClock } from './support/clock.ts'
import { isPostgres } from './support/engine.ts'
import {
  assetSeen,
  claimOne,
  nextPoll,
  openTestDatabase,
  openTestLedger,
  registerAsset,
  registerTask,
  taskSeen,
} from './support/ledger.ts'

/** Reads all changes of the tenant of `key` after a position, and the position after them. */
async function changesOf(ledger: Ledger, position = 0, key = KEY): Promise<ChangeBatch> {
  return ledger.changes.after(ledger.tenantOf(key), position, 1_000)
}

const namesOf = ({ changes }: ChangeBatch) =>
  changes.map(({ entity, isNew }) => `${entity.key}${isNew ? ' new' : ''}`)

test('a registration, a status, a progress, a name and the end of polling are changes', async () => {
  const ledger = await openTestLedger()
  const asset = await registerAsset(ledger)
  const task = await registerTask(ledger)
  let position = 0
  const next = async () => {
    const batch = await changesOf(ledger, position)
    position = batch.position
    return namesOf(batch)
  }

  expect(await next()).toEqual([`${asset.key} new`, `${task.key} new`])
  await ledger.recordObservation(asset, assetSeen('PROCESSING', { name: 'Front' }))
  expect(await next()).toEqual([asset.key])
  await ledger.recordObservation(asset, assetSeen('ACTIVE'))
  expect(await next()).toEqual([asset.key])
  await ledger.recordObservation(task, taskSeen('RUNNING', { progress: 10 }))
  expect(await next()).toEqual([task.key])
  const job = await claimOne(ledger)
  await ledger.pollJobs.conclude(job, taskSeen('RUNNING', { progress: 20 }), nextPoll(0))
  expect(await next()).toEqual([task.key])
  await ledger.pollJobs.conclude(await claimOne(ledger), null, { pollingEndedReason: 'too late' })
  expect(await next()).toEqual([task.key])
  await registerTask(ledger)
  expect(await next()).toEqual([task.key])
})

test('equal values, a new signature of a URL and a new updatedAt are not changes', async () => {
  const ledger = await openTestLedger()
  const url = (signature: number) => `https://example.com/a.png?signature=${signature}`
  const asset = await registerAsset(ledger, 'Asset-1', { url: url(1) })
  const task = await registerTask(ledger)
  const video = { duration: 5, resolution: null, ratio: null, fps: null }
  const done = (signature: number) =>
    taskSeen('SUCCEEDED', {
      video: { ...video, url: url(signature) },
      updatedAt: new Date(signature),
    })
  await ledger.recordObservation(task, done(1))
  const { position } = await changesOf(ledger)

  await ledger.recordObservation(asset, assetSeen('PROCESSING'))
  await ledger.recordObservation(asset, assetSeen('PROCESSING', { url: url(2) }))
  await registerAsset(ledger, 'Asset-1', { url: url(3) })
  await ledger.recordObservation(task, done(2))

  expect(namesOf(await changesOf(ledger, position))).toEqual([])
  expect((await ledger.find(asset))?.snapshot.url).toBe(url(3))
})

test('a later change in the same batch replaces an earlier one, but not a registration', async () => {
  const ledger = await openTestLedger()
  const task = await registerTask(ledger)
  for (const progress of [10, 20, 30]) {
    await ledger.recordObservation(task, taskSeen('RUNNING', { progress }))
  }
  const { tenant } = await registerAsset(ledger)

  const batch = await changesOf(ledger)
  const [first, second] = [
    await ledger.changes.after(tenant, 0, 2),
    await ledger.changes.after(tenant, 2, 3),
  ]

  expect(namesOf(batch)).toEqual(['cgt-1 new', 'cgt-1', 'JIMENG:Asset-1 new'])
  expect(batch.changes[0]?.entity).toMatchObject({ snapshot: { progress: 30 } })
  expect(batch.hasMore).toBe(false)
  expect(first).toMatchObject({ position: 2, hasMore: true })
  expect(namesOf(second)).toEqual(['cgt-1', 'JIMENG:Asset-1 new'])
})

test('a tenant reads only its own changes, and only its own cursors', async () => {
  const ledger = await openTestLedger()
  await registerAsset(ledger, 'ours')
  await registerAsset(ledger, 'theirs', { key: 'sk-other' })
  const { changes } = await changesOf(ledger)
  const cursor = changes[0]?.cursor ?? ''

  expect(namesOf({ changes, position: 0, hasMore: false })).toEqual(['JIMENG:ours new'])
  expect(await ledger.changes.latest(ledger.tenantOf('sk-new'))).toBe(0)
  const positionFor = (key: string, text = cursor) =>
    ledger.changes.positionOf(ledger.tenantOf(key), text)
  expect(await positionFor(KEY)).toBe(await ledger.changes.latest(ledger.tenantOf(KEY)))
  for (const asked of [positionFor('sk-other'), positionFor(KEY, '1'), positionFor(KEY, '')]) {
    await expect(asked).rejects.toMatchObject({
      argument: 'after',
      message: expect.stringMatching(/Not a cursor/),
    })
  }
})

test('a cursor is refused when its change has been pruned, although later changes are kept', async () => {
  const clock = stopClock()
  const ledger = await openTestLedger()
  const { tenant } = await registerAsset(ledger, 'one')
  await registerAsset(ledger, 'other', { key: 'sk-other' })
  clock.set(1_000)
  await registerAsset(ledger, 'two')
  const cursors = (await changesOf(ledger)).changes.map(({ cursor }) => cursor)

  await ledger.prune(new Date(clock.start + 500))

  const [old = '', kept = ''] = cursors
  await expect(ledger.changes.positionOf(tenant, old)).rejects.toMatchObject({
    argument: 'after',
    message: expect.stringMatching(/Fetch your lists again/),
  })
  expect(await ledger.changes.positionOf(tenant, kept)).toBeGreaterThan(0)
  expect(namesOf(await changesOf(ledger))).toEqual(['JIMENG:two new'])
})

test.runIf(isPostgres)('a change is not numbered before an earlier one is committed', async () => {
  const dataDir = temporaryFolder()
  const ledger = await openTestLedger(dataDir)
  const database = await openTestDatabase(dataDir)
  const ref = await registerAsset(ledger, 'first')
  const start = (await changesOf(ledger)).position
  const row = await database.selectFrom('entity').selectAll().executeTakeFirstOrThrow()

  const { whileOpen, registering } = await database.transaction().execute(async (trx) => {
    await appendChange(trx, row, false)
    const registering = registerAsset(ledger, 'second')
    // Another tenant does not wait.
    await registerAsset(ledger, 'other', { key: 'sk-other' })
    const isDone = registering.then(() => true)
    const wait = new Promise<false>((resolve) => setTimeout(resolve, 300, false))
    const whileOpen = [await Promise.race([isDone, wait]), (await changesOf(ledger, start)).changes]
    return { whileOpen, registering }
  })
  await registering

  expect(whileOpen).toEqual([false, []])
  expect(namesOf(await changesOf(ledger, start))).toEqual([ref.key, 'JIMENG:second new'])
})

test('a reader that follows concurrent registrations of one tenant gets each once', async () => {
  const dataDir = temporaryFolder()
  const ledgers = [await openTestLedger(dataDir)]
  if (isPostgres) ledgers.push(await openTestLedger(dataDir), await openTestLedger(dataDir))
  const [reader] = ledgers as [Ledger]
  const ids = Array.from({ length: 300 }, (_, index) => `Asset-${index}`)
  const seen: string[] = []
  let position = 0

  const writing = Promise.all(
    ids.map((id, index) => registerAsset(ledgers[index % ledgers.length] as Ledger, id)),
  )
  await until(async () => {
    const batch = await changesOf(reader, position)
    position = batch.position
    seen.push(...namesOf(batch))
    return seen.length >= ids.length
  }, 15_000).catch(() => {})
  await writing

  expect(seen.sort()).toEqual(ids.map((id) => `JIMENG:${id} new`).sort())
})
