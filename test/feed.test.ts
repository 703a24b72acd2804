import { expect, onTestFinished, test, vi } from 'vitest'
import { createChangeNotifier } from '../src/ledger/change-notifier.ts'
import type { Entity, EntityRef, Transition } from '../src/ledger/entity.ts'
import { LedgerUnavailable } from '../src/ledger/unavailable.ts'
import { type FeedOptions, openFeed } from '../src/resolvers/feed.ts'

const DONE = { done: true, value: undefined }

test('a feed starts with the current status of each entity, and ends when all are terminal', async () => {
  const { open, set } = scene()
  set('a', 'ACTIVE')
  set('b', 'FAILED')
  const feed = await open(['a', 'b'])

  const whileRunning = feed.endReason
  const events = [await feed.next(), await feed.next(), await feed.next()]

  expect(events).toMatchObject([
    { done: false, value: { previous: null, current: 'ACTIVE', entity: { key: 'a' } } },
    { done: false, value: { previous: null, current: 'FAILED', entity: { key: 'b' } } },
    DONE,
  ])
  expect([whileRunning, feed.endReason]).toEqual([null, 'completed'])
})

test('every change after the start is delivered once and in order, also a change before the first read', async () => {
  const { open, set, listeners } = scene()
  set('a', 'UNKNOWN')
  set('a', 'PROCESSING')
  const feed = await open(['a'])
  set('a', 'UNKNOWN')
  set('a', 'PROCESSING')
  await feed.next()

  const missed = [await feed.next(), await feed.next()]
  const waiting = feed.next()
  set('a', 'ACTIVE')

  expect(missed.map(({ value }) => value?.current)).toEqual(['UNKNOWN', 'PROCESSING'])
  expect((await waiting).value).toMatchObject({ previous: 'PROCESSING', current: 'ACTIVE' })
  expect(await feed.next()).toEqual(DONE)
  expect(feed.endReason).toBe('completed')
  expect(listeners()).toBe(0)
})

test('a finite feed continues until the last entity is terminal', async () => {
  const { open, set } = scene()
  for (const key of ['a', 'b']) set(key, 'PROCESSING')
  const feed = await open(['a', 'b'])
  await feed.next()
  await feed.next()

  set('a', 'ACTIVE')
  const first = await feed.next()
  const waiting = feed.next()
  set('b', 'ACTIVE')

  expect(first.value?.entity.key).toBe('a')
  expect((await waiting).value?.entity.key).toBe('b')
  expect(await feed.next()).toEqual(DONE)
})

test('an infinite feed continues when all entities are terminal, and delivers new entities', async () => {
  const { open, set } = scene()
  set('a', 'ACTIVE')
  const feed = await open(['a'], { finite: false })
  await feed.next()

  const waiting = feed.next()
  set('b', 'PROCESSING')

  expect((await waiting).value).toMatchObject({ current: 'PROCESSING', entity: { key: 'b' } })
  expect(feed.endReason).toBeNull()
})

test('keys are read in the order in which they changed', async () => {
  const { open, set } = scene()
  for (const key of ['a', 'b']) set(key, 'PROCESSING')
  const feed = await open(['a', 'b'])
  await feed.next()
  await feed.next()

  set('b', 'ACTIVE')
  set('a', 'ACTIVE')

  expect([await feed.next(), await feed.next()].map(({ value }) => value?.entity.key)).toEqual([
    'b',
    'a',
  ])
})

test.for(['expired', 'left', 'completed'] as const)(
  'ending a waiting feed as %s stops it at once, removes its listeners and keeps that reason',
  async (reason) => {
    const { open, set, listeners } = scene()
    for (const key of ['a', 'b']) set(key, 'PROCESSING')
    const feed = await open(['a', 'b'])
    await feed.next()
    await feed.next()
    const present = listeners()
    const waiting = feed.next()

    feed.end(reason)
    feed.end('failed')
    await feed.return()

    expect(await waiting).toEqual(DONE)
    expect(await feed.next()).toEqual(DONE)
    expect(feed.endReason).toBe(reason)
    expect([present, listeners()]).toEqual([2, 0])
  },
)

test('`return` ends a feed as left, and drops the changes not yet delivered', async () => {
  const { open, set, reads } = scene()
  set('a', 'PROCESSING')
  const feed = await open(['a'])
  set('a', 'ACTIVE')

  const returned = await feed.return()

  expect(returned).toEqual(DONE)
  expect(await feed.next()).toEqual(DONE)
  expect(feed.endReason).toBe('left')
  expect(reads).toEqual([])
})

test('changes are not delivered if the feed ends while they are read', async () => {
  const gate = Promise.withResolvers<void>()
  const { open, set, transitionsAfter } = scene()
  set('a', 'PROCESSING')
  const feed = await open(['a'], {
    async transitionsAfter(key, seq) {
      await gate.promise
      return transitionsAfter(key, seq)
    },
  })
  await feed.next()
  set('a', 'ACTIVE')
  const waiting = feed.next()

  feed.end('expired')
  gate.resolve()

  expect(await waiting).toEqual(DONE)
  expect(feed.endReason).toBe('expired')
})

test('a change while its key is being read is delivered too', async () => {
  const { open, set, transitionsAfter } = scene()
  set('a', 'PROCESSING')
  let late = true
  const feed = await open(['a'], {
    async transitionsAfter(key, seq) {
      const found = await transitionsAfter(key, seq)
      if (late) set('a', 'ACTIVE')
      late = false
      return found
    },
  })
  await feed.next()
  set('a', 'UNKNOWN')

  expect((await feed.next()).value?.current).toBe('UNKNOWN')
  expect((await feed.next()).value?.current).toBe('ACTIVE')
  expect(await feed.next()).toEqual(DONE)
})

test('a feed removes its listeners if the current status cannot be read', async () => {
  const { open, listeners } = scene()

  const opening = open(['a', 'b'], {
    present: () => Promise.reject(new Error('no')),
  })

  await expect(opening).rejects.toThrow('no')
  expect(listeners()).toBe(0)
})

test('a feed fails and removes its listeners if a read throws', async () => {
  const { open, set, listeners } = scene()
  set('a', 'PROCESSING')
  const feed = await open(['a'], { transitionsAfter: () => Promise.reject(new Error('no')) })
  await feed.next()
  set('a', 'ACTIVE')

  await expect(feed.next()).rejects.toThrow('no')

  expect(feed.endReason).toBe('failed')
  expect(listeners()).toBe(0)
  expect(await feed.next()).toEqual(DONE)
})

test('after an interruption the keys are listed again, and every listed key is read', async () => {
  const { open, set, notifier, reads } = scene()
  for (const key of ['a', 'b']) set(key, 'PROCESSING')
  const feed = await open(['a', 'b'], { keys: async () => ['b', 'a'] })
  await feed.next()
  await feed.next()
  set('a', 'ACTIVE', false)
  set('b', 'ACTIVE', false)

  const waiting = feed.next()
  notifier.sendAll()
  const events = [await waiting, await feed.next(), await feed.next()]

  expect(events.map(({ value }) => value?.entity.key)).toEqual(['b', 'a', undefined])
  expect(reads.map(([key]) => key)).toEqual(['b', 'a'])
})

test('after an interruption while the keys are listed, they are listed once more', async () => {
  const { open, set, notifier } = scene()
  set('a', 'PROCESSING')
  let listings = 0
  const feed = await open(['a'], {
    async keys() {
      listings += 1
      if (listings === 1) notifier.sendAll()
      if (listings === 2) set('a', 'ACTIVE', false)
      return ['a']
    },
  })
  await feed.next()
  notifier.sendAll()

  expect((await feed.next()).value?.current).toBe('ACTIVE')
  expect(listings).toBe(2)
})

test.for(['transitions', 'keys'] as const)(
  'while the database is unavailable, %s are read again every 500 ms, and no change is lost',
  async (what) => {
    vi.useFakeTimers()
    onTestFinished(() => void vi.useRealTimers())
    const { open, set, notifier, transitionsAfter } = scene()
    set('a', 'PROCESSING')
    let away = 2
    let attempts = 0
    const unlessAway = <T>(answer: T): Promise<T> => {
      attempts += 1
      away -= 1
      return away < 0 ? Promise.resolve(answer) : Promise.reject(new LedgerUnavailable('AWAY'))
    }
    const feed = await open(
      ['a'],
      what === 'keys'
        ? { keys: () => unlessAway(['a']) }
        : { transitionsAfter: (key, seq) => unlessAway(transitionsAfter(key, seq)).then((t) => t) },
    )
    await feed.next()
    set('a', 'ACTIVE', what === 'transitions')
    if (what === 'keys') notifier.sendAll()

    const waiting = feed.next()
    await vi.advanceTimersByTimeAsync(499)
    const early = attempts
    await vi.advanceTimersByTimeAsync(1)
    const second = attempts
    await vi.advanceTimersByTimeAsync(500)

    expect([early, second, attempts]).toEqual([1, 2, 3])
    expect((await waiting).value?.current).toBe('ACTIVE')
    expect(vi.getTimerCount()).toBe(0)
  },
)

test('while the database is unavailable, a notification causes an immediate read', async () => {
  const { open, set, transitionsAfter } = scene()
  set('a', 'PROCESSING')
  let away = true
  const failed = Promise.withResolvers<void>()
  const feed = await open(['a'], {
    async transitionsAfter(key, seq) {
      if (!away) return transitionsAfter(key, seq)
      failed.resolve()
      throw new LedgerUnavailable('AWAY')
    },
  })
  await feed.next()
  set('a', 'UNKNOWN')
  const waiting = feed.next()
  await failed.promise
  const failedAt = performance.now()

  away = false
  setImmediate(() => set('a', 'ACTIVE'))
  const event = await waiting

  expect(event.value?.current).toBe('UNKNOWN')
  expect(performance.now() - failedAt).toBeLessThan(400)
})

test.for([
  ['while it waits to retry a read', false],
  ['during a read', true],
] as const)('a feed that ends %s stops at once', async ([, early]) => {
  vi.useFakeTimers()
  onTestFinished(() => void vi.useRealTimers())
  const { open, set } = scene()
  set('a', 'PROCESSING')
  const gate = Promise.withResolvers<never>()
  const feed = await open(['a'], { transitionsAfter: () => gate.promise })
  await feed.next()
  set('a', 'ACTIVE')
  const waiting = feed.next()

  if (early) feed.end('left')
  gate.reject(new LedgerUnavailable('AWAY'))
  await vi.advanceTimersByTimeAsync(0)
  if (!early) feed.end('left')

  expect(await waiting).toEqual(DONE)
  expect(vi.getTimerCount()).toBe(0)
})

type Status = 'UNKNOWN' | 'PROCESSING' | 'ACTIVE' | 'FAILED'

/** In-memory assets of one group. By default, each change sends a notification. */
function scene() {
  const notifier = createChangeNotifier()
  const history: Transition<'asset'>[] = []
  /** The key of each read, and the `seq` after which transitions were read. */
  const reads: [key: string, seq: number][] = []
  const last = (key: string) => history.findLast(({ entity }) => entity.key === key)
  const entityRefOf = (key: string): EntityRef<'asset'> => ({ tenant: 't', kind: 'asset', key })

  async function transitionsAfter(key: string, seq: number) {
    reads.push([key, seq])
    return history.filter(({ entity }) => entity.key === key && entity.seq > seq)
  }

  return {
    notifier,
    reads,
    transitionsAfter,
    listeners: () => notifier.size,
    set(key: string, current: Status, notification = true) {
      const entity = {
        key,
        seq: history.length + 1,
        pollingEnded: current === 'ACTIVE' || current === 'FAILED',
        snapshot: { status: current },
      } as Entity<'asset'>
      history.push({ previous: last(key)?.current ?? null, current, entity })
      if (notification) notifier.send({ ...entityRefOf(key), parent: 'g' })
    },
    open(keys: string[], options: Partial<FeedOptions<'asset'>> = {}) {
      const group = { tenant: 't', kind: 'assetGroup', key: 'g' } as const
      return openFeed<'asset'>({
        notifier,
        targets: options.finite === false ? [group] : keys.map(entityRefOf),
        present: async () => keys.flatMap((key) => last(key)?.entity ?? []),
        keys: async () => keys,
        transitionsAfter,
        finite: true,
        ...options,
      })
    },
  }
}
