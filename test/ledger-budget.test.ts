import { expect, test } from 'vitest'
import type { Ledger } from '../src/ledger/ledger.ts'
import { KEY, temporaryFolder } from './support/app.ts'
import { stopClock } from './support/clock.ts'
import { claim, openTestDatabase, openTestLedger, registerAsset } from './support/ledger.ts'

async function registerMany(ledger: Ledger, count: number, key = KEY): Promise<void> {
  for (let index = 0; index < count; index += 1) {
    await registerAsset(ledger, `Asset-${index}`, { key })
  }
}

test('an idle tenant accumulates a budget of at most one second of polls', async () => {
  stopClock()
  const ledger = await openTestLedger()
  await registerMany(ledger, 12)

  const first = await claim(ledger, { maxRps: 4, leaseMs: 1 })
  const anHourLater = await claim(ledger, { maxRps: 4, inMs: 3_600_000, leaseMs: 1 })
  const atOnce = await claim(ledger, { maxRps: 4, inMs: 3_600_001, leaseMs: 1 })

  expect([first, anHourLater, atOnce].map(({ length }) => length)).toEqual([4, 4, 0])
})

test('a tenant is polled again once its budget is refilled by one whole poll', async () => {
  stopClock()
  const ledger = await openTestLedger()
  await registerMany(ledger, 4)
  await claim(ledger, { maxRps: 2, leaseMs: 1 })

  const tooEarly = await claim(ledger, { maxRps: 2, inMs: 499, leaseMs: 1 })
  const first = await claim(ledger, { maxRps: 2, inMs: 500, leaseMs: 1 })
  const second = await claim(ledger, { maxRps: 2, inMs: 1_000, leaseMs: 1 })

  expect([tooEarly, first, second].map(({ length }) => length)).toEqual([0, 1, 1])
})

test('the unused part of a poll budget is kept', async () => {
  stopClock()
  const ledger = await openTestLedger()
  await registerMany(ledger, 10)

  const one = await claim(ledger, { maxRps: 5, limit: 1, leaseMs: 60_000 })
  const rest = await claim(ledger, { maxRps: 5, leaseMs: 60_000 })

  expect([one, rest].map(({ length }) => length)).toEqual([1, 4])
})

test('the part of the limit that one tenant does not use goes to the others', async () => {
  const clock = stopClock()
  const ledger = await openTestLedger()
  await registerMany(ledger, 1)
  clock.set(1)
  await registerMany(ledger, 5, 'sk-second')
  clock.set(2)
  await registerMany(ledger, 5, 'sk-third')

  const claimed = await claim(ledger, { limit: 6 })

  const counts = [KEY, 'sk-second', 'sk-third'].map(
    (key) => claimed.filter(({ credential }) => credential === key).length,
  )
  // Each tenant has a share of two out of six. The first uses one, and the others share the other five.
  expect(counts).toEqual([1, 3, 2])
})

test('slowDown halves a poll rate down to 0.1 per second, and speedUp adds 0.1 up to the maximum', async () => {
  stopClock()
  const dataDir = temporaryFolder()
  const ledger = await openTestLedger(dataDir)
  const database = await openTestDatabase(dataDir)
  const { tenant } = await registerAsset(ledger)
  await registerAsset(ledger, 'Asset-1', { key: 'sk-other' })
  await claim(ledger)
  const rate = async (of: string) => {
    const rows = await database.selectFrom('poll_budget').selectAll().execute()
    return rows.find((row) => row.tenant === of)?.rate
  }

  await ledger.pollJobs.speedUp(tenant, 10)
  const untouched = await rate(tenant)
  const falling: unknown[] = []
  for (let step = 0; step < 8; step += 1) {
    await ledger.pollJobs.slowDown(tenant, 10)
    falling.push(await rate(tenant))
  }
  await ledger.pollJobs.slowDown(ledger.tenantOf('sk-other'), 0.4)
  await ledger.pollJobs.speedUp(tenant, 0.3)
  const raised = await rate(tenant)
  await ledger.pollJobs.speedUp(tenant, 0.3)

  expect(untouched).toBeNull()
  expect(falling).toEqual([5, 2.5, 1.25, 0.625, 0.3125, 0.15625, 0.1, 0.1])
  expect(raised).toBeCloseTo(0.2)
  expect(await rate(tenant)).toBeNull()
  expect(await rate(ledger.tenantOf('sk-other'))).toBe(0.2)
})

test('a rate below one poll per second refills a budget slowly, and up to one poll', async () => {
  stopClock()
  const ledger = await openTestLedger()
  const { tenant } = await registerAsset(ledger)
  await registerMany(ledger, 4)
  await claim(ledger, { maxRps: 4, leaseMs: 1 })
  for (let step = 0; step < 3; step += 1) await ledger.pollJobs.slowDown(tenant, 4)

  // The rate is 0.5 polls per second.
  const counts: number[] = []
  for (const inMs of [1_900, 2_000, 60_000, 60_001]) {
    counts.push((await claim(ledger, { maxRps: 4, inMs, leaseMs: 1 })).length)
  }

  expect(counts).toEqual([0, 1, 1, 0])
})

test('a stored rate is limited by a POLL_MAX_RPS that was lowered later', async () => {
  stopClock()
  const ledger = await openTestLedger()
  const { tenant } = await registerAsset(ledger)
  await registerMany(ledger, 12)
  await claim(ledger, { maxRps: 10, leaseMs: 1 })
  await ledger.pollJobs.slowDown(tenant, 10)

  expect(await claim(ledger, { maxRps: 2, inMs: 1_000, leaseMs: 1 })).toHaveLength(2)
})
