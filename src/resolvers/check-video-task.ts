import type { AssetType, Platform, ResourceRole } from '../model/entities.ts'
import type { InputIssue } from '../model/failure.ts'
import { requireIdentity } from '../model/identity.ts'
import type { CreateVideoTaskRequest, VideoResourceRequest } from '../model/requests.ts'
import { checkVideoTask as checkRequest } from '../upstream/input-limits.ts'
import { checkIdempotencyKey } from './check-idempotency-key.ts'
import type { Context } from './context.ts'
import { notAnId, parsePlatformId } from './ids.ts'

/** An input file of `CreateVideoTaskInput`: an asset or a URL. */
interface VideoResourceInput {
  type: AssetType
  role: ResourceRole
  /** A global or a bare id. */
  assetId?: string | undefined
  platform: Platform
  url?: string | undefined
}

/** The input of `createVideoTask` and `previewVideoTask`. */
export interface CreateVideoTaskInput extends Omit<CreateVideoTaskRequest, 'resources'> {
  resources: readonly VideoResourceInput[]
  waitForAssets: boolean
  idempotencyKey?: string | undefined
}

/** Returns the request for 0-0 and all issues of the input. Send the request only when there are no issues. */
export function checkVideoTask(
  { waitForAssets: _, idempotencyKey, resources, ...rest }: CreateVideoTaskInput,
  context: Context,
): { request: CreateVideoTaskRequest; issues: InputIssue[] } {
  const issues = checkIdempotencyKey(idempotencyKey)
  if (rest.providerOptions && requireIdentity(context).isShared) {
    // These options are sent to the provider unchecked and could contain an asset id of another tenant.
    const message = 'Not allowed when tenants share a key.'
    issues.push({ path: ['providerOptions'], message })
  }
  const checked = resources.map((resource, index) => {
    const { request, issue } = checkResource(resource)
    if (issue) issues.push({ ...issue, path: ['resources', String(index), ...issue.path] })
    return request
  })
  const request = { ...rest, resources: checked }
  return { request, issues: [...issues, ...checkRequest(request)] }
}

function checkResource({ type, role, assetId, platform, url }: VideoResourceInput): {
  request: VideoResourceRequest
  issue?: InputIssue
} {
  // Replaces a missing or invalid source, so that the other rules can still be checked.
  const placeholder = { type, role, url: 'https://placeholder.invalid/' }
  if (assetId !== undefined && url !== undefined) {
    const message = 'Give either assetId or url, not both.'
    return { request: placeholder, issue: { path: ['url'], message } }
  }
  if (url !== undefined) return { request: { type, role, url } }
  if (assetId === undefined) {
    const message = 'Give an assetId or a url.'
    return { request: placeholder, issue: { path: ['assetId'], message } }
  }
  const ref = parsePlatformId('Asset', assetId, platform)
  if (!ref) {
    return { request: placeholder, issue: { path: ['assetId'], message: notAnId('Asset') } }
  }
  return { request: { type, role, assetId: ref.id, platform: ref.platform } }
}
