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

test('an idle tenant saves up no more than a second of polls', async () => {
  stopClock()
  const ledger = await openTestLedger()
  await registerMany(ledger, 12)

  const first = await claim(ledger, { maxRps: 4, leaseMs: 1 })
  const anHourLater = await claim(ledger, { maxRps: 4, inMs: 3_600_000, leaseMs: 1 })
  const atOnce = await claim(ledger, { maxRps: 4, inMs: 3_600_001, leaseMs: 1 })

  expect([first, anHourLater, atOnce].map(({ length }) => length)).toEqual([4, 4, 0])
})

test('a tenant has its next poll as soon as a whole one is refilled', async () => {
  stopClock()
  const ledger = await openTestLedger()
  await registerMany(ledger, 4)
  await claim(ledger, { maxRps: 2, leaseMs: 1 })

  const tooEarly = await claim(ledger, { maxRps: 2, inMs: 499, leaseMs: 1 })
  const first = await claim(ledger, { maxRps: 2, inMs: 500, leaseMs: 1 })
  const second = await claim(ledger, { maxRps: 2, inMs: 1_000, leaseMs: 1 })

  expect([tooEarly, first, second].map(({ length }) => length)).toEqual([0, 1, 1])
})

test('what is not used of a budget stays', async () => {
  stopClock()
  const ledger = await openTestLedger()
  await registerMany(ledger, 10)

  const one = await claim(ledger, { maxRps: 5, limit: 1, leaseMs: 60_000 })
  const rest = await claim(ledger, { maxRps: 5, leaseMs: 60_000 })

  expect([one, rest].map(({ length }) => length)).toEqual([1, 4])
})

test('room that one tenant does not use goes to the others', async () => {
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
  // Six places for three: one is used of the first two, and the five left are shared.
  expect(counts).toEqual([1, 3, 2])
})

test('a rate is halved at each 429 down to a poll in ten seconds, and raised by a tenth up to what all have', async () => {
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

test('a halved rate refills a budget slowly, and fills it with no more than one poll below one a second', async () => {
  stopClock()
  const ledger = await openTestLedger()
  const { tenant } = await registerAsset(ledger)
  await registerMany(ledger, 4)
  await claim(ledger, { maxRps: 4, leaseMs: 1 })
  for (let step = 0; step < 3; step += 1) await ledger.pollJobs.slowDown(tenant, 4)

  // Half a poll a second.
  const counts: number[] = []
  for (const inMs of [1_900, 2_000, 60_000, 60_001]) {
    counts.push((await claim(ledger, { maxRps: 4, inMs, leaseMs: 1 })).length)
  }

  expect(counts).toEqual([0, 1, 1, 0])
})

test('a rate from before POLL_MAX_RPS was lowered is not kept above it', async () => {
  stopClock()
  const ledger = await openTestLedger()
  const { tenant } = await registerAsset(ledger)
  await registerMany(ledger, 12)
  await claim(ledger, { maxRps: 10, leaseMs: 1 })
  await ledger.pollJobs.slowDown(tenant, 10)

  expect(await claim(ledger, { maxRps: 2, inMs: 1_000, leaseMs: 1 })).toHaveLength(2)
})
