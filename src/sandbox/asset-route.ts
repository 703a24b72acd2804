import { randomBytes } from 'node:crypto'
import { z } from 'zod'
import type { ApiRequest, ApiRoutes } from './api-request.ts'
import type { Lifecycle, Pace } from './lifecycle.ts'
import { envelope, formatTime, providerError, type Reply } from './reply.ts'
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
type AssetInput = z.infer<typeof assetSchema>

/**
 * Builds the handlers of the four group and asset routes. Every reply is in the provider's envelope
 * (upstream-api 2); invalid input and unknown ids are errors in that envelope.
 */
export function createAssetRoutes(
  store: Store,
  lifecycle: Lifecycle,
  pace: Pace,
): Omit<ApiRoutes, 'createVideoTask' | 'getVideoTask'> {
  return {
    createAssetGroup: (request) => {
      const parsed = groupSchema.safeParse(request.body)
      if (!parsed.success) return inputError(parsed.error, request.body)
      const group: GroupRow = {
        id: `group-${randomBytes(8).toString('hex')}`,
        account: request.account,
        platform: parsed.data.platform,
        name: parsed.data.name,
        description: parsed.data.description,
        projectName: parsed.data.project_name,
        createdAt: Math.floor(Date.now() / 1000),
      }
      store.addGroup(group)
      return success(groupBody(group), 'group_id', request)
    },

    getAssetGroup: (request) => {
      const { id, query } = request
      const group = store.findGroup(id, accountFilter(request), query.platform ?? 'JIMENG')
      return group
        ? success(groupBody(group), 'group_id', request)
        : notFound('group_id', id, request)
    },

    createAsset: (request) => {
      const parsed = assetSchema.safeParse(request.body)
      if (!parsed.success) return inputError(parsed.error, request.body)
      const { group_id: groupId, platform } = parsed.data
      if (!store.findGroup(groupId, accountFilter(request), platform)) {
        return notFound('group_id', groupId, request)
      }
      const asset = createAsset(request, parsed.data, pace)
      store.addAsset(asset)
      lifecycle.processAsset(asset)
      return success(assetBody(asset), 'asset_id', request)
    },

    getAsset: (request) => {
      const { id, query, switches } = request
      const asset = store.findAsset(id, accountFilter(request), query.platform ?? 'JIMENG')
      if (!asset) return notFound('asset_id', id, request)
      const isSigned = switches.signedUrls && asset.status === 'Active'
      const url = isSigned ? signUrl(asset.url) : asset.url
      return success(assetBody({ ...asset, url }), 'asset_id', request)
    },
  }
}

/**
 * Returns the account whose groups and assets a request may use. Null stands for all accounts: the
 * gateway binds groups and assets to no key (upstream-api 3.7), which `sharedAssets` emulates.
 */
export function accountFilter({ account, switches }: ApiRequest): string | null {
  return switches.sharedAssets ? null : account
}

function createAsset({ account, switches }: ApiRequest, input: AssetInput, pace: Pace): AssetRow {
  const { group_id: groupId, asset_type: type, ...rest } = input
  const processingMs = pace.assetMinMs + Math.random() * (pace.assetMaxMs - pace.assetMinMs)
  return {
    id: `Asset-${randomBytes(8).toString('hex')}`,
    account,
    groupId,
    type,
    ...rest,
    status: 'Processing',
    createdAt: Math.floor(Date.now() / 1000),
    settleAt: Math.round(Date.now() + processingMs),
    fate: switches.assetOutcome ?? null,
    failureCode: null,
    failureMessage: null,
    file: null,
  }
}

/**
 * The model host signs the URL anew at each read and lets it expire after 12 hours (upstream-api
 * 2.2).
 */
function signUrl(url: string): string {
  const copy = new URL(url)
  copy.searchParams.set('X-Tos-Expires', String(SIGNED_URL_SECONDS))
  copy.searchParams.set('X-Tos-Signature', randomBytes(16).toString('hex'))
  return copy.href
}

const SIGNED_URL_SECONDS = 12 * 60 * 60

function groupBody(group: GroupRow) {
  return {
    group_id: group.id,
    name: group.name,
    description: group.description,
    project_name: group.projectName,
    status: 'Active',
    created_at: group.createdAt,
  }
}

function assetBody(asset: AssetRow) {
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

/** The data in the envelope, changed by the switches `createdAt`, `idField` and `omitMsg`. */
function success(
  data: { created_at: number },
  idField: 'group_id' | 'asset_id',
  { switches }: ApiRequest,
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

function notFound(field: string, id: string, { switches }: ApiRequest): Reply {
  const status = switches.unknownIdStatus ?? 200
  return providerError(404, `NotFound.${field}: ${id} does not exist`, status)
}

function inputError(error: z.ZodError, body: Record<string, unknown>): Reply {
  const [issue] = error.issues
  const field = String(issue?.path[0])
  const reason = body[field] ? 'InvalidParameter' : 'MissingParameter'
  return providerError(400, `${reason}.${field}: ${issue?.message}`)
}
