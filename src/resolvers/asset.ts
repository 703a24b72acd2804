import type { Entity } from '../ledger/entity.ts'
import {
  type AssetSnapshot,
  type AssetStatus,
  type AssetType,
  keyOf,
  type Platform,
  type PlatformRef,
} from '../model/entities.ts'
import {
  type CreateFailure,
  type Failure,
  failureOf,
  invalidInput,
  RequestError,
} from '../model/failure.ts'
import { requireIdentity } from '../model/identity.ts'
import type { Page, PageRequest } from '../model/page.ts'
import { checkAsset } from '../upstream/input-limits.ts'
import { type AssetGroup, assetGroupOf } from './asset-group.ts'
import { checkIdempotencyKey } from './check-idempotency-key.ts'
import type { Context } from './context.ts'
import { createOnce } from './create-once.ts'
import { getPlatformId, notAnId, parsePlatformId } from './ids.ts'
import { listPage } from './list-page.ts'
import { nullIfNotFound } from './null-if-not-found.ts'
import { orFailure } from './or-failure.ts'
import { withRequested } from './with-requested.ts'

/** An asset, as the graph shows it. */
export interface Asset extends AssetSnapshot {
  /** The URL it was registered with; null when it was registered elsewhere. */
  sourceUrl: string | null
}

/** The input of `createAsset`. */
export interface CreateAssetInput {
  platform: Platform
  /** A global or a bare id. */
  groupId: string
  url: string
  type: AssetType
  name?: string | undefined
  idempotencyKey?: string | undefined
}

/** Which assets of a list are wanted. */
export interface AssetFilter {
  status?: AssetStatus | null | undefined
  type?: AssetType | null | undefined
}

/** The asset that an entity of the ledger stores. */
export function assetOf({ snapshot, origin, pollingEndedReason }: Entity<'asset'>): Asset {
  return {
    ...snapshot,
    sourceUrl: origin?.sourceUrl ?? null,
    failureReason: snapshot.failureReason ?? pollingEndedReason,
  }
}

/** The asset with this global or bare id, or null when 0-0 does not know it. Throws any other failure. */
export async function findAsset(
  id: string,
  platform: Platform,
  context: Context,
): Promise<Asset | null> {
  return findAssetByRef(getPlatformId('Asset', id, platform), context)
}

/** As `findAsset`, for an id that is already parsed. */
export async function findAssetByRef(
  ref: PlatformRef,
  { loaders }: Context,
): Promise<Asset | null> {
  const entity = await nullIfNotFound(loaders.asset.load(ref))
  return entity && assetOf(entity)
}

/** The group of an asset; null when 0-0 does not report it. */
export async function findGroupOf(
  { platform, groupId }: Asset,
  { loaders }: Context,
): Promise<AssetGroup | null> {
  if (groupId === null) return null
  return assetGroupOf(await loaders.assetGroup.load({ platform, id: groupId }))
}

/** A page of the assets that are registered here, newest first. */
export async function listAssets(
  filter: AssetFilter,
  request: PageRequest,
  context: Context,
): Promise<Page<Asset>> {
  return listPage('asset', filter, request, assetOf, context)
}

/** A page of the assets of a group that are registered here, newest first. */
export async function listAssetsOf(
  { platform, groupId }: AssetGroup,
  filter: AssetFilter,
  request: PageRequest,
  context: Context,
): Promise<Page<Asset>> {
  const parent = keyOf({ platform, id: groupId })
  return listPage('asset', { ...filter, parent }, request, assetOf, context)
}

/** Registers an asset with 0-0. Returns the asset, or the failure that is the result instead. */
export async function createAsset(
  { groupId, idempotencyKey, ...input }: CreateAssetInput,
  context: Context,
): Promise<Asset | CreateFailure> {
  const { tenant, isShared } = requireIdentity(context)
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
            const reported = await context.upstream.createAsset(request, call)
            const { groupId, type, url, name = null } = request
            const snapshot = withRequested(reported, { groupId, type, url, name })
            return { key: keyOf({ platform: snapshot.platform, id: snapshot.assetId }), snapshot }
          }),
      },
      context,
    )
    return assetOf(created)
  })
}

/** Throws NOT_FOUND for a group of another tenant: among tenants that share a key, a group belongs to the one that registered it. */
async function refuseForeignGroup(key: string, context: Context): Promise<void> {
  const { tenant } = requireIdentity(context)
  if (await context.ledger.find({ tenant, kind: 'assetGroup', key })) return
  const message = 'No group with this id is registered here.'
  throw new RequestError({ code: 'NOT_FOUND', message, retryable: false })
}

/**
 * Registers assets one after another, because the provider refuses parallel creates (upstream-api 2.2). Returns one result
 * for each input, in order.
 */
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

/**
 * The failure that one create throws, as its result: once other creates have succeeded, their ids must reach the caller.
 * Throws the error when it is the first result.
 */
function asResult(error: unknown, results: unknown[]): Failure {
  const failure = failureOf(error)
  if (failure === null || results.length === 0) throw error
  return failure
}

/** Small, because each create waits for the one before it. */
const MAX_ASSETS_AT_ONCE = 50
