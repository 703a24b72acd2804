import type { Entity } from '../ledger/entity.ts'
import { type AssetType, keyOf, type PlatformRef } from '../model/entities.ts'
import { type InputIssue, invalidInput, RequestError } from '../model/failure.ts'
import { requireIdentity } from '../model/identity.ts'
import type { CreateVideoTaskRequest } from '../model/requests.ts'
import { type Asset, assetOf } from './asset.ts'
import type { Context } from './context.ts'
import { nullIfNotFound } from './null-if-not-found.ts'

/** An asset that an input file of a video task refers to. */
interface AssetReference {
  /** The path of the input file in the input. */
  path: string[]
  /** The type that the input file declares. */
  type: AssetType
  ref: PlatformRef
  /** Null when 0-0 does not know the asset. */
  asset: Entity<'asset'> | null
}

type KnownReference = AssetReference & { asset: Entity<'asset'> }

/**
 * Returns every asset that a request refers to: from the ledger when it is ACTIVE there, otherwise from 0-0. Throws the
 * failure of a read, except for an unknown asset.
 */
export async function readReferences(
  { resources }: CreateVideoTaskRequest,
  context: Context,
): Promise<AssetReference[]> {
  const { tenant } = requireIdentity(context)
  const { ledger, loaders } = context
  const reading = resources.map(async ({ type, assetId, platform }, index) => {
    if (assetId === undefined) return []
    const ref = { platform, id: assetId }
    const known = await ledger.find({ tenant, kind: 'asset', key: keyOf(ref) })
    const asset =
      known?.snapshot.status === 'ACTIVE' ? known : await nullIfNotFound(loaders.asset.load(ref))
    return [{ path: ['resources', String(index)], type, ref, asset }]
  })
  return (await Promise.all(reading)).flat()
}

/** Like `readReferences`, but throws NOT_FOUND for an unknown asset and INVALID_INPUT for an asset of another type. */
export async function readUsableReferences(
  request: CreateVideoTaskRequest,
  context: Context,
): Promise<KnownReference[]> {
  const references = await readReferences(request, context)
  const [missing] = missingIssues(references)
  if (missing) {
    throw new RequestError({ code: 'NOT_FOUND', message: missing.message, retryable: false })
  }
  const issues = typeIssues(references)
  if (issues.length > 0) throw invalidInput(issues)
  return references.filter(isKnown)
}

/** Returns the permanent issues of the references: an asset is unknown, has another type or has failed. */
export function referenceIssues(references: AssetReference[]): InputIssue[] {
  return [...missingIssues(references), ...typeIssues(references), ...failedIssues(references)]
}

/** Returns the distinct known assets for which `predicate` returns true. */
export function assetsOf(
  references: AssetReference[],
  predicate: (asset: Asset) => boolean,
): Asset[] {
  const assets = new Map(references.filter(isKnown).map(({ asset }) => [asset.key, assetOf(asset)]))
  return [...assets.values()].filter(predicate)
}

function isKnown(reference: AssetReference): reference is KnownReference {
  return reference.asset !== null
}

function missingIssues(references: AssetReference[]): InputIssue[] {
  return references
    .filter(({ asset }) => asset === null)
    .map(({ path, ref: { platform, id } }) => ({
      path: [...path, 'assetId'],
      message: `0-0 knows no asset ${id} on ${platform}.`,
    }))
}

/** Checked here, because 0-0 would accept the task, charge for it, and fail it. */
function typeIssues(references: AssetReference[]): InputIssue[] {
  return references.filter(isKnown).flatMap(({ path, type, asset: { snapshot } }) => {
    if (snapshot.type === null || snapshot.type === type) return []
    const message = `The asset ${snapshot.assetId} is of type ${snapshot.type}.`
    return [{ path: [...path, 'type'], message }]
  })
}

/** FAILED is terminal, so the asset never becomes ACTIVE. */
function failedIssues(references: AssetReference[]): InputIssue[] {
  return references.filter(isKnown).flatMap(({ path, asset }) => {
    const { assetId, status, failureReason } = assetOf(asset)
    if (status !== 'FAILED') return []
    const reason = failureReason === null ? '' : `: ${failureReason}`
    return [{ path: [...path, 'assetId'], message: `The asset ${assetId} has failed${reason}.` }]
  })
}
