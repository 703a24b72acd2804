import type { Entity } from '../ledger/entity.ts'
import {
  type AssetGroupSnapshot,
  keyOf,
  type Platform,
  type PlatformRef,
} from '../model/entities.ts'
import { type CreateFailure, invalidInput } from '../model/failure.ts'
import { requireIdentity } from '../model/identity.ts'
import type { Page, PageRequest } from '../model/page.ts'
import type { CreateAssetGroupRequest } from '../model/requests.ts'
import { checkAssetGroup } from '../upstream/input-limits.ts'
import { checkIdempotencyKey } from './check-idempotency-key.ts'
import type { Context } from './context.ts'
import { createOnce } from './create-once.ts'
import { getPlatformId } from './ids.ts'
import { listPage } from './list-page.ts'
import { nullIfNotFound } from './null-if-not-found.ts'
import { orFailure } from './or-failure.ts'
import { withRequested } from './with-requested.ts'

/** A group in the form of the GraphQL schema. */
export type AssetGroup = AssetGroupSnapshot

/** Returns the group of a ledger entity. */
export function assetGroupOf({ snapshot }: Entity<'assetGroup'>): AssetGroup {
  return snapshot
}

/**
 * Returns the group with this global or bare id, or null when 0-0 does not know it. Throws INVALID_INPUT when the id
 * cannot be the id of a group, and any other failure of the read.
 */
export async function findAssetGroup(
  id: string,
  platform: Platform,
  context: Context,
): Promise<AssetGroup | null> {
  return findAssetGroupByRef(getPlatformId('AssetGroup', id, platform), context)
}

/** Like `findAssetGroup`, but for a parsed id. */
export async function findAssetGroupByRef(
  ref: PlatformRef,
  { loaders }: Context,
): Promise<AssetGroup | null> {
  const entity = await nullIfNotFound(loaders.assetGroup.load(ref))
  return entity && assetGroupOf(entity)
}

/** Returns a page of the groups that are registered here. Throws like `listPage`. */
export async function listAssetGroups(
  filter: { search?: string | null | undefined },
  request: PageRequest,
  context: Context,
): Promise<Page<AssetGroup>> {
  return listPage('assetGroup', filter, request, assetGroupOf, context)
}

/** The input of `createAssetGroup`. */
interface CreateAssetGroupInput extends CreateAssetGroupRequest {
  idempotencyKey?: string | undefined
}

/** Creates a group at 0-0. Returns the group or a CreateFailure. Throws any other failure, e.g. UNAUTHENTICATED. */
export async function createAssetGroup(
  { idempotencyKey, ...request }: CreateAssetGroupInput,
  context: Context,
): Promise<AssetGroup | CreateFailure> {
  requireIdentity(context)
  return orFailure(async () => {
    const issues = [...checkAssetGroup(request), ...checkIdempotencyKey(idempotencyKey)]
    if (issues.length > 0) throw invalidInput(issues)
    return assetGroupOf(await sendAssetGroup(request, idempotencyKey, context))
  })
}

/** Creates a group of a valid request at 0-0, once per idempotency key. Throws every failure. */
export function sendAssetGroup(
  request: CreateAssetGroupRequest,
  idempotencyKey: string | undefined,
  context: Context,
): Promise<Entity<'assetGroup'>> {
  const { name, description = null, projectName = null } = request
  return createOnce(
    {
      kind: 'assetGroup',
      request,
      idempotencyKey,
      origin: null,
      async send(call) {
        const reported = await context.upstream.createAssetGroup(request, call)
        const snapshot = withRequested(reported, { name, description, projectName })
        return { key: keyOf({ platform: snapshot.platform, id: snapshot.groupId }), snapshot }
      },
    },
    context,
  )
}
