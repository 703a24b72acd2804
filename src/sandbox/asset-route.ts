import { randomBytes } from 'node:crypto'
import { z } from 'zod'
import type { Call } from './api.ts'
import type { Lifecycle, Pace } from './lifecycle.ts'
import { envelope, formatTime, providerRefusal, type Reply } from './reply.ts'
import type { AssetRow, GroupRow, Store } from './store.ts'

const platform = z
  .string()
  .regex(/^[A-Z][A-Z0-9_]*$/)
  .default('JIMENG')
const name = z.string().min(1).max(64)

const groupSchema = z.object({
  platform,
  name,
  description: z.string().max(300).default(''),
  project_name: z.string().default('default'),
})
const assetSchema = z.object({
  platform,
  group_id: z.string().min(1),
  url: z.url({ protocol: /^https?$/ }),
  asset_type: z.enum(['Image', 'Video', 'Audio']),
  name: name.or(z.literal('')).default(''),
})

/** The material service's part: groups and assets, always in its envelope. */
export function createAssetRoutes(store: Store, lifecycle: Lifecycle, pace: Pace) {
  return {
    createAssetGroup: (call: Call): Reply => {
      const request = groupSchema.safeParse(call.body)
      if (!request.success) return invalidInput(request.error, call.body)
      const group: GroupRow = {
        id: `group-${randomBytes(8).toString('hex')}`,
        account: call.account,
        platform: request.data.platform,
        name: request.data.name,
        description: request.data.description,
        projectName: request.data.project_name,
        createdAt: Math.floor(Date.now() / 1000),
      }
      store.addGroup(group)
      return success(showGroup(group), 'group_id', call)
    },

    getAssetGroup: (call: Call): Reply => {
      const group = store.findGroup(call.id, ownerOf(call), call.query.platform ?? 'JIMENG')
      return group
        ? success(showGroup(group), 'group_id', call)
        : notFound('group_id', call.id, call)
    },

    createAsset: (call: Call): Reply => {
      const request = assetSchema.safeParse(call.body)
      if (!request.success) return invalidInput(request.error, call.body)
      const { group_id: groupId, asset_type: type, ...rest } = request.data
      if (!store.findGroup(groupId, ownerOf(call), rest.platform)) {
        return notFound('group_id', groupId, call)
      }
      const processingMs = pace.assetMinMs + Math.random() * (pace.assetMaxMs - pace.assetMinMs)
      const asset: AssetRow = {
        id: `Asset-${randomBytes(8).toString('hex')}`,
        account: call.account,
        groupId,
        type,
        ...rest,
        status: 'Processing',
        createdAt: Math.floor(Date.now() / 1000),
        settleAt: Math.round(Date.now() + processingMs),
        fate: call.switches.assetOutcome ?? null,
        failureCode: null,
        failureMessage: null,
        file: null,
      }
      store.addAsset(asset)
      lifecycle.followAsset(asset)
      return success(showAsset(asset), 'asset_id', call)
    },

    getAsset: (call: Call): Reply => {
      const asset = store.findAsset(call.id, ownerOf(call), call.query.platform ?? 'JIMENG')
      if (!asset) return notFound('asset_id', call.id, call)
      const isSigned = call.switches.signedUrls && asset.status === 'Active'
      const url = isSigned ? signed(asset.url) : asset.url
      return success(showAsset({ ...asset, url }), 'asset_id', call)
    },
  }
}

/** Whose groups and assets a call may use; null: those of every key, as on the gateway itself (upstream-api 3.7). */
export function ownerOf({ account, switches }: Call): string | null {
  return switches.sharedAssets ? null : account
}

/** Another URL of the same file at each call, good for 12 hours, as the model host signs them (upstream-api 2.2). */
function signed(url: string): string {
  const copy = new URL(url)
  copy.searchParams.set('X-Tos-Expires', String(SIGNED_URL_SECONDS))
  copy.searchParams.set('X-Tos-Signature', randomBytes(16).toString('hex'))
  return copy.href
}

const SIGNED_URL_SECONDS = 12 * 60 * 60

function showGroup(group: GroupRow) {
  return {
    group_id: group.id,
    name: group.name,
    description: group.description,
    project_name: group.projectName,
    status: 'Active',
    created_at: group.createdAt,
  }
}

function showAsset(asset: AssetRow) {
  return {
    asset_id: asset.id,
    name: asset.name,
    group_id: asset.groupId,
    asset_type: asset.type,
    status: asset.status,
    url: asset.url,
    created_at: asset.createdAt,
    ...(asset.status === 'Failed' && {
      error: { code: asset.failureCode, message: asset.failureMessage },
    }),
  }
}

/** The envelope, bent as the faults of this call say. */
function success(
  data: { created_at: number },
  idField: 'group_id' | 'asset_id',
  { switches }: Call,
): Reply {
  const shown: Record<string, unknown> = {
    ...data,
    created_at: formatTime(data.created_at, switches.createdAt),
  }
  if (switches.idField) {
    shown.id = shown[idField]
    delete shown[idField]
  }
  return switches.omitMsg ? { status: 200, body: { code: 200, data: shown } } : envelope(shown)
}

function notFound(field: string, id: string, { switches }: Call): Reply {
  const status = switches.unknownIdStatus ?? 200
  return providerRefusal(404, `NotFound.${field}: ${id} does not exist`, status)
}

function invalidInput(error: z.ZodError, body: Record<string, unknown>): Reply {
  const [issue] = error.issues
  const field = String(issue?.path[0])
  const reason = body[field] ? 'InvalidParameter' : 'MissingParameter'
  return providerRefusal(400, `${reason}.${field}: ${issue?.message}`)
}
