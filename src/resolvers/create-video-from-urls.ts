import type { Entity } from '../ledger/entity.ts'
import type { PlatformRef } from '../model/entities.ts'
import { type CreateFailure, invalidInput, RequestError } from '../model/failure.ts'
import { requireIdentity } from '../model/identity.ts'
import type { VideoResourceRequest } from '../model/requests.ts'
import { sendAsset } from './asset.ts'
import { sendAssetGroup } from './asset-group.ts'
import { type AssetsNotReady, orNotReady } from './assets-not-ready.ts'
import {
  type CreateVideoFromUrlsInput,
  checkVideoFromUrls,
  type VideoFromUrlsPlan,
} from './check-video-from-urls.ts'
import type { Context } from './context.ts'
import { CONFLICT, fingerprintOf } from './idempotency-outcome.ts'
import { orFailure } from './or-failure.ts'
import { storeWaitingTask } from './store-waiting-task.ts'
import { type VideoTask, videoTaskOf } from './video-task.ts'

/**
 * Creates a group when none is given, registers the files in it one after another, and stores a task that waits for
 * them. Each of these steps has an idempotency record of its own, so a repeat with the same key continues at the first
 * step that has no outcome (docs/decisions/0028).
 *
 * Returns the task, the failure of the first step that failed, or AssetsNotReady when a file has failed already. Throws
 * any other failure, e.g. UNAUTHENTICATED.
 */
export async function createVideoFromUrls(
  input: CreateVideoFromUrlsInput,
  context: Context,
): Promise<VideoTask | AssetsNotReady | CreateFailure> {
  requireIdentity(context)
  const { plan, issues } = checkVideoFromUrls(input)
  return orNotReady(() =>
    orFailure(async () => {
      if (issues.length > 0) throw invalidInput(issues)
      if (input.idempotencyKey !== undefined) {
        await beginSequence(plan, input.idempotencyKey, context)
      }
      return videoTaskOf(await runSteps(plan, input.idempotencyKey, context))
    }),
  )
}

/** Throws IDEMPOTENCY_CONFLICT when the key was used with another input. */
async function beginSequence(
  plan: VideoFromUrlsPlan,
  idempotencyKey: string,
  context: Context,
): Promise<void> {
  const { tenant } = requireIdentity(context)
  const fingerprint = fingerprintOf(['videoFromUrls', plan])
  const key = { tenant, idempotencyKey }
  const isSame = await context.ledger.idempotencyRecords.beginSequence(key, fingerprint)
  if (!isSame) throw new RequestError(CONFLICT)
}

/** Runs the steps in order. The outcome was replayed when that of the last step was. */
async function runSteps(
  { group, files, video }: VideoFromUrlsPlan,
  idempotencyKey: string | undefined,
  context: Context,
): Promise<Entity<'videoTask'>> {
  const report = { isReplayed: false }
  const step = <T>(name: string, run: (key: string | undefined, context: Context) => T): T => {
    report.isReplayed = false
    return run(stepKey(idempotencyKey, name), { ...context, report })
  }
  try {
    const groupRef = group && (await step('group', (key, own) => ensureGroup(group, key, own)))
    const assets: Entity<'asset'>[] = []
    const resources: VideoResourceRequest[] = []
    for (const [index, { role, ...file }] of files.entries()) {
      if (groupRef === null) break
      const request = { ...file, platform: groupRef.platform, groupId: groupRef.id }
      const asset = await step(`asset ${index}`, (key, own) => sendAsset(request, key, own))
      const { assetId, platform } = asset.snapshot
      assets.push(asset)
      resources.push({ type: file.type, role, assetId, platform })
    }
    const request = { ...video, resources }
    return await step('task', (key, own) => storeWaitingTask(request, key, async () => assets, own))
  } finally {
    if (report.isReplayed) context.report.isReplayed = true
  }
}

/**
 * The key of the record of one step. A key of a caller cannot be equal, because it has no control characters. Without a
 * key of the caller, each step gets a random key.
 */
function stepKey(idempotencyKey: string | undefined, name: string): string | undefined {
  return idempotencyKey === undefined ? undefined : `${idempotencyKey}\u001f${name}`
}

/** Returns the group that exists, or creates it. */
async function ensureGroup(
  group: NonNullable<VideoFromUrlsPlan['group']>,
  idempotencyKey: string | undefined,
  context: Context,
): Promise<PlatformRef> {
  if ('id' in group) return group
  const { snapshot } = await sendAssetGroup(group, idempotencyKey, context)
  return { platform: snapshot.platform, id: snapshot.groupId }
}
