import type { Entity } from '../ledger/entity.ts'
import type { Page, PageRequest } from '../ledger/page.ts'
import {
  type AssetGroupSnapshot,
  type CreateAssetGroupRequest,
  keyOf,
  type Platform,
  type PlatformRef,
} from '../model.ts'
import { checkAssetGroup } from '../upstream/limits.ts'
import { completed } from './completed.ts'
import type { Context } from './context.ts'
import { createOnce } from './create-once.ts'
import { type CreateFailure, invalidInput, orFailure } from './failure.ts'
import { checkIdempotencyKey } from './idempotency-key.ts'
import { getPlatformId } from './ids.ts'
import { nullIfNotFound } from './null-if-not-found.ts'
import { listOf } from './page.ts'

export type AssetGroup = AssetGroupSnapshot

export function assetGroupOf({ snapshot }: Entity<'assetGroup'>): AssetGroup {
  return snapshot
}

/** The group, or null when 0-0 knows none by this id; any other failure throws. */
export async function findAssetGroup(
  id: string,
  platform: Platform,
  context: Context,
): Promise<AssetGroup | null> {
  return findAssetGroupByRef(getPlatformId('AssetGroup', id, platform), context)
}

/** As `findAssetGroup`, for an id that was read already. */
export async function findAssetGroupByRef(
  ref: PlatformRef,
  { loaders }: Context,
): Promise<AssetGroup | null> {
  const resource = await nullIfNotFound(loaders.assetGroup.load(ref))
  return resource && assetGroupOf(resource)
}

/** The groups registered here, newest first. */
export async function listAssetGroups(
  request: PageRequest,
  context: Context,
): Promise<Page<AssetGroup>> {
  return listOf('assetGroup', {}, request, assetGroupOf, context)
}

export interface CreateAssetGroupInput extends CreateAssetGroupRequest {
  idempotencyKey?: string | undefined
}

export async function createAssetGroup(
  { idempotencyKey, ...request }: CreateAssetGroupInput,
  context: Context,
): Promise<AssetGroup | CreateFailure> {
  context.caller()
  return orFailure(async () => {
    const issues = [...checkAssetGroup(request), ...checkIdempotencyKey(idempotencyKey)]
    if (issues.length > 0) throw invalidInput(issues)
    const created = await createOnce(
      {
        kind: 'assetGroup',
        request,
        idempotencyKey,
        origin: null,
        async send(call) {
          const said = await context.upstream.createAssetGroup(request, call)
          const { name, description = null, projectName = null } = request
          const snapshot = completed(said, { name, description, projectName })
          return { key: keyOf({ platform: snapshot.platform, id: snapshot.groupId }), snapshot }
        },
      },
      context,
    )
    return assetGroupOf(created)
  })
}
