import type { AssetType, Platform, PlatformRef, ResourceRole } from '../model/entities.ts'
import type { InputIssue } from '../model/failure.ts'
import type {
  CreateAssetGroupRequest,
  CreateAssetRequest,
  CreateVideoTaskRequest,
} from '../model/requests.ts'
import {
  checkAsset,
  checkAssetGroup,
  checkVideoTask,
  MAX_NAME_LENGTH,
} from '../upstream/input-limits.ts'
import { checkIdempotencyKey } from './check-idempotency-key.ts'
import { notAnId, parsePlatformId } from './ids.ts'

/** A file of `CreateVideoFromUrlsInput`. */
interface VideoFileInput {
  url: string
  type: AssetType
  role: ResourceRole
  name?: string | undefined
}

type VideoOptions = Omit<CreateVideoTaskRequest, 'resources' | 'providerOptions'>

/** The input of `createVideoFromUrls`. */
export interface CreateVideoFromUrlsInput extends VideoOptions {
  platform: Platform
  /** A global or a bare id. */
  groupId?: string | undefined
  groupName?: string | undefined
  files: readonly VideoFileInput[]
  idempotencyKey?: string | undefined
}

/** What `createVideoFromUrls` creates. */
export interface VideoFromUrlsPlan {
  /** The group of the files: one that exists, or one to create. Null when there are no files. */
  group: PlatformRef | CreateAssetGroupRequest | null
  files: (Omit<CreateAssetRequest, 'groupId' | 'platform'> & { role: ResourceRole })[]
  video: VideoOptions
}

/** Returns the plan and all issues of the input. Create something only when there are no issues. */
export function checkVideoFromUrls(input: CreateVideoFromUrlsInput): {
  plan: VideoFromUrlsPlan
  issues: InputIssue[]
} {
  const { platform, groupId, groupName, files, idempotencyKey, ...video } = input
  const existing = groupId === undefined ? null : parsePlatformId('AssetGroup', groupId, platform)
  const created = { platform, name: groupName ?? defaultGroupName(video.prompt) }
  const issues = [
    ...checkIdempotencyKey(idempotencyKey),
    ...(groupId === undefined ? groupNameIssues(created) : []),
    ...(groupId === undefined || existing ? [] : [NOT_A_GROUP]),
    ...files.flatMap((file, index) => fileIssues(file, index, platform)),
    ...videoIssues(input),
  ]
  const group = files.length === 0 ? null : (existing ?? created)
  return { plan: { group, files: [...files], video }, issues }
}

const NOT_A_GROUP: InputIssue = { path: ['groupId'], message: notAnId('AssetGroup') }

/** The beginning of the prompt. A prompt that is blank is an issue of its own. */
function defaultGroupName(prompt: string): string {
  const words = prompt.trim().replace(/\s+/gu, ' ')
  return Array.from(words).slice(0, MAX_NAME_LENGTH).join('').trim() || 'Video'
}

function groupNameIssues(group: CreateAssetGroupRequest): InputIssue[] {
  return checkAssetGroup(group).map(({ message }) => ({ path: ['groupName'], message }))
}

function fileIssues(file: VideoFileInput, index: number, platform: Platform): InputIssue[] {
  const { url, type, name } = file
  const issues = checkAsset({ url, type, name, platform, groupId: '' })
  return issues.map(({ path, message }) => ({ path: ['files', String(index), ...path], message }))
}

/** The task refers to assets that do not exist yet. Their ids are not checked. */
function videoIssues({ files, platform, ...video }: CreateVideoFromUrlsInput): InputIssue[] {
  const resources = files.map(({ type, role }) => ({ type, role, platform, assetId: '' }))
  return checkVideoTask({ ...video, resources }).map(({ path, message }) => {
    const [first, ...rest] = path
    if (first !== 'resources') return { path, message }
    const names = rest.map((name) => (name === 'assetId' ? 'url' : name))
    return { path: ['files', ...names], message }
  })
}
