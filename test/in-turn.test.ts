import { setTimeout as pause } from 'node:timers/promises'
import { expect, onTestFinished, test, vi } from 'vitest'
import type { Turns } from '../src/ledger/turns.ts'
import { createInTurn } from '../src/resolvers/in-turn.ts'

/** Turns as processes that share a database have them, kept in memory. */
function sharedTurns() {
  const holders = new Map<string, string>()
  const calls = { take: 0, extend: [] as string[] }
  const turns: Turns = {
    async take(tenant, holder) {
      calls.take += 1
      const free = !holders.has(tenant)
      if (free) holders.set(tenant, holder)
      return free
    },
    async extend(tenant, holder) {
      if (holders.get(tenant) === holder) calls.extend.push(tenant)
    },
    async give(tenant, holder) {
      if (holders.get(tenant) === holder) holders.delete(tenant)
    },
  }
  return { turns, holders, calls }
}

/** Work that says when it began and ends when the test says so. */
function held(name: string, log: string[]) {
  const gate = Promise.withResolvers<string>()
  const begun = Promise.withResolvers<void>()
  const work = () => {
    log.push(name)
    begun.resolve()
    return gate.promise
  }
  return { work, begun: begun.promise, end: () => gate.resolve(name), fail: gate.reject }
}

test('the work of one tenant is done one after another, in order; that of another side by side', async () => {
  const inTurn = createInTurn(sharedTurns().turns)
  const log: string[] = []
  const [a, b, c, other] = ['a', 'b', 'c', 'other'].map((name) => held(name, log))
  if (!a || !b || !c || !other) throw new Error('Something is missing.')

  const results = [inTurn('t', a.work), inTurn('t', b.work), inTurn('t', c.work)]
  const otherResult = inTurn('u', other.work)
  await Promise.all([a.begun, other.begun])
  expect(log.toSorted()).toEqual(['a', 'other'])
  a.end()
  await b.begun
  expect(log).not.toContain('c')
  b.end()
  await c.begun
  c.end()
  other.end()

  expect(await Promise.all(results)).toEqual(['a', 'b', 'c'])
  expect(await otherResult).toBe('other')
})

test('work that fails gives its turn to the next', async () => {
  const { turns, holders } = sharedTurns()
  const inTurn = createInTurn(turns)
  const log: string[] = []
  const failing = held('failing', log)

  const failed = inTurn('t', failing.work)
  const next = inTurn('t', async () => 'next')
  failing.fail(new Error('broken'))

  await expect(failed).rejects.toThrow('broken')
  expect(await next).toBe('next')
  expect(holders.size).toBe(0)
})

test('among processes too there is one at a time', async () => {
  const { turns, calls } = sharedTurns()
  const [here, there] = [createInTurn(turns), createInTurn(turns)]
  const log: string[] = []
  const [first, second] = [held('first', log), held('second', log)]

  const one = here('t', first.work)
  await first.begun
  const two = there('t', second.work)
  while (calls.take < 3) await pause(5)
  expect(log).toEqual(['first'])
  first.end()
  second.end()

  expect(await Promise.all([one, two])).toEqual(['first', 'second'])
})

test('a turn is kept for as long as its work takes, and not longer', async () => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] })
  onTestFinished(() => void vi.useRealTimers())
  const { turns, calls } = sharedTurns()
  const inTurn = createInTurn(turns)
  const slow = held('slow', [])
  const done = inTurn('t', slow.work)
  await slow.begun

  // A turn outlives its holder by 5 seconds.
  vi.advanceTimersByTime(4_900)
  expect(calls.extend.length).toBeGreaterThanOrEqual(4)
  slow.end()
  await done

  expect(vi.getTimerCount()).toBe(0)
})

test('a turn that cannot be kept or given back fails no work', async () => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] })
  onTestFinished(() => void vi.useRealTimers())
  const { turns } = sharedTurns()
  const away = () => Promise.reject(new Error('away'))
  const inTurn = createInTurn({ ...turns, extend: away, give: away })
  const slow = held('slow', [])
  const done = inTurn('t', slow.work)
  await slow.begun

  vi.advanceTimersByTime(2_000)
  slow.end()

  expect(await done).toBe('slow')
})

test('work does not begin when its turn cannot be asked for', async () => {
  const { turns } = sharedTurns()
  const inTurn = createInTurn({ ...turns, take: () => Promise.reject(new Error('away')) })
  const log: string[] = []

  await expect(inTurn('t', held('work', log).work)).rejects.toThrow('away')

  expect(log).toEqual([])
})
