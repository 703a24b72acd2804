import { statSync } from 'node:fs'
import { join } from 'node:path'
import type { Kysely } from 'kysely'
import { expect, onTestFinished, test } from 'vitest'
import { openDatabase } from '../src/ledger/database.ts'
import { type EntityRef, isStale } from '../src/ledger/entity.ts'
import { type Ledger, type LedgerOptions, openLedger } from '../src/ledger/ledger.ts'
import type { Tables } from '../src/ledger/tables.ts'
import type {
  AssetSnapshot,
  AssetStatus,
  VideoTaskSnapshot,
  VideoTaskStatus,
} from '../src/model/entities.ts'
import { temporaryFolder } from './support/app.ts'
import { engineSettings } from './support/engine.ts'
import { openTestDatabase } from './support/ledger.ts'

const KEY = 'sk-test'

async function open(
  dataDir = temporaryFolder(),
  secret?: Buffer,
  more: Partial<LedgerOptions> = {},
): Promise<Ledger> {
  const settings = await engineSettings(dataDir)
  const ledger = await openLedger({
    dataDir,
    databaseUrl: settings.DATABASE_URL,
    secret,
    polling: { firstPollMs: { asset: 0, videoTask: 0 }, deadlineMs: 60_000 },
    onError() {},
    ...more,
  })
  onTestFinished(() => ledger.close())
  return ledger
}

function assetIn(ledger: Ledger, id = 'Asset-1', key = KEY): EntityRef<'asset'> {
  return { tenant: ledger.tenantOf(key), kind: 'asset', key: `JIMENG:${id}` }
}

function seen(status: AssetStatus, more: Partial<AssetSnapshot> = {}): AssetSnapshot {
  return {
    platform: 'JIMENG',
    assetId: 'Asset-1',
    groupId: 'group-1',
    name: null,
    type: 'IMAGE',
    status,
    rawStatus: status,
    url: null,
    failureReason: null,
    createdAt: null,
    ...more,
  }
}

const WAITING: VideoTaskSnapshot = {
  taskId: null,
  model: null,
  provider: null,
  status: 'WAITING_FOR_ASSETS',
  rawStatus: null,
  progress: null,
  video: null,
  usage: null,
  failureReason: null,
  createdAt: null,
  updatedAt: null,
}

function registration(snapshot: AssetSnapshot) {
  return { snapshot, origin: { sourceUrl: 'https://example.com/a.png' }, credential: KEY }
}

const claimAll = { limit: 10, leaseMs: 1_000, maxRps: 100 }
const later = { nextPollAt: new Date(Date.now() + 60_000), gapMs: 60_000 }

test('an entity that is not registered is ignored', async () => {
  const ledger = await open()
  const ref = assetIn(ledger)

  expect(await ledger.recordObservation(ref, seen('ACTIVE'))).toBeNull()
  expect(await ledger.find(ref)).toBeNull()
  expect(await ledger.transitionsAfter(ref, 0)).toEqual([])
})

test('a status change records one transition, and the same status records none', async () => {
  const ledger = await open()
  const ref = assetIn(ledger)
  const { seq } = await ledger.register(ref, registration(seen('PROCESSING')))

  await ledger.recordObservation(ref, seen('PROCESSING'))
  await ledger.recordObservation(ref, seen('ACTIVE'))
  await ledger.recordObservation(ref, seen('ACTIVE'))

  const transitions = await ledger.transitionsAfter(ref, seq)
  expect(transitions).toMatchObject([{ previous: 'PROCESSING', current: 'ACTIVE' }])
  expect((await ledger.find(ref))?.seq).toBe(transitions[0]?.entity.seq)
})

test('concurrent observations of one change record one transition', async () => {
  const ledger = await open()
  const ref = assetIn(ledger)
  const { seq } = await ledger.register(ref, registration(seen('PROCESSING')))

  await Promise.all(Array.from({ length: 20 }, () => ledger.recordObservation(ref, seen('ACTIVE'))))

  expect(await ledger.transitionsAfter(ref, seq)).toHaveLength(1)
})

test('fields missing from an observation keep their previous values', async () => {
  const ledger = await open()
  const ref = assetIn(ledger)
  const createdAt = new Date('2024-04-30T02:40:00Z')
  await ledger.register(ref, registration(seen('PROCESSING', { name: 'Front', createdAt })))

  await ledger.recordObservation(ref, seen('ACTIVE', { url: 'https://cdn.example.com/a.png' }))

  const known = await ledger.find(ref)
  expect(known?.snapshot).toMatchObject({
    name: 'Front',
    createdAt,
    status: 'ACTIVE',
    url: 'https://cdn.example.com/a.png',
  })
})

test('a failure reason is kept while the status stays the same, and removed when it changes', async () => {
  const ledger = await open()
  const ref = assetIn(ledger)
  const failureReason = 'slow, retrying'
  await ledger.register(ref, registration(seen('PROCESSING', { failureReason })))

  await ledger.recordObservation(ref, seen('PROCESSING'))
  const still = await ledger.find(ref)
  await ledger.recordObservation(ref, seen('ACTIVE'))

  expect(still?.snapshot.failureReason).toBe(failureReason)
  expect((await ledger.find(ref))?.snapshot.failureReason).toBeNull()
})

test('a tenant with ten thousand poll jobs does not delay another tenant', async () => {
  const dataDir = temporaryFolder()
  const ledger = await open(dataDir)
  await ledger.register(assetIn(ledger), registration(seen('PROCESSING')))
  await copyFirst(await openTestDatabase(dataDir), 9_999)
  const other = assetIn(ledger, 'Asset-1', 'sk-other')
  await ledger.register(other, { ...registration(seen('PROCESSING')), credential: 'sk-other' })

  const startedAt = performance.now()
  const claimed = await ledger.pollJobs.claim({
    now: new Date(Date.now() + 1_000),
    limit: 32,
    leaseMs: 60_000,
    maxRps: 20,
  })

  // The only job of the other tenant, and an equal share of the limit for the first tenant: 16 jobs.
  expect(claimed.filter(({ tenant }) => tenant === other.tenant)).toHaveLength(1)
  expect(claimed).toHaveLength(17)
  expect(performance.now() - startedAt).toBeLessThan(1_000)
}, 60_000)

/** Adds `count` copies of the first entity and its poll job, under other keys. */
async function copyFirst(database: Kysely<Tables>, count: number): Promise<void> {
  const first = await database.selectFrom('entity').selectAll().executeTakeFirstOrThrow()
  const { position, ...entity } = first
  const job = await database.selectFrom('poll_job').selectAll().executeTakeFirstOrThrow()
  for (let done = 0; done < count; done += 1_000) {
    const length = Math.min(1_000, count - done)
    const keys = Array.from({ length }, (_, index) => `JIMENG:copy-${done + index}`)
    await database
      .insertInto('entity')
      .values(keys.map((key) => ({ ...entity, key })))
      .execute()
    await database
      .insertInto('poll_job')
      .values(keys.map((key) => ({ ...job, key })))
      .execute()
  }
}

test('a tenant without poll budget does not block a tenant with poll budget', async () => {
  const ledger = await open()
  await ledger.register(assetIn(ledger), registration(seen('PROCESSING')))
  await ledger.register(assetIn(ledger, 'Asset-2'), registration(seen('PROCESSING')))
  const now = new Date(Date.now() + 1_000)
  const one = { now, limit: 1, leaseMs: 60_000, maxRps: 1 }
  await ledger.pollJobs.claim(one)
  const other = assetIn(ledger, 'Asset-1', 'sk-other')
  await ledger.register(other, { ...registration(seen('PROCESSING')), credential: 'sk-other' })

  const claimed = await ledger.pollJobs.claim(one)

  expect(claimed.map(({ tenant }) => tenant)).toEqual([other.tenant])
})

test('slowDown halves the poll rate of a tenant, and speedUp restores it step by step', async () => {
  const ledger = await open()
  for (let index = 0; index < 40; index += 1) {
    await ledger.register(assetIn(ledger, `Asset-${index}`), registration(seen('PROCESSING')))
  }
  const { tenant } = assetIn(ledger)
  let now = Date.now() + 1_000
  /** The number of poll jobs claimed one second later. A tenant may have at most ten. */
  const claimedASecondLater = async () => {
    now += 1_000
    const claim = { now: new Date(now), limit: 100, leaseMs: 1, maxRps: 10 }
    return (await ledger.pollJobs.claim(claim)).length
  }

  const usual = await claimedASecondLater()
  await ledger.pollJobs.slowDown(tenant, 10)
  const halved = await claimedASecondLater()
  await ledger.pollJobs.slowDown(tenant, 10)
  const quartered = await claimedASecondLater()
  for (let step = 0; step < 100; step += 1) await ledger.pollJobs.speedUp(tenant, 10)
  const recovered = await claimedASecondLater()

  expect([usual, halved, quartered, recovered]).toEqual([10, 5, 2, 10])
})

test('an idempotency key can be used again after its record is pruned', async () => {
  const ledger = await open()
  const key = { tenant: ledger.tenantOf(KEY), idempotencyKey: 'k' }
  const states = async () => (await ledger.idempotencyRecords.begin(key, 'print')).state
  const first = await states()
  await ledger.idempotencyRecords.finish(key, { key: 'Asset-1' })

  await ledger.prune(new Date(Date.now() - 1_000))
  const kept = await states()
  await ledger.prune(new Date(Date.now() + 1_000))

  expect([first, kept, await states()]).toEqual(['OURS', 'DONE', 'OURS'])
})

test.for<[AssetStatus | VideoTaskStatus, AssetStatus | VideoTaskStatus, boolean]>([
  ['PROCESSING', 'ACTIVE', false],
  ['PROCESSING', 'UNKNOWN', false],
  ['UNKNOWN', 'PROCESSING', false],
  ['ACTIVE', 'ACTIVE', false],
  ['ACTIVE', 'PROCESSING', true],
  ['ACTIVE', 'FAILED', true],
  ['FAILED', 'UNKNOWN', true],
])('an asset observed as %s and then as %s: stale is %s', ([previous, next, stale]) => {
  expect(isStale('asset', previous as AssetStatus, next as AssetStatus)).toBe(stale)
})

test.for<[VideoTaskStatus, VideoTaskStatus, boolean]>([
  ['WAITING_FOR_ASSETS', 'QUEUED', false],
  ['QUEUED', 'RUNNING', false],
  ['RUNNING', 'QUEUED', true],
  ['QUEUED', 'WAITING_FOR_ASSETS', true],
  ['RUNNING', 'UNKNOWN', false],
  ['UNKNOWN', 'QUEUED', false],
  ['SUCCEEDED', 'RUNNING', true],
  ['CANCELLED', 'SUCCEEDED', true],
])('a task observed as %s and then as %s: stale is %s', ([previous, next, stale]) => {
  expect(isStale('videoTask', previous, next)).toBe(stale)
})

test('a claimed poll job can be claimed again only after its lease expires', async () => {
  const ledger = await open()
  await ledger.register(assetIn(ledger), registration(seen('PROCESSING')))
  const now = new Date()

  const first = await ledger.pollJobs.claim({ ...claimAll, now })
  const second = await ledger.pollJobs.claim({ ...claimAll, now })
  const takenOver = await ledger.pollJobs.claim({
    ...claimAll,
    now: new Date(now.getTime() + 1_001),
  })

  expect(first).toMatchObject([{ key: 'JIMENG:Asset-1', credential: KEY, fence: 1 }])
  expect(second).toEqual([])
  expect(takenOver).toMatchObject([{ key: 'JIMENG:Asset-1', fence: 2 }])
})

test('a holder that lost its claim cannot record an observation', async () => {
  const ledger = await open()
  const ref = assetIn(ledger)
  await ledger.register(ref, registration(seen('PROCESSING')))
  const [stopped] = await ledger.pollJobs.claim({ ...claimAll, now: new Date() })
  const [holder] = await ledger.pollJobs.claim({ ...claimAll, now: new Date(Date.now() + 2_000) })
  if (!stopped || !holder) throw new Error('nothing was claimed')

  expect(await ledger.pollJobs.conclude(stopped, seen('FAILED'), later)).toBe(false)
  expect((await ledger.find(ref))?.snapshot.status).toBe('PROCESSING')
  expect(await ledger.pollJobs.conclude(holder, seen('ACTIVE'), later)).toBe(true)
  expect((await ledger.find(ref))?.snapshot.status).toBe('ACTIVE')
})

test('a waiting task is due again at once if an asset became terminal during its poll', async () => {
  const ledger = await open()
  const asset = assetIn(ledger)
  await ledger.register(asset, registration(seen('PROCESSING')))
  const waiting = { ...asset, kind: 'videoTask', key: 'zg-1' } as const
  const named = {
    type: 'IMAGE',
    role: 'REFERENCE',
    platform: 'JIMENG',
    assetId: 'Asset-1',
  } as const
  const request = { model: 'seedance-2-0', prompt: 'A cat', audio: false, resources: [named] }
  await ledger.register(waiting, {
    snapshot: WAITING,
    origin: { model: 'seedance-2-0', request },
    credential: KEY,
  })
  const claimed = await ledger.pollJobs.claim({ ...claimAll, now: new Date() })
  const looking = claimed.find(({ kind }) => kind === 'videoTask')
  if (!looking) throw new Error('the task was not claimed')

  await ledger.recordObservation(asset, seen('ACTIVE'))
  await ledger.pollJobs.conclude(looking, null, { ...later, submission: 'WAITING' })

  const again = await ledger.pollJobs.claim({ ...claimAll, now: new Date(Date.now() + 10) })
  expect(again).toMatchObject([{ key: 'zg-1', submission: 'WAITING' }])
})

test('the claim limit is shared between tenants, and a spent budget is refilled over time', async () => {
  const ledger = await open()
  for (let index = 0; index < 20; index += 1) {
    await ledger.register(assetIn(ledger, `Asset-${index}`), registration(seen('PROCESSING')))
  }
  const other = assetIn(ledger, 'Asset-1', 'sk-other')
  await ledger.register(other, { ...registration(seen('PROCESSING')), credential: 'sk-other' })
  const now = new Date()

  const shared = await ledger.pollJobs.claim({ now, limit: 4, leaseMs: 60_000, maxRps: 3 })
  const spent = await ledger.pollJobs.claim({ now, limit: 4, leaseMs: 60_000, maxRps: 3 })
  const refilled = await ledger.pollJobs.claim({
    now: new Date(now.getTime() + 1_000),
    limit: 10,
    leaseMs: 60_000,
    maxRps: 3,
  })

  expect(shared.map(({ tenant }) => tenant).filter((t) => t === other.tenant)).toHaveLength(1)
  expect(shared).toHaveLength(3)
  expect(spent).toHaveLength(1)
  expect(refilled).toHaveLength(3)
})

test('a credential for polling is stored sealed, and deleted when no poll job is left', async () => {
  const dataDir = temporaryFolder()
  const ledger = await open(dataDir)
  const marked = { ...registration(seen('PROCESSING')), credential: 'sk-marked-key' }
  const [first, second] = ['Asset-1', 'Asset-2'].map((id) => assetIn(ledger, id, 'sk-marked-key'))
  if (!first || !second) throw new Error('unreachable')
  await ledger.register(first, marked)
  await ledger.register(second, marked)
  const [claimed] = await ledger.pollJobs.claim({ ...claimAll, now: new Date() })

  const whileBoth = await storedCredentials(dataDir)
  await ledger.recordObservation(first, seen('ACTIVE'))
  const whileOne = await storedCredentials(dataDir)
  await ledger.recordObservation(second, seen('ACTIVE'))

  expect(claimed?.credential).toBe('sk-marked-key')
  expect(whileBoth).toHaveLength(1)
  expect(whileBoth[0]).not.toContain('marked-key')
  expect(Buffer.from(whileBoth[0] ?? '', 'base64').toString()).not.toContain('marked-key')
  expect(whileOne).toHaveLength(1)
  expect(await storedCredentials(dataDir)).toEqual([])
})

/** The sealed keys in the database. */
async function storedCredentials(dataDir: string): Promise<string[]> {
  const { DATABASE_URL: databaseUrl } = await engineSettings(dataDir)
  const database = await openDatabase({ dataDir, databaseUrl, onError() {} })
  const rows = await database.selectFrom('credential').select('sealed').execute()
  await database.destroy()
  return rows.map(({ sealed }) => sealed)
}

test('the secret is created once with mode 600, and a ledger with another secret cannot open the key', async () => {
  const dataDir = temporaryFolder()
  const first = await open(dataDir)
  await first.register(assetIn(first), registration(seen('PROCESSING')))
  const again = await open(dataDir)

  const mode = statSync(join(dataDir, 'secret')).mode & 0o777
  const other = await open(dataDir, Buffer.alloc(32, 1))
  const [claimed] = await other.pollJobs.claim({ ...claimAll, now: new Date() })

  expect(mode).toBe(0o600)
  expect(again.tenantOf(KEY)).toBe(first.tenantOf(KEY))
  expect(other.tenantOf(KEY)).not.toBe(first.tenantOf(KEY))
  expect(claimed?.credential).toBeNull()
})

test('pruning deletes old transitions, but not the current status', async () => {
  const ledger = await open()
  const ref = assetIn(ledger)
  await ledger.register(ref, registration(seen('PROCESSING')))

  await ledger.prune(new Date(Date.now() + 1_000))

  expect(await ledger.transitionsAfter(ref, 0)).toEqual([])
  expect((await ledger.find(ref))?.snapshot.status).toBe('PROCESSING')
})

test('every ledger call is reported with its name, even if it fails', async () => {
  const reported: { name: string; durationMs: number }[] = []
  const onCall = (name: string, durationMs: number) => void reported.push({ name, durationMs })
  const ledger = await open(temporaryFolder(), undefined, { onCall })
  const ref = assetIn(ledger)
  const record = { tenant: ref.tenant, idempotencyKey: 'k' }

  await ledger.register(ref, registration(seen('PROCESSING')))
  await ledger.idempotencyRecords.begin(record, 'print')
  await ledger.idempotencyRecords.extend(record)
  await ledger.tenantLocks.take(ref.tenant, 'holder')
  await ledger.tenantLocks.extend(ref.tenant, 'holder')
  await ledger.pollJobs.extend([], 1_000)
  ledger.pollJobs.added()
  const wrong = ledger.list(ref.tenant, 'asset', {}, { first: -1 }, 10)
  await expect(wrong).rejects.toMatchObject({ argument: 'first' })

  expect(reported.map(({ name }) => name)).toEqual([
    'register',
    'idempotencyRecords.begin',
    'idempotencyRecords.extend',
    'tenantLocks.take',
    'tenantLocks.extend',
    'pollJobs.extend',
    'list',
  ])
  for (const { durationMs } of reported) {
    expect(durationMs).toBeGreaterThanOrEqual(0)
    expect(durationMs).toBeLessThan(5_000)
  }
})
