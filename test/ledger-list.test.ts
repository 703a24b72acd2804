import { expect, test } from 'vitest'
import type { EntityFilter } from '../src/ledger/list-entities.ts'
import type { PageRequest } from '../src/model/page.ts'
import { KEY, temporaryFolder } from './support/app.ts'
import {
  assetEntityRef,
  assetSeen,
  claimOne,
  openTestLedger,
  registerAsset,
  registerTask,
  taskEntityRef,
  taskSeen,
} from './support/ledger.ts'

const createdAt = new Date('2024-04-30T02:40:00Z')
const updatedAt = new Date('2024-04-30T02:41:00Z')

test('every method of the ledger returns the times of 0-0 as dates', async () => {
  const ledger = await openTestLedger()
  const ref = taskEntityRef(ledger)
  const snapshot = taskSeen('QUEUED', { createdAt, updatedAt })
  const registered = await ledger.register(ref, { snapshot, origin: null, credential: KEY })
  await registerAsset(ledger, 'Asset-1', { createdAt })

  const found = await ledger.find(ref)
  const page = await ledger.list(ref.tenant, 'videoTask', {}, {}, 10)
  const [transition] = await ledger.transitionsAfter(ref, 0)
  const claimed = await claimOne(ledger, { limit: 1 })
  const [child] = await ledger.children(ref.tenant, 'asset', 'JIMENG:group-1')

  const times = { createdAt, updatedAt }
  expect(registered.snapshot).toEqual(snapshot)
  expect(found?.snapshot).toEqual(snapshot)
  expect(page.items[0]?.item.snapshot).toEqual(snapshot)
  expect(transition?.entity.snapshot).toEqual(snapshot)
  expect(claimed.snapshot).toMatchObject(claimed.kind === 'asset' ? { createdAt } : times)
  expect(child?.snapshot).toEqual(assetSeen('PROCESSING', { createdAt }))
})

test('providerOptions are stored and returned unchanged', async () => {
  const ledger = await openTestLedger()
  const ref = taskEntityRef(ledger)
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
  await ledger.register(ref, { snapshot: taskSeen('QUEUED'), origin, credential: KEY })

  const claimed = await claimOne(ledger)

  expect((await ledger.find(ref))?.origin).toEqual(origin)
  expect(claimed.origin).toEqual(origin)
})

test('a cursor is stable, and does not reveal how much other tenants registered', async () => {
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
  // Two encrypted blocks differ in nearly all bytes. In plain text they would differ only in the last byte.
  const same = [...(bytes[0] ?? [])].filter((byte, index) => byte === bytes[1]?.[index])
  expect(same.length).toBeLessThan(8)
})

test('a cursor is valid only for its own list, and only if it is unchanged', async () => {
  const ledger = await openTestLedger()
  const { tenant } = await registerAsset(ledger)
  const cursor = (await ledger.list(tenant, 'asset', {}, {}, 10)).items[0]?.cursor ?? ''
  const page = (cursor: string, owner = tenant, kind: 'asset' | 'videoTask' = 'asset') =>
    ledger.list(owner, kind, {}, { after: cursor }, 10)
  const refused = { name: 'PageError', argument: 'after', message: /^This is not a cursor/ }

  expect((await page(cursor)).items).toEqual([])
  await expect(page(cursor, ledger.tenantOf('sk-other'))).rejects.toMatchObject(refused)
  await expect(page(cursor, tenant, 'videoTask')).rejects.toMatchObject(refused)
  for (let index = 0; index < cursor.length; index += 1) {
    const changed = cursor[index] === 'A' ? 'B' : 'A'
    const tampered = cursor.slice(0, index) + changed + cursor.slice(index + 1)
    await expect(page(tampered)).rejects.toMatchObject(refused)
  }
  // Unencrypted, as in earlier versions, then empty, too short, too long, and with invalid characters.
  const old = Buffer.from('position:1').toString('base64url')
  for (const wrong of [old, '', cursor.slice(1), `${cursor}AA`, `${cursor}=`, `${cursor} `]) {
    await expect(page(wrong)).rejects.toMatchObject(refused)
  }
})

/** Five assets, newest first: e to a. `page` returns the ids, hasPreviousPage and hasNextPage. */
async function listOfFive() {
  const ledger = await openTestLedger()
  const { tenant } = await registerAsset(ledger, 'a')
  for (const id of ['b', 'c', 'd', 'e']) await registerAsset(ledger, id)
  const page = async (request: PageRequest) => {
    const { items, hasNextPage, hasPreviousPage } = await ledger.list(
      tenant,
      'asset',
      {},
      request,
      100,
    )
    const names = items.map(({ item }) => item.snapshot.assetId).join('')
    return [names, hasPreviousPage, hasNextPage]
  }
  const { items } = await ledger.list(tenant, 'asset', {}, {}, 100)
  const cursors = Object.fromEntries(
    items.map(({ cursor, item }) => [item.snapshot.assetId, cursor]),
  )
  return { page, cursors }
}

test('a page reports whether there is a previous and a next page, forward and backward', async () => {
  const { page, cursors } = await listOfFive()
  const { a, b, c, d, e } = cursors

  const pages = [
    await page({}),
    await page({ first: 2 }),
    await page({ first: 5 }),
    await page({ first: 2, after: d }),
    await page({ first: 2, after: c }),
    await page({ first: 0 }),
    await page({ last: 2 }),
    await page({ last: 5 }),
    await page({ last: 2, before: b }),
    await page({ last: 2, before: c }),
    await page({ last: 0 }),
    await page({ first: 10, after: e, before: a }),
    await page({ first: 2, after: e, before: a }),
    await page({ last: 2, after: e, before: a }),
    await page({ last: 1, after: d, before: b }),
    await page({ first: 2, before: d }),
    await page({ last: 2, after: b }),
  ]

  // The ids, hasPreviousPage and hasNextPage.
  expect(pages).toEqual([
    ['edcba', false, false],
    ['ed', false, true],
    ['edcba', false, false],
    ['cb', true, true],
    ['ba', true, false],
    ['', false, true],
    ['ba', true, false],
    ['edcba', false, false],
    ['dc', true, true],
    ['ed', false, true],
    ['', true, false],
    ['dcb', true, true],
    ['dc', true, true],
    ['cb', true, true],
    ['c', true, true],
    ['e', false, true],
    ['a', true, false],
  ])
})

test('a list and its totalCount have only the matching entities of one tenant and kind', async () => {
  const ledger = await openTestLedger()
  const { tenant } = await registerAsset(ledger, 'image', { groupId: 'group-1' })
  await registerAsset(ledger, 'audio', { type: 'AUDIO', groupId: 'group-2' })
  await registerAsset(ledger, 'alone', { groupId: null })
  await registerAsset(ledger, 'theirs', { key: 'sk-other' })
  const active = assetSeen('ACTIVE', { type: null, groupId: null })
  await ledger.recordObservation(assetEntityRef(ledger, 'audio'), active)
  await registerTask(ledger, 'cgt-1')
  const list = async (filter: EntityFilter, owner = tenant) => {
    const page = await ledger.list(owner, 'asset', filter, {}, 10)
    const names = page.items.map(({ item }) => item.key.replace('JIMENG:', ''))
    return [...names, await page.totalCount()]
  }

  expect(await list({})).toEqual(['alone', 'audio', 'image', 3])
  expect(await list({}, ledger.tenantOf('sk-other'))).toEqual(['theirs', 1])
  expect(await list({}, ledger.tenantOf('sk-nobody'))).toEqual([0])
  expect(await list({ parent: null, status: null, type: null })).toHaveLength(4)
  expect(await list({ parent: 'JIMENG:group-1' })).toEqual(['image', 1])
  expect(await list({ parent: 'JIMENG:group-2' })).toEqual(['audio', 1])
  expect(await list({ parent: 'JIMENG:null' })).toEqual([0])
  expect(await list({ status: 'ACTIVE' })).toEqual(['audio', 1])
  expect(await list({ type: 'AUDIO' })).toEqual(['audio', 1])
  expect(await list({ type: 'IMAGE', status: 'PROCESSING' })).toEqual(['alone', 'image', 2])
  const tasks = await ledger.list(tenant, 'videoTask', {}, {}, 10)
  expect(tasks.items.map(({ item }) => item.key)).toEqual(['cgt-1'])
})

test('children returns the assets of one group and tenant, oldest first', async () => {
  const ledger = await openTestLedger()
  const { tenant } = await registerAsset(ledger, 'first')
  await registerAsset(ledger, 'elsewhere', { groupId: 'group-2' })
  await registerAsset(ledger, 'alone', { groupId: null })
  await registerAsset(ledger, 'theirs', { key: 'sk-other' })
  await registerAsset(ledger, 'second')
  const children = async (owner: string) =>
    (await ledger.children(owner, 'asset', 'JIMENG:group-1')).map(({ key }) => key)

  expect(await children(tenant)).toEqual(['JIMENG:first', 'JIMENG:second'])
  expect(await children(ledger.tenantOf('sk-other'))).toEqual(['JIMENG:theirs'])
  expect(await ledger.children(tenant, 'videoTask', 'JIMENG:group-1')).toEqual([])
})
