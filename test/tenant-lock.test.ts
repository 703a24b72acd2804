import { setTimeout as pause } from 'node:timers/promises'
import { expect, onTestFinished, test, vi } from 'vitest'
import type { TenantLocks } from '../src/ledger/tenant-locks.ts'
import { createTenantLock } from '../src/resolvers/tenant-lock.ts'

/** The locks of processes that share a database, kept in memory. */
function sharedLocks() {
  const holders = new Map<string, string>()
  const calls = { take: 0, extend: [] as string[] }
  const locks: TenantLocks = {
    async take(tenant, holder) {
      calls.take += 1
      const free = !holders.has(tenant)
      if (free) holders.set(tenant, holder)
      return free
    },
    async extend(tenant, holder) {
      if (holders.get(tenant) === holder) calls.extend.push(tenant)
    },
    async release(tenant, holder) {
      if (holders.get(tenant) === holder) holders.delete(tenant)
    },
  }
  return { locks, holders, calls }
}

/** Work that reports its start and that the test ends by hand. */
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

test('work of one tenant runs in order, and work of another tenant runs at the same time', async () => {
  const withTenantLock = createTenantLock(sharedLocks().locks)
  const log: string[] = []
  const [a, b, c, other] = ['a', 'b', 'c', 'other'].map((name) => held(name, log))
  if (!a || !b || !c || !other) throw new Error('Something is missing.')

  const results = [
    withTenantLock('t', a.work),
    withTenantLock('t', b.work),
    withTenantLock('t', c.work),
  ]
  const otherResult = withTenantLock('u', other.work)
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

test('work that fails releases the lock for the next', async () => {
  const { locks, holders } = sharedLocks()
  const withTenantLock = createTenantLock(locks)
  const log: string[] = []
  const failing = held('failing', log)

  const failed = withTenantLock('t', failing.work)
  const next = withTenantLock('t', async () => 'next')
  failing.fail(new Error('broken'))

  await expect(failed).rejects.toThrow('broken')
  expect(await next).toBe('next')
  expect(holders.size).toBe(0)
})

test('two processes run the work of one tenant one at a time', async () => {
  const { locks, calls } = sharedLocks()
  const [here, there] = [createTenantLock(locks), createTenantLock(locks)]
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

test('a lock is renewed only while its work runs', async () => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] })
  onTestFinished(() => void vi.useRealTimers())
  const { locks, calls } = sharedLocks()
  const withTenantLock = createTenantLock(locks)
  const slow = held('slow', [])
  const done = withTenantLock('t', slow.work)
  await slow.begun

  // A lock expires 5 seconds after its last renewal.
  vi.advanceTimersByTime(4_900)
  expect(calls.extend.length).toBeGreaterThanOrEqual(4)
  slow.end()
  await done

  expect(vi.getTimerCount()).toBe(0)
})

test('a lock that cannot be renewed or released does not fail the work', async () => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] })
  onTestFinished(() => void vi.useRealTimers())
  const { locks } = sharedLocks()
  const away = () => Promise.reject(new Error('away'))
  const withTenantLock = createTenantLock({ ...locks, extend: away, release: away })
  const slow = held('slow', [])
  const done = withTenantLock('t', slow.work)
  await slow.begun

  vi.advanceTimersByTime(2_000)
  slow.end()

  expect(await done).toBe('slow')
})

test('work does not begin when its lock cannot be taken', async () => {
  const { locks } = sharedLocks()
  const withTenantLock = createTenantLock({
    ...locks,
    take: () => Promise.reject(new Error('away')),
  })
  const log: string[] = []

  await expect(withTenantLock('t', held('work', log).work)).rejects.toThrow('away')

  expect(log).toEqual([])
})
