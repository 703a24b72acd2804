import { expect, test } from 'vitest'
import { KEY, temporaryFolder } from './support/app.ts'
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

test('a cursor is the same each time, and says nothing of how much others have registered', async () => {
  const dataDir = temporaryFolder()
  const ledger = await openTestLedger(dataDir)
  const { tenant } = await registerAsset(ledger, 'Asset-1')
  const [first] = (await ledger.list(tenant, 'asset', {}, {}, 10)).items
  for (let index = 0; index < 10; index += 1) {
    await registerAsset(ledger, `Asset-${index}`, { key: 'sk-other' })
  }
  await registerAsset(ledger, 'Asset-2')

  const restarted = await openTestLedger(dataDir)
  const [second, again] = (await restarted.list(tenant, 'asset', {}, {}, 10)).items

  expect(again?.cursor).toBe(first?.cursor)
  const bytes = [first, second].map((item) => Buffer.from(item?.cursor ?? '', 'base64url'))
  expect(bytes.map(({ length }) => length)).toEqual([16, 16])
  // Encrypted, any two blocks differ nearly everywhere; in plain text all but the last byte would be the same.
  const same = [...(bytes[0] ?? [])].filter((byte, index) => byte === bytes[1]?.[index])
  expect(same.length).toBeLessThan(8)
})

test('a cursor is good for its own list only, and not when a character of it is changed', async () => {
  const ledger = await openTestLedger()
  const { tenant } = await registerAsset(ledger)
  const cursor = (await ledger.list(tenant, 'asset', {}, {}, 10)).items[0]?.cursor ?? ''
  const page = (cursor: string, owner = tenant, kind: 'asset' | 'videoTask' = 'asset') =>
    ledger.list(owner, kind, {}, { after: cursor }, 10)
  const refused = { name: 'PageError', argument: 'after', message: /^after is not a cursor/ }

  expect((await page(cursor)).items).toEqual([])
  await expect(page(cursor, ledger.tenantOf('sk-other'))).rejects.toMatchObject(refused)
  await expect(page(cursor, tenant, 'videoTask')).rejects.toMatchObject(refused)
  for (let index = 0; index < cursor.length; index += 1) {
    const changed = cursor[index] === 'A' ? 'B' : 'A'
    const tampered = cursor.slice(0, index) + changed + cursor.slice(index + 1)
    await expect(page(tampered)).rejects.toMatchObject(refused)
  }
  // As cursors were before they were encrypted, too short, too long, and not of this alphabet.
  const old = Buffer.from('position:1').toString('base64url')
  for (const wrong of [old, '', cursor.slice(1), `${cursor}AA`, `${cursor}=`, `${cursor} `]) {
    await expect(page(wrong)).rejects.toMatchObject(refused)
  }
})
