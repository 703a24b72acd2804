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
import type { CreateAssetRequest } from '../model/requests.ts'
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

/** An asset in the form of the GraphQL schema. */
export interface Asset extends AssetSnapshot {
  /** The URL with which it was registered; null when it was not registered through this service. */
  sourceUrl: string | null
  /** The asset in the ledger. */
  entity: Entity<'asset'>
}

/** The input of `createAsset`. */
interface CreateAssetInput {
  platform: Platform
  /** A global or a bare id. */
  groupId: string
  url: string
  type: AssetType
  name?: string | undefined
  idempotencyKey?: string | undefined
}

/** Filters a list of assets. */
interface AssetFilter {
  status?: AssetStatus | null | undefined
  statuses?: AssetStatus[] | null | undefined
  type?: AssetType | null | undefined
  search?: string | null | undefined
}

/** Returns the asset of a ledger entity. */
export function assetOf(entity: Entity<'asset'>): Asset {
  const { snapshot, origin, pollingEndedReason } = entity
  return {
    ...snapshot,
    entity,
    sourceUrl: origin?.sourceUrl ?? null,
    failureReason: snapshot.failureReason ?? pollingEndedReason,
  }
}

/**
 * Returns the asset with this global or bare id, or null when 0-0 does not know it. Throws INVALID_INPUT when the id
 * cannot be the id of an asset, and any other failure of the read.
 */
export function findAsset(
  id: string,
  platform: Platform,
  context: Context,
): Asset | Promise<Asset | null> {
  return findAssetByRef(getPlatformId('Asset', id, platform), context)
}

/** Like `findAsset`, but for a parsed id. */
export function findAssetByRef(ref: PlatformRef, context: Context): Asset | Promise<Asset | null> {
  const cached = context.reads.cachedAsset(ref, context)
  return cached ? assetOf(cached) : loadAsset(ref, context)
}

async function loadAsset(ref: PlatformRef, { loaders }: Context): Promise<Asset | null> {
  const entity = await nullIfNotFound(loaders.asset.load(ref))
  return entity && assetOf(entity)
}

/** Returns the group of an asset, or null when 0-0 does not report its id. Throws the failure of the read. */
export async function findGroupOf(
  { platform, groupId }: Asset,
  { loaders }: Context,
): Promise<AssetGroup | null> {
  if (groupId === null) return null
  return assetGroupOf(await loaders.assetGroup.load({ platform, id: groupId }))
}

/** Returns a page of the assets that are registered here. Throws like `listPage`. */
export async function listAssets(
  filter: AssetFilter,
  request: PageRequest,
  context: Context,
): Promise<Page<Asset>> {
  return listPage('asset', filter, request, assetOf, context)
}

/** Returns a page of the assets of a group that are registered here, newest first. Throws like `listPage`. */
export async function listAssetsOf(
  { platform, groupId }: AssetGroup,
  filter: AssetFilter,
  request: PageRequest,
  context: Context,
): Promise<Page<Asset>> {
  const parent = keyOf({ platform, id: groupId })
  return listPage('asset', { ...filter, parent }, request, assetOf, context)
}

/**
 * Registers an asset with 0-0. Returns the asset or a CreateFailure. Throws any other failure, e.g. UNAUTHENTICATED.
 */
export async function createAsset(
  { groupId, idempotencyKey, ...input }: CreateAssetInput,
  context: Context,
): Promise<Asset | CreateFailure> {
  requireIdentity(context)
  return orFailure(async () => {
    const group = parsePlatformId('AssetGroup', groupId, input.platform)
    const { platform, id } = group ?? { platform: input.platform, id: '' }
    const request = { ...input, platform, groupId: id }
    const issues = [...checkAsset(request), ...checkIdempotencyKey(idempotencyKey)]
    if (!group) issues.unshift({ path: ['groupId'], message: notAnId('AssetGroup') })
    if (issues.length > 0) throw invalidInput(issues)
    return assetOf(await sendAsset(request, idempotencyKey, context))
  })
}

/** Registers an asset of a valid request with 0-0, once per idempotency key. Throws every failure. */
export function sendAsset(
  request: CreateAssetRequest,
  idempotencyKey: string | undefined,
  context: Context,
): Promise<Entity<'asset'>> {
  const { tenant, isShared } = requireIdentity(context)
  const { platform, groupId, type, url, name = null } = request
  return createOnce(
    {
      kind: 'asset',
      request,
      idempotencyKey,
      origin: { sourceUrl: url },
      send: (call) =>
        context.withTenantLock(tenant, async () => {
          if (isShared) await refuseForeignGroup(keyOf({ platform, id: groupId }), context)
          const reported = await context.upstream.createAsset(request, call)
          const snapshot = withRequested(reported, { groupId, type, url, name })
          return { key: keyOf({ platform: snapshot.platform, id: snapshot.assetId }), snapshot }
        }),
    },
    context,
  )
}

/**
 * Throws NOT_FOUND for a group of another tenant. With a shared key, a group belongs to the tenant that registered it.
 */
async function refuseForeignGroup(key: string, context: Context): Promise<void> {
  const { tenant } = requireIdentity(context)
  if (await context.ledger.find({ tenant, kind: 'assetGroup', key })) return
  const message = 'No group with this id is registered here.'
  throw new RequestError({ code: 'NOT_FOUND', message, retryable: false })
}

/**
 * Registers assets one after another, because the provider refuses parallel creates (upstream-api 2.2). Returns one
 * result per input, in order. Throws INVALID_INPUT for too many inputs, and the error of the first input unless it is a
 * CreateFailure.
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
 * Returns the failure of a create as its result, because the ids of the earlier creates must reach the caller. Throws
 * an error of the first create, and an error that is not meant for the caller.
 */
function asResult(error: unknown, results: unknown[]): Failure {
  const failure = failureOf(error)
  if (failure === null || results.length === 0) throw error
  return failure
}

/** Small, because creates run one after another. */
const MAX_ASSETS_AT_ONCE = 50
