import { expect, test } from 'vitest'
import { KEY } from './support/app.ts'
import {
  assetSeen,
  claimOne,
  openTestLedger,
  registerAsset,
  taskAddress,
  taskSeen,
} from './support/ledger.ts'

const createdAt = new Date('2024-04-30T02:40:00Z')
const updatedAt = new Date('2024-04-30T02:41:00Z')

test('times of 0-0 are dates wherever the ledger gives them', async () => {
  const ledger = await openTestLedger()
  const address = taskAddress(ledger)
  const snapshot = taskSeen('QUEUED', { createdAt, updatedAt })
  const registered = await ledger.register(address, { snapshot, origin: null, credential: KEY })
  await registerAsset(ledger, 'Asset-1', { createdAt })

  const found = await ledger.find(address)
  const page = await ledger.list(address.tenant, 'videoTask', {}, {}, 10)
  const [transition] = await ledger.transitionsAfter(address, 0)
  const claimed = await claimOne(ledger, { limit: 1 })
  const [child] = await ledger.children(address.tenant, 'asset', 'JIMENG:group-1')

  const times = { createdAt, updatedAt }
  expect(registered.snapshot).toEqual(snapshot)
  expect(found?.snapshot).toEqual(snapshot)
  expect(page.items[0]?.item.snapshot).toEqual(snapshot)
  expect(transition?.resource.snapshot).toEqual(snapshot)
  expect(claimed.snapshot).toMatchObject(claimed.kind === 'asset' ? { createdAt } : times)
  expect(child?.snapshot).toEqual(assetSeen('PROCESSING', { createdAt }))
})

test('the options of a provider come out of the ledger as they went in', async () => {
  const ledger = await openTestLedger()
  const address = taskAddress(ledger)
  const providerOptions = {
    createdAt: '2024-04-30',
    updatedAt: 'yesterday',
    nested: { createdAt: '2024-04-30T02:40:00+02:00', list: [{ updatedAt: '1' }] },
  }
  const request = {
    model: 'seedance-2-0',
    prompt: 'A cat',
    audio: false,
    resources: [],
    providerOptions,
  }
  const origin = { model: 'seedance-2-0', request }
  await ledger.register(address, { snapshot: taskSeen('QUEUED'), origin, credential: KEY })

  const claimed = await claimOne(ledger)

  expect((await ledger.find(address))?.origin).toEqual(origin)
  expect(claimed.origin).toEqual(origin)
})
