import { expect, test } from 'vitest'
import { temporaryFolder } from './support/app.ts'
import {
  assetSeen,
  claimOne,
  nextPoll,
  openTestDatabase,
  openTestLedger,
  registerAsset,
} from './support/ledger.ts'

test('what has not changed is observed while somebody else keeps the database from being written', async () => {
  const dataDir = temporaryFolder()
  const ledger = await openTestLedger(dataDir)
  const database = await openTestDatabase(dataDir)
  const address = await registerAsset(ledger, 'Asset-1', { url: 'https://example.com/a.png' })
  const before = await ledger.find(address)

  const observed = await database.transaction().execute(async (trx) => {
    await trx.updateTable('resource').set({ note: null }).execute()
    // The same, the same with less, and an unregistered one.
    const same = await ledger.observe(address, assetSeen('PROCESSING'))
    const less = await ledger.observe(address, assetSeen('PROCESSING', { type: null }))
    const unknown = await ledger.observe({ ...address, key: 'JIMENG:x' }, assetSeen('ACTIVE'))
    return [same, less, unknown]
  })

  expect(observed).toEqual([before, before, null])
})

test('an old answer is observed without a write as well', async () => {
  const dataDir = temporaryFolder()
  const ledger = await openTestLedger(dataDir)
  const database = await openTestDatabase(dataDir)
  const address = await registerAsset(ledger)
  const active = await ledger.observe(address, assetSeen('ACTIVE'))

  const observed = await database.transaction().execute(async (trx) => {
    await trx.updateTable('resource').set({ note: null }).execute()
    return ledger.observe(address, assetSeen('PROCESSING', { name: 'Old' }))
  })

  expect(observed).toEqual(active)
})

test('observedAt stays while answers say the same, and moves with any change', async () => {
  const dataDir = temporaryFolder()
  const ledger = await openTestLedger(dataDir)
  const database = await openTestDatabase(dataDir)
  const address = await registerAsset(ledger)
  const anHourAgo = new Date(Date.now() - 3_600_000)
  const observed_at = anHourAgo.getTime()
  await database.updateTable('resource').set({ observed_at }).execute()

  const same = await ledger.observe(address, assetSeen('PROCESSING'))
  const watch = await claimOne(ledger)
  await ledger.watches.conclude(watch, assetSeen('PROCESSING'), nextPoll())
  const polled = await ledger.find(address)
  const renamed = await ledger.observe(address, assetSeen('PROCESSING', { name: 'Front' }))

  expect(same?.observedAt).toEqual(anHourAgo)
  expect(polled?.observedAt).toEqual(anHourAgo)
  expect(renamed?.observedAt.getTime()).toBeGreaterThan(Date.now() - 60_000)
  expect(renamed?.snapshot.name).toBe('Front')
  expect(renamed?.seq).toBe(same?.seq)
})
