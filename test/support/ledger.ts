import { onTestFinished } from 'vitest'
import { openDatabase } from '../../src/ledger/database.ts'
import type { EntityRef } from '../../src/ledger/entity.ts'
import { type Ledger, type LedgerOptions, openLedger } from '../../src/ledger/ledger.ts'
import type { ClaimedPollJob, ClaimOptions } from '../../src/ledger/poll-job.ts'
import type { AssetSnapshot, AssetStatus, VideoTaskSnapshot } from '../../src/model/entities.ts'
import { KEY, temporaryFolder } from './app.ts'
import { engineSettings } from './engine.ts'

/** Opens a ledger on the engine under test. Its poll jobs are due at once. It closes with the test. */
export async function openTestLedger(
  dataDir = temporaryFolder(),
  more: Partial<LedgerOptions> = {},
): Promise<Ledger> {
  const { DATABASE_URL: databaseUrl } = await engineSettings(dataDir)
  const ledger = await openLedger({
    dataDir,
    databaseUrl,
    polling: { firstPollMs: { asset: 0, videoTask: 0 }, deadlineMs: 60_000 },
    onError() {},
    ...more,
  })
  onTestFinished(() => ledger.close())
  return ledger
}

/** Opens the database of the ledger in `dataDir` to read its rows. It closes with the test. */
export async function openTestDatabase(dataDir: string) {
  const { DATABASE_URL: databaseUrl } = await engineSettings(dataDir)
  const database = await openDatabase({ dataDir, databaseUrl, onError() {} })
  onTestFinished(() => database.destroy())
  return database
}

export function assetEntityRef(ledger: Ledger, id = 'Asset-1', key = KEY): EntityRef<'asset'> {
  return { tenant: ledger.tenantOf(key), kind: 'asset', key: `JIMENG:${id}` }
}

export function taskEntityRef(ledger: Ledger, id = 'cgt-1', key = KEY): EntityRef<'videoTask'> {
  return { tenant: ledger.tenantOf(key), kind: 'videoTask', key: id }
}

export function assetSeen(status: AssetStatus, more: Partial<AssetSnapshot> = {}): AssetSnapshot {
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

export function taskSeen(
  status: VideoTaskSnapshot['status'],
  more: Partial<VideoTaskSnapshot> = {},
): VideoTaskSnapshot {
  return {
    taskId: 'cgt-1',
    model: 'seedance-2-0',
    provider: null,
    status,
    rawStatus: status.toLowerCase(),
    progress: null,
    video: null,
    usage: null,
    failureReason: null,
    createdAt: null,
    updatedAt: null,
    ...more,
  }
}

/** Registers an asset for the tenant of `key`. Its default status is PROCESSING. */
export async function registerAsset(
  ledger: Ledger,
  id = 'Asset-1',
  { key = KEY, ...more }: Partial<AssetSnapshot> & { key?: string } = {},
): Promise<EntityRef<'asset'>> {
  const ref = assetEntityRef(ledger, id, key)
  const snapshot = assetSeen('PROCESSING', { assetId: id, ...more })
  const origin = { sourceUrl: 'https://example.com/a.png' }
  await ledger.register(ref, { snapshot, origin, credential: key })
  return ref
}

/** Registers a task for the tenant of `key`. A task that waits for its assets has no id from 0-0 yet. */
export async function registerTask(
  ledger: Ledger,
  id = 'cgt-1',
  status: 'QUEUED' | 'WAITING_FOR_ASSETS' = 'QUEUED',
  key = KEY,
): Promise<EntityRef<'videoTask'>> {
  const ref = taskEntityRef(ledger, id, key)
  const snapshot = taskSeen(status, { taskId: status === 'QUEUED' ? id : null })
  await ledger.register(ref, { snapshot, origin: null, credential: key })
  return ref
}

/** Claims up to 100 poll jobs that are due in `inMs` milliseconds. */
export function claim(
  ledger: Ledger,
  { inMs = 0, ...more }: Partial<ClaimOptions> & { inMs?: number } = {},
): Promise<ClaimedPollJob[]> {
  const now = new Date(Date.now() + inMs)
  return ledger.pollJobs.claim({ now, limit: 100, leaseMs: 1_000, maxRps: 100, ...more })
}

/** Claims the only poll job that is due. Throws when there is none or more than one. */
export async function claimOne(
  ledger: Ledger,
  options: Parameters<typeof claim>[1] = {},
): Promise<ClaimedPollJob> {
  const claimed = await claim(ledger, options)
  const [job] = claimed
  if (!job || claimed.length > 1) throw new Error(`${claimed.length} poll jobs were claimed.`)
  return job
}

export function nextPoll(inMs = 60_000) {
  return { nextPollAt: new Date(Date.now() + inMs), gapMs: inMs }
}
