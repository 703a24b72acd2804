import { expect, test } from 'vitest'
import { createCursors } from '../src/ledger/cursors.ts'
import { type PageBounds, pageBounds } from '../src/ledger/page-bounds.ts'
import type { PageRequest } from '../src/model/page.ts'

const secret = Buffer.alloc(32, 7)
const cursors = createCursors(secret, 'tenant', 'asset')
const at = (position: number, changedAt = 0) => ({ position, changedAt })
const cursor = (position: number) => cursors.encode(at(position))

test.for<[PageRequest, number, Partial<PageBounds>]>([
  [{}, 100, { limit: 20, backward: false, after: null, before: null }],
  [{}, 10, { limit: 10 }],
  [{ first: null, last: null, after: null, before: null }, 100, { limit: 20, backward: false }],
  [{ first: 0 }, 100, { limit: 0, backward: false }],
  [{ first: 100 }, 100, { limit: 100, backward: false }],
  [{ last: 0 }, 100, { limit: 0, backward: true }],
  [{ last: 100 }, 100, { limit: 100, backward: true }],
  [{ after: cursor(7) }, 100, { after: at(7), before: null }],
  [{ before: cursor(7) }, 100, { after: null, before: at(7) }],
  [{ after: cursor(9), before: cursor(0) }, 100, { after: at(9), before: at(0) }],
])('the page request %j with a maximum size of %i gives %j', ([request, maxSize, bounds]) => {
  expect(pageBounds(request, maxSize, cursors)).toMatchObject(bounds)
})

test.for<[PageRequest, string, string]>([
  [{ first: 1, last: 1 }, 'last', 'Give either `first` or `last`, not both.'],
  [{ first: 0, last: 0 }, 'last', 'Give either `first` or `last`, not both.'],
  [{ first: -1 }, 'first', 'Give a number between 0 and 100.'],
  [{ first: 101 }, 'first', 'Give a number between 0 and 100.'],
  [{ last: -1 }, 'last', 'Give a number between 0 and 100.'],
  [{ last: 101 }, 'last', 'Give a number between 0 and 100.'],
  [{ after: 'x' }, 'after', 'This is not a cursor of this list.'],
  [{ before: 'x' }, 'before', 'This is not a cursor of this list.'],
])('the page request %j is refused for its argument %s: %s', ([request, argument, message]) => {
  const bounds = () => pageBounds(request, 100, cursors)

  expect(bounds).toThrow(expect.objectContaining({ name: 'PageError', argument, message }))
})

test.for([0, 1, 255, 256, 2 ** 32, 2 ** 48 - 1])(
  'the cursor of position %d decodes to that position',
  (position) => {
    const text = cursor(position)

    expect(text).toMatch(/^[\w-]{22}$/)
    expect(cursors.decode(text)).toEqual(at(position))
    expect(createCursors(secret, 'tenant', 'asset').encode(at(position))).toBe(text)
  },
)

test('a cursor of RECENTLY_CHANGED_FIRST has the position and the time of the change', () => {
  const recent = createCursors(secret, 'tenant', 'asset', 'RECENTLY_CHANGED_FIRST')

  for (const place of [at(0, 0), at(7, 1_764_360_000_000), at(2 ** 48 - 1, 2 ** 48 - 1)]) {
    expect(recent.encode(place)).toMatch(/^[\w-]{22}$/)
    expect(recent.decode(recent.encode(place))).toEqual(place)
  }
})

test('a cursor depends on the secret, the tenant, the kind and the order', () => {
  const others = [
    createCursors(Buffer.alloc(32, 8), 'tenant', 'asset'),
    createCursors(secret, 'tenant2', 'asset'),
    createCursors(secret, 'tenant', 'assetGroup'),
    createCursors(secret, 'tenant', 'asset', 'OLDEST_FIRST'),
    createCursors(secret, 'tenant', 'asset', 'RECENTLY_CHANGED_FIRST'),
  ]

  for (const other of others) {
    expect(other.encode(at(1))).not.toBe(cursor(1))
    expect(cursors.decode(other.encode(at(1)))).toBeNull()
    expect(other.decode(cursor(1))).toBeNull()
  }
})
