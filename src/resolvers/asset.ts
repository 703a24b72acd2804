import type { Entity } from '../ledger/entity.ts'
import type { Page, PageRequest } from '../ledger/page.ts'
import {
  type AssetSnapshot,
  type AssetStatus,
  type AssetType,
  keyOf,
  type Platform,
  type PlatformRef,
} from '../model.ts'
import { checkAsset } from '../upstream/limits.ts'
import { type AssetGroup, assetGroupOf } from './asset-group.ts'
import { completed } from './completed.ts'
import type { Context } from './context.ts'
import { createOnce } from './create-once.ts'
import {
  type CreateFailure,
  type Failure,
  failureOf,
  invalidInput,
  orFailure,
  RequestError,
} from './failure.ts'
import { checkIdempotencyKey } from './idempotency-key.ts'
import { getPlatformId, notAnId, parsePlatformId } from './ids.ts'
import { nullIfNotFound } from './null-if-not-found.ts'
import { listOf } from './page.ts'

export interface Asset extends AssetSnapshot {
  /** The URL it was registered with, when it was registered here. */
  sourceUrl: string | null
}

export interface CreateAssetInput {
  platform: Platform
  /** Global or bare. */
  groupId: string
  url: string
  type: AssetType
  name?: string | undefined
  idempotencyKey?: string | undefined
}

export interface AssetFilter {
  status?: AssetStatus | null | undefined
  type?: AssetType | null | undefined
}

export function assetOf({ snapshot, origin, pollingEndedReason }: Entity<'asset'>): Asset {
  return {
    ...snapshot,
    sourceUrl: origin?.sourceUrl ?? null,
    failureReason: snapshot.failureReason ?? pollingEndedReason,
  }
}

/** The asset, or null when 0-0 knows none by this id; any other failure throws. */
export async function findAsset(
  id: string,
  platform: Platform,
  context: Context,
): Promise<Asset | null> {
  return findAssetByRef(getPlatformId('Asset', id, platform), context)
}

/** As `findAsset`, for an id that was read already. */
export async function findAssetByRef(
  ref: PlatformRef,
  { loaders }: Context,
): Promise<Asset | null> {
  const resource = await nullIfNotFound(loaders.asset.load(ref))
  return resource && assetOf(resource)
}

/** The group an asset is in; null when 0-0 does not say which. */
export async function findGroupOf(
  { platform, groupId }: Asset,
  { loaders }: Context,
): Promise<AssetGroup | null> {
  if (groupId === null) return null
  return assetGroupOf(await loaders.assetGroup.load({ platform, id: groupId }))
}

/** The assets registered here, newest first. */
export async function listAssets(
  filter: AssetFilter,
  request: PageRequest,
  context: Context,
): Promise<Page<Asset>> {
  return listOf('asset', filter, request, assetOf, context)
}

/** The group's assets that are registered here, newest first. */
export async function listAssetsOf(
  { platform, groupId }: AssetGroup,
  filter: AssetFilter,
  request: PageRequest,
  context: Context,
): Promise<Page<Asset>> {
  const parent = keyOf({ platform, id: groupId })
  return listOf('asset', { ...filter, parent }, request, assetOf, context)
}

export async function createAsset(
  { groupId, idempotencyKey, ...input }: CreateAssetInput,
  context: Context,
): Promise<Asset | CreateFailure> {
  const { tenant, isShared } = context.caller()
  return orFailure(async () => {
    const group = parsePlatformId('AssetGroup', groupId, input.platform)
    const { platform, id } = group ?? { platform: input.platform, id: '' }
    const request = { ...input, platform, groupId: id }
    const issues = [...checkAsset(request), ...checkIdempotencyKey(idempotencyKey)]
    if (!group) issues.unshift({ path: ['groupId'], message: notAnId('AssetGroup') })
    if (issues.length > 0) throw invalidInput(issues)
    const created = await createOnce(
      {
        kind: 'asset',
        request,
        idempotencyKey,
        origin: { sourceUrl: request.url },
        send: (call) =>
          context.withTenantLock(tenant, async () => {
            if (isShared) await refuseForeignGroup(keyOf({ platform, id }), context)
            const said = await context.upstream.createAsset(request, call)
            const { groupId, type, url, name = null } = request
            const snapshot = completed(said, { groupId, type, url, name })
            return { key: keyOf({ platform: snapshot.platform, id: snapshot.assetId }), snapshot }
          }),
      },
      context,
    )
    return assetOf(created)
  })
}

/** Among tenants who share a key, a group belongs to whoever registered it. */
async function refuseForeignGroup(key: string, { caller, ledger }: Context): Promise<void> {
  const { tenant } = caller()
  if (await ledger.find({ tenant, kind: 'assetGroup', key })) return
  const message = 'No group with this id is registered here.'
  throw new RequestError({ code: 'NOT_FOUND', message, retryable: false })
}

/** One create after another, as 0-0's upstream wants it; one result for each input, in order. */
export async function createAssets(
  inputs: readonly CreateAssetInput[],
  context: Context,
): Promise<(Asset | Failure)[]> {
  if (inputs.length > MAX_ASSETS_AT_ONCE) {
    const message = `At most ${MAX_ASSETS_AT_ONCE} assets can be created at once.`
    throw invalidInput([{ path: ['inputs'], message }])
  }
  const results: (Asset | Failure)[] = []
  for (const input of inputs) {
    results.push(await createAsset(input, context).catch((error) => asResult(error, results)))
  }
  return results
}

/** What would fail the whole operation is one create's result, once there are others, whose ids must not be lost. */
function asResult(error: unknown, results: unknown[]): Failure {
  const failure = failureOf(error)
  if (failure === null || results.length === 0) throw error
  return failure
}

/** Kept small because each one waits for the one before it. */
const MAX_ASSETS_AT_ONCE = 50
