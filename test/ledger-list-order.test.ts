import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { EntityFilter } from '../src/ledger/list-entities.ts'
import type { AssetStatus, AssetType } from '../src/model/entities.ts'
import type { ListOrder, PageRequest } from '../src/model/page.ts'
import { stopClock } from './support/clock.ts'
import { assetEntityRef, assetSeen, openTestLedger, registerAsset } from './support/ledger.ts'

const ORDERS: ListOrder[] = ['NEWEST_FIRST', 'OLDEST_FIRST', 'RECENTLY_CHANGED_FIRST']
const STATUSES: AssetStatus[] = ['PROCESSING', 'UNKNOWN', 'ACTIVE', 'FAILED']
const NAMES = [
  'Öl 100%',
  'ÖL 100 Prozent',
  'snake_case',
  'snakeXcase',
  'back\\slash',
  'İstanbul',
  null,
]
const SEARCHES = ['öl', 'ÖL 1', '100%', '%', '_', 'E_C', '\\', '', 'k\\s', 'i̇', 'SNAKE', null]

/** What the model knows of an asset. */
interface Item {
  id: string
  position: number
  changedAt: number
  status: AssetStatus
  type: AssetType
  name: string | null
}

/** A step of a random history: a registration, or the observation of a status. Some follow at the same millisecond. */
const step = fc.record({
  what: fc.oneof(
    fc.record({ name: fc.constantFrom(...NAMES), type: fc.constantFrom('IMAGE', 'AUDIO') }),
    fc.record({ of: fc.nat(), status: fc.constantFrom(...STATUSES) }),
  ),
  afterMs: fc.constantFrom(0, 0, 1, 5),
})

const filter = fc.record<Required<EntityFilter>>({
  parent: fc.constant(null),
  status: fc.constantFrom(null, null, 'PROCESSING', 'ACTIVE'),
  statuses: fc.oneof(
    { weight: 2, arbitrary: fc.constant(null) },
    fc.array(fc.constantFrom(...STATUSES), { maxLength: 4 }),
  ),
  type: fc.constantFrom(null, null, 'IMAGE'),
  search: fc.oneof(fc.constant(null), fc.constantFrom(...SEARCHES)),
})

const isAfter: Record<ListOrder, (a: Item, b: Item) => number> = {
  NEWEST_FIRST: (a, b) => b.position - a.position,
  OLDEST_FIRST: (a, b) => a.position - b.position,
  RECENTLY_CHANGED_FIRST: (a, b) => b.changedAt - a.changedAt || b.position - a.position,
}

function modelOf(items: Item[], order: ListOrder, filter: EntityFilter): string[] {
  const { status, statuses, type, search } = filter
  return items
    .filter((item) => status == null || item.status === status)
    .filter((item) => statuses == null || statuses.includes(item.status))
    .filter((item) => type == null || item.type === type)
    .filter(({ name }) => !search || (name ?? '').toLowerCase().includes(search.toLowerCase()))
    .sort(isAfter[order])
    .map(({ id }) => id)
}

test('every page of every order and filter is the one of a plain array, in both directions', async () => {
  const clock = stopClock()
  const ledger = await openTestLedger()
  let run = 0
  const history = fc.array(step, { minLength: 1, maxLength: 12 })
  const size = fc.integer({ min: 1, max: 4 })

  await fc.assert(
    fc.asyncProperty(history, fc.constantFrom(...ORDERS), filter, size, async (...given) => {
      const [steps, order, filter, size] = given
      run += 1
      const key = `sk-${run}`
      const items = await play(steps, key)
      const expected = modelOf(items, order, filter)
      const list = async (request: PageRequest) => {
        const sorted = { orderBy: order, ...request }
        const page = await ledger.list(ledger.tenantOf(key), 'asset', filter, sorted, 100)
        return { ...page, ids: page.items.map(({ item }) => item.snapshot.assetId) }
      }

      const forward: string[] = []
      for (let after: string | null = null, more = true; more; ) {
        const page = await list({ first: size, after })
        forward.push(...page.ids)
        expect(page.hasPreviousPage).toBe(after !== null)
        expect(page.hasNextPage).toBe(forward.length < expected.length)
        after = page.items.at(-1)?.cursor ?? null
        more = page.hasNextPage
      }
      const backward: string[] = []
      for (let before: string | null = null, more = true; more; ) {
        const page = await list({ last: size, before })
        backward.unshift(...page.ids)
        expect(page.hasNextPage).toBe(before !== null)
        expect(page.hasPreviousPage).toBe(backward.length < expected.length)
        before = page.items[0]?.cursor ?? null
        more = page.hasPreviousPage
      }
      const { items: all, totalCount } = await list({})
      const between = await list({ after: all.at(0)?.cursor, before: all.at(-1)?.cursor })

      expect(forward).toEqual(expected)
      expect(backward).toEqual(expected)
      expect(await totalCount()).toBe(expected.length)
      expect(between.ids).toEqual(expected.slice(1, -1))
    }),
    { numRuns: 60 },
  )

  async function play(
    steps: (typeof step extends fc.Arbitrary<infer T> ? T : never)[],
    key: string,
  ) {
    const items: Item[] = []
    for (const { what, afterMs } of steps) {
      clock.set(Date.now() - clock.start + afterMs)
      if ('name' in what) {
        const { name, type } = what as { name: string | null; type: AssetType }
        const id = `a${items.length}`
        await registerAsset(ledger, id, { key, name, type })
        const [position, changedAt] = [items.length, Date.now()]
        items.push({ id, position, changedAt, status: 'PROCESSING', type, name })
        continue
      }
      const item = items[what.of % Math.max(1, items.length)]
      if (!item) continue
      const { id, type, name } = item
      const seen = assetSeen(what.status, { assetId: id, type, name })
      const stored = await ledger.recordObservation(assetEntityRef(ledger, id, key), seen)
      // An observation that changes nothing, or that is older than a terminal status, does not move the item.
      item.status = stored?.snapshot.status ?? item.status
      item.changedAt = stored?.observedAt.getTime() ?? item.changedAt
    }
    return items
  }
})

test('a cursor of another order is refused', async () => {
  const ledger = await openTestLedger()
  const { tenant } = await registerAsset(ledger)

  for (const orderBy of ORDERS) {
    const list = (request: PageRequest) => ledger.list(tenant, 'asset', {}, request, 10)
    const cursor = (await list({ orderBy })).items[0]?.cursor
    for (const other of ORDERS.filter((order) => order !== orderBy)) {
      await expect(list({ orderBy: other, before: cursor })).rejects.toMatchObject({
        name: 'PageError',
        argument: 'before',
      })
    }
  }
})

test('in RECENTLY_CHANGED_FIRST, an item that changes moves, and a page says whether items are behind its cursor', async () => {
  const clock = stopClock()
  const ledger = await openTestLedger()
  for (const [index, id] of ['a', 'b', 'c'].entries()) {
    clock.set(index)
    await registerAsset(ledger, id)
  }
  const { tenant } = assetEntityRef(ledger)
  const list = async (request: PageRequest) => {
    const sorted = { orderBy: 'RECENTLY_CHANGED_FIRST', ...request } as const
    const page = await ledger.list(tenant, 'asset', {}, sorted, 10)
    const ids = page.items.map(({ item }) => item.snapshot.assetId).join('')
    return { ...page, ids }
  }
  const before = await list({})
  const [ofC, , ofA] = before.items.map(({ cursor }) => cursor)
  clock.set(9)
  await ledger.recordObservation(assetEntityRef(ledger, 'a'), assetSeen('ACTIVE', { assetId: 'a' }))

  const after = await list({})
  const rest = await list({ first: 1, after: ofC })
  const back = await list({ last: 9, before: ofA })

  expect(before.ids).toBe('cba')
  expect(after.ids).toBe('acb')
  expect(rest).toMatchObject({ ids: 'b', hasPreviousPage: true, hasNextPage: false })
  // The item of the cursor was the last one. It has moved, so no item follows.
  expect(back).toMatchObject({ ids: 'acb', hasPreviousPage: false, hasNextPage: false })
})
